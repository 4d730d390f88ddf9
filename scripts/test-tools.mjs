/** Running test programs and counting what they report. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture, has, root } from './run.mjs';

/** @typedef {{ passed: number, failed: number }} Counts */
/** @typedef {Record<string, string | undefined>} Env */

const avaCli = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');

/** A part cannot run on this machine: its message says what is missing. */
export class Unavailable extends Error {}

/**
 * @param {readonly string[]} programs
 * @param {string} debianPackage
 */
export function need(programs, debianPackage) {
  const missing = programs.filter((program) => !has(program));
  if (missing.length > 0) throw new Unavailable(`no ${missing.join(', ')} (Debian: ${debianPackage})`);
}

/**
 * @param {readonly Counts[]} counts
 * @returns {Counts}
 */
export function sum(...counts) {
  return counts.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed }), { passed: 0, failed: 0 });
}

/**
 * What a program reported, or one failure if it ended badly without reporting any, or ran nothing at all.
 * @param {number | null} status
 * @param {Counts} reported
 * @returns {Counts}
 */
export function checked(status, { passed, failed }) {
  const silentFailure = failed === 0 && (status !== 0 || passed === 0);
  return { passed, failed: silentFailure ? 1 : failed };
}

/** @param {string} output TAP, as ava writes it */
export function parseTap(output) {
  const count = (/** @type {RegExp} */ line) => [...output.matchAll(line)].length;
  const notRun = count(/^ok .*# (?:SKIP|TODO)\b/gm) + count(/^not ok .*# TODO\b/gm);
  const oks = count(/^ok \d+/gm) + count(/^not ok .*# TODO\b/gm);
  return { passed: oks - notRun, failed: count(/^not ok \d+(?!.*# TODO\b)/gm) };
}

/** @param {string} output of `ctest --verbose`: counts doctest's cases where a test prints them, else the test itself */
export function parseCtest(output) {
  const [, failedTests = '0', allTests = '0'] = output.match(/(\d+) tests? failed out of (\d+)/) ?? [];
  const suites = [...output.matchAll(/test cases: +\d+ \| +(\d+) passed \| +(\d+) failed/g)];
  const cases = sum(...suites.map(([, passed, failed]) => ({ passed: Number(passed), failed: Number(failed) })));
  const plain = Number(allTests) - suites.length;
  const crashed = Math.max(0, Number(failedTests) - suites.filter(([, , failed]) => failed !== '0').length);
  return { passed: cases.passed + plain - crashed, failed: cases.failed + crashed };
}

/** Models and goldens that are not part of this repository: OCTENSOR_TEST_DATA, or a folder beside it. Tests skip without. */
function testData() {
  const folder = process.env.OCTENSOR_TEST_DATA ?? join(root, '..', 'shared', 'data');
  return existsSync(folder) ? { OCTENSOR_TEST_DATA: folder } : {};
}

/**
 * Runs compiled tests of the named folders of test/, under `launcher` (an emulator and its Node, by default this Node).
 * @param {readonly string[]} folders
 * @param {{ env?: Env, launcher?: readonly string[] }} [options]
 */
export async function ava(folders, { env = {}, launcher = [process.execPath] } = {}) {
  const [program = '', ...args] = launcher;
  const files = folders.map((folder) => `build/test/${folder}/**/*.test.js`);
  const { status, output } = await capture(program, [...args, avaCli, '--tap', ...files], {
    env: { ...testData(), ...env, OCTENSOR_TEST_LAUNCHER: JSON.stringify(launcher) },
  });
  return checked(status, parseTap(output));
}

/**
 * Configures and builds with CMake in build/<name>/build.
 * @param {string} name
 * @param {readonly string[]} options
 * @param {'g++' | 'clang++-19'} [compiler]
 */
export async function cmake(name, options, compiler = 'g++') {
  need(['cmake', compiler], compiler === 'g++' ? 'cmake, g++' : 'cmake, clang-19, libclang-rt-19-dev');
  const folder = join(root, 'build', name, 'build');
  mkdirSync(folder, { recursive: true });
  const configure = ['-S', root, '-B', folder, `-DCMAKE_CXX_COMPILER=${compiler}`, ...options];
  for (const args of [configure, ['--build', folder, '--parallel', '2']]) {
    const { status, output } = await capture('cmake', args, { quiet: true });
    if (status === 0) continue;
    process.stdout.write(output);
    throw new Error(`cmake ${args.join(' ')}: exit status ${status}`);
  }
  return folder;
}

/**
 * @param {string} folder a CMake build folder
 * @param {Env} [env]
 */
export async function ctest(folder, env = {}) {
  const { status, output } = await capture('ctest', ['--test-dir', folder, '--verbose', '--timeout', '900'], { env });
  return checked(status, parseCtest(output));
}

/**
 * Runs each libFuzzer target of a build folder for a bounded time, from the corpus in `<name>-seeds` beside it where there is one; each
 * counts as one test.
 * @param {string} folder
 * @param {number} secondsEach
 */
export async function fuzz(folder, secondsEach) {
  const bin = join(folder, 'test', 'native');
  const names = existsSync(bin)
    ? readdirSync(bin).filter((name) => name.startsWith('fuzz_') && isProgram(join(bin, name)))
    : [];
  if (names.length === 0) return { passed: 0, failed: 1 };
  const results = [];
  for (const name of names) {
    const seeds = join(bin, `${name}-seeds`);
    // What is found goes to the first folder
    const corpus = existsSync(seeds) ? [mkdtempSync(join(tmpdir(), 'octensor-corpus-')), seeds] : [];
    const args = [
      ...corpus,
      `-max_total_time=${secondsEach}`,
      '-timeout=60',
      '-rss_limit_mb=2048',
      '-print_final_stats=1',
      '-verbosity=0',
    ];
    const { status } = await capture(join(bin, name), args, { cwd: bin });
    if (corpus[0] !== undefined) rmSync(corpus[0], { recursive: true });
    results.push(status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
  }
  return sum(...results);
}

/** @param {string} path */
function isProgram(path) {
  const { mode } = statSync(path);
  return statSync(path).isFile() && (mode & 0o111) !== 0;
}
