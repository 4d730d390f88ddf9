/** The tests that tfjs-core has for every backend: written for Jasmine, published with the package. */
import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { build } from 'esbuild';
import type { Report } from './upstream/report.js';

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const core = dirname(require.resolve('@tensorflow/tfjs-core'));
/** Of the top folder, which has much besides operators. */
const general = ['engine_test.js', 'gradients_test.js', 'tensor_test.js', 'variable_test.js'];

/** Thousands of tests on two backends: not for an emulated CPU. */
const runs = process.env.OCTENSOR_PARITY === 'quick' ? test.skip : test;

function testFiles(): string[] {
  const all = readdirSync(core, { recursive: true, encoding: 'utf8' });
  const ofOperators = all.filter((name) => /^(ops|optimizers)[\\/].*_test\.js$/.test(name));
  return [...ofOperators, ...general].map((name) => join(core, name));
}

/** One file with one tfjs-core for all: its modules as they are published for bundlers, the tests, and the backends. */
async function bundle(outfile: string): Promise<void> {
  const imports = [
    './upstream/boot.js',
    join(core, 'index.js'),
    join(core, 'register_all_gradients.js'),
    join(core, 'public/chained_ops/register_all_chained_ops.js'),
    '@tensorflow/tfjs-backend-cpu',
    'octensor/tfjs',
    'environments',
    ...testFiles(),
    './upstream/report.js',
  ];
  await build({
    stdin: { contents: imports.map((file) => `import ${JSON.stringify(file)};`).join('\n'), resolveDir: here },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    ignoreAnnotations: true, // tests are side effects
    external: ['jasmine-core', 'node-gyp-build'],
    banner: { js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);" },
    logLevel: 'silent',
    plugins: [
      {
        name: 'environments',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^environments$/ }, ({ path }) => ({ path, namespace: 'environments' }));
          onLoad({ filter: /.*/, namespace: 'environments' }, () => ({
            resolveDir: here,
            contents: `import { setTestEnvs } from ${JSON.stringify(join(core, 'jasmine_util.js'))};
              setTestEnvs(['cpu', 'octensor'].map((name) => ({ name, backendName: name, isDataSync: true })));`,
          }));
        },
      },
    ],
  });
}

runs("the backend passes tfjs-core's own tests of operators, gradients and optimizers", async (t) => {
  t.timeout(600_000);
  const file = join(here, '..', 'tfjs-core-tests.mjs'); // as deep as the addon's module expects to be below the package
  await bundle(file);
  const { stdout } = await promisify(execFile)(process.execPath, [file], { maxBuffer: 2 ** 26 });
  rmSync(file);
  const { passed, failed } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Report;
  t.log(passed);
  t.deepEqual(failed, []);
  t.true((passed.octensor ?? 0) >= 3000);
  t.is(passed.octensor, passed.cpu! - 2); // those are about two cpu backends
});
