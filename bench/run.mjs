/** What the table scripts share: running the benchmark, keeping its report, printing Markdown. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from 'markdown-table';

/** @typedef {import('../dist/cli/gemm-report.js').GemmReport} GemmReport */
/** @typedef {import('../dist/cli/gemm-benchmark.js').GemmResult} GemmResult */

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where models and data sets lie that are not part of this repository. */
export function testData() {
  return process.env.OCTENSOR_TEST_DATA ?? join(root, '..', 'shared', 'data');
}

/**
 * Runs `octensor bench` with `options`. The report is kept as build/bench/<name>.json. Where the benchmark fails this process
 * ends, unless `mayFail`: then there is no report.
 * @param {string} name
 * @param {readonly string[]} options
 */
export function bench(name, options, mayFail = false) {
  const cli = join(root, 'dist', 'cli', 'index.js');
  const { status, stdout } = spawnSync(process.execPath, [cli, 'bench', ...options, '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', mayFail ? 'ignore' : 'inherit'],
  });
  if (status !== 0 && mayFail) return undefined;
  if (status !== 0) process.exit(status ?? 1);
  const folder = join(root, 'build', 'bench');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), stdout);
  return JSON.parse(stdout);
}

/**
 * `octensor bench gemm` with `options`, then those of this script's own command line, which override them.
 * @param {string} name
 * @param {readonly string[]} options
 * @returns {GemmReport}
 */
export function benchGemm(name, options) {
  return bench(name, ['gemm', ...options, ...process.argv.slice(2)]);
}

/**
 * The results of each shape, in the order in which they were measured.
 * @param {readonly GemmResult[]} results
 */
export function byShape(results) {
  /** @type {Map<string, GemmResult[]>} */
  const groups = new Map();
  for (const result of results) {
    const shape = `${result.m}x${result.k}x${result.n}`;
    const group = groups.get(shape);
    if (group) group.push(result);
    else groups.set(shape, [result]);
  }
  return groups;
}

/**
 * The first cell of every row is text, the others are numbers.
 * @param {string} title
 * @param {readonly string[]} header
 * @param {readonly (readonly (string | undefined)[])[]} rows
 */
export function printTable(title, header, rows) {
  const table = markdownTable([header, ...rows.map((row) => row.map((cell) => cell ?? ''))], {
    align: header.map((_, i) => (i === 0 ? 'left' : 'right')),
  });
  console.log(`\n${title}\n\n${table}`);
}

/** @param {GemmReport} report */
export function printMachine({ cpu, peakGops }) {
  const peaks = Object.entries(peakGops).map(([isa, gops]) => `${isa} ${gops.toFixed(0)}`);
  console.log(`${cpu}, Node ${process.versions.node}; peak of one core in GOPS: ${peaks.join(', ')}.`);
}
