/** The example that trains: a few digits, one scheme, and again, when nothing is left to do. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const example = fileURLToPath(new URL('../../../examples/qat-digits/index.mjs', import.meta.url));

test('qat-digits trains, converts, executes, reports, and goes on where it was', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'octensor-qat-digits-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const out = join(folder, 'out');
  const run = (...more: readonly string[]) => {
    const args = [example, '--quick', '--digits', '10', '--float-epochs', '1', '--only', 'LSQ', '--out', out, ...more];
    return spawnSync(process.execPath, args, { encoding: 'utf8' });
  };
  const read = (name: string) => readFileSync(join(out, name), 'utf8');

  const { status, stdout, stderr } = run();
  t.is(status, 0, stderr);
  t.regex(stdout, /\| LSQ +\| +\d+\.\d\d \| +\d+\.\d\d \|/);
  const lines = read('results.jsonl').trim().split('\n');
  t.is(lines.length, 4); // settings, the float model, 8/8 and 2/2
  for (const line of lines.slice(2)) t.true(JSON.parse(line).agreement >= 99);
  t.true(read('table.md').includes('8/8'));
  const page = read('index.html');
  t.true(page.includes('uPlot'));
  t.notRegex(page, /(src|href)="http/);

  const again = run();
  t.is(again.status, 0, again.stderr);
  t.is(read('results.jsonl').trim(), lines.join('\n'));
  t.is(run('--epochs', '2').status, 1, 'other settings are not mixed with these');
  t.is(run('--epochs', 'many').status, 2);
});
