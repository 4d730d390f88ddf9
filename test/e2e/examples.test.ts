/** Every example runs and says so by its exit status. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

for (const name of readdirSync(examples).filter((file) => file.endsWith('.mjs'))) {
  test(name, (t) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(examples, name)], { encoding: 'utf8' });
    t.is(status, 0, stderr);
    t.not(stdout, '');
  });
}
