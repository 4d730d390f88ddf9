/** How the addon is chosen, and what happens where there is none: in processes of their own. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { OctensorError } from 'octensor';
import { type Addon, faultOf, loadAddon, toOctensorError, tryAddon } from '#lib/addon.js';
import { nodeArguments, nodeProgram } from '../support/node.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const addon = tryAddon();
const withAddon = addon === undefined ? test.skip : test;

/** A copy of the package as installed, without any native binary. */
const bare = mkdtempSync(path.join(tmpdir(), 'octensor-'));
test.before(() => {
  for (const name of ['package.json', 'dist']) cpSync(path.join(root, name), path.join(bare, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(bare, 'node_modules'), 'dir');
});
test.after.always(() => rmSync(bare, { recursive: true, force: true }));

/** Runs a module with the exports of octensor and octensor/gemm in scope. */
function run(
  directory: string,
  source: string,
  env: Record<string, string> = {},
): { stdout: string; stderr: string; status: number | null } {
  const imports = ['index.js', 'gemm.js'].map((name) => `import * as ${name.slice(0, -3)}Module from './dist/${name}';`);
  const names = `const { OctensorError, cpuInfo } = indexModule; const { PackedMatrix, gemm } = gemmModule;`;
  const b = 'const b = Int8Array.of(1, 2); const pack = (o) => PackedMatrix.pack(b, { k: 1, n: 2, ...o });';
  const text = [
    ...imports,
    names,
    b,
    'const code = (f) => { try { return f(); } catch (e) { return e.code + "|" + e.message; } };',
    source,
  ].join('\n');
  const { OCTENSOR_ISA: _, ...parent } = process.env;
  const options = { cwd: directory, encoding: 'utf8', env: { ...parent, ...env } } as const;
  return spawnSync(nodeProgram, [...nodeArguments, '--input-type=module', '--eval', text], options);
}

test('without an addon the package imports, and auto falls back with one warning that names the remedy', (t) => {
  const source = `
    const first = pack(); pack();
    console.log(first.backend, first.isa, first.kernel, gemm(Uint8Array.of(3), first, { m: 1 }).join());`;
  const { stdout, stderr, status } = run(bare, source);
  t.is(stdout.trim(), 'reference scalar reference 3,6');
  t.is(stderr.match(/OCTENSOR_NO_NATIVE/g)?.length, 1);
  t.true(stderr.includes('npm run build'));
  t.is(status, 0);
});

test('without an addon the reference backend and cpuInfo say nothing', (t) => {
  const { stdout, stderr } = run(
    bare,
    `pack({ backend: 'reference' }); console.log(JSON.stringify(cpuInfo().isa), cpuInfo().selected);`,
  );
  t.is(stdout.trim(), '["scalar"] scalar');
  t.is(stderr, '');
});

test('without an addon the native backend throws ERR_NATIVE with what was tried and the remedies', (t) => {
  const { stdout } = run(bare, `console.log(code(() => pack({ backend: 'native' })));`);
  t.regex(stdout, /^ERR_NATIVE\|No native addon could be loaded/);
  t.true(stdout.includes('No native build was found'));
  t.true(stdout.includes('npm run build'));
  t.true(stdout.includes("backend: 'reference'"));
});

test('without an addon octensor/tfjs throws ERR_NATIVE when it is imported', (t) => {
  const { stdout, status } = run(
    bare,
    `await import('./dist/tfjs/index.js').catch((e) => console.log(e instanceof OctensorError, e.code));`,
  );
  t.is(stdout.trim(), 'true ERR_NATIVE');
  t.is(status, 0);
});

withAddon('octensor/tfjs takes its threads from OCTENSOR_THREADS, and refuses what is no number of threads', (t) => {
  const source = `console.log(await import('./dist/tfjs/index.js').then((m) => m.getThreads(), (e) => e.code + ' ' + e.message));`;
  t.is(run(root, source, { OCTENSOR_THREADS: '3' }).stdout.trim(), '3');
  t.is(
    run(root, source, { OCTENSOR_THREADS: 'many' }).stdout.trim(),
    'ERR_OPTION OCTENSOR_THREADS: expected an integer from 1 to 64, got NaN',
  );
});

test('without an addon a forced instruction set throws, one from the environment falls back', (t) => {
  const forced = run(bare, `console.log(code(() => pack({ isa: 'avx2' }))); console.log(pack({ isa: 'scalar' }).backend);`);
  t.regex(forced.stdout, /^ERR_NATIVE/);
  t.regex(forced.stdout, /reference\s*$/);
  const fromEnvironment = run(bare, `console.log(pack().backend);`, { OCTENSOR_ISA: 'avx2' });
  t.is(fromEnvironment.stdout.trim(), 'reference');
  t.true(fromEnvironment.stderr.includes('OCTENSOR_NO_NATIVE'));
});

for (const [name, directory] of [
  ['without an addon', bare],
  ...(addon === undefined ? [] : [['with an addon', root]]),
] as const) {
  test(`${name} an unknown OCTENSOR_ISA is an error that lists the known`, (t) => {
    const { stdout } = run(directory!, 'console.log(code(cpuInfo)); console.log(code(() => pack()));', {
      OCTENSOR_ISA: 'sse2',
    });
    t.is(stdout.match(/ERR_OPTION\|OCTENSOR_ISA: expected one of scalar, avx2/g)?.length, 2);
  });
}

withAddon('OCTENSOR_ISA selects, and the option goes before it', (t) => {
  const last = addon!.isas.at(-1)!;
  const source = `console.log(cpuInfo().selected, pack().isa, pack({ isa: '${addon!.isas[0]}' }).isa);`;
  t.is(run(root, source, { OCTENSOR_ISA: last }).stdout.trim(), `${last} ${last} ${addon!.isas[0]}`);
  t.is(run(root, source, { OCTENSOR_ISA: '' }).stdout.trim(), `${addon!.isas[0]} ${addon!.isas[0]} ${addon!.isas[0]}`);
});

withAddon('OCTENSOR_ISA that this machine lacks is ERR_NATIVE with what it has', (t) => {
  const lacking = process.arch === 'arm64' ? 'avx2' : 'neon';
  const { stdout } = run(root, 'console.log(code(cpuInfo));', { OCTENSOR_ISA: lacking });
  t.true(stdout.startsWith(`ERR_NATIVE|isa: ${lacking} is not supported here`));
  t.true(stdout.includes(addon!.isas.join(', ')));
});

withAddon('the addon is loaded once', (t) => {
  t.is(loadAddon(), addon!);
});

const never = () => undefined as never;
const fake: Addon = {
  abi: 4,
  isas: ['scalar'],
  cores: 1,
  kernels: [],
  packMatrix: never,
  gemm: never,
  createProgram: never,
  describeProgram: never,
  createRun: never,
  writeRun: never,
  readRun: never,
  runSteps: never,
  startSteps: never,
  cancelRun: never,
  runProfile: never,
  release: never,
  eagerKinds: [],
  configureEager: never,
  eager: never,
  measurePeak: never,
  measureReadBandwidth: never,
};

test('an addon of another version or with a function missing is refused', (t) => {
  t.is(faultOf(fake), undefined);
  t.is(faultOf({ ...fake, abi: 1 }), 'its interface is version 1, expected 4');
  t.is(faultOf({ ...fake, abi: undefined }), 'its interface is version undefined, expected 4');
  t.is(faultOf({ ...fake, gemm: undefined }), 'it has no function gemm');
  t.is(faultOf({ ...fake, isas: [] }), 'it lists no instruction sets');
  t.is(faultOf({ ...fake, kernels: undefined }), 'it lists no kernels');
  t.is(faultOf(undefined), 'its interface is version undefined, expected 4');
});

test('an error of the addon keeps its code and becomes the cause', (t) => {
  const native = Object.assign(new Error('expected k'), { code: 'ERR_SHAPE' });
  const error = toOctensorError(native);
  t.true(error instanceof OctensorError);
  t.is(error.code, 'ERR_SHAPE');
  t.is(error.message, 'expected k');
  t.is(error.cause, native);
  t.is(toOctensorError(Object.assign(new Error('x'), { code: 'ENOENT' })).code, 'ERR_NATIVE');
  t.is(toOctensorError(undefined).code, 'ERR_NATIVE');
});
