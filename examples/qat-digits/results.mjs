/** What was measured: a line of JSON for each run, so that hours of it survive anything. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import { bitsText } from './runs.mjs';

/**
 * @typedef {object} Result
 * @property {string} key of the run, or `float`
 * @property {number} seed
 * @property {string} scheme
 * @property {string} bits weights/activations
 * @property {string} group `main`, or a side experiment
 * @property {number} accuracy on the test digits, simulated, in percent
 * @property {number} [integer] accuracy of the converted model, run by octensor
 * @property {number} [agreement] digits of which both say the same, in percent
 * @property {number} [within] logits at most one step apart, in percent
 * @property {string} [note] why there is no converted model
 * @property {number[]} losses means over so many steps that there are at most 100
 * @property {number[]} noise deviations of the loss in the same steps
 * @property {number[]} curve accuracy after each epoch
 * @property {number} seconds
 */

/** Opens DIR; ERR where what is in it has other settings. */
export function openResults(folder, settings) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'results.jsonl');
  const header = JSON.stringify({ settings });
  if (!existsSync(path)) writeFileSync(path, `${header}\n`);
  const [first, ...lines] = readFileSync(path, 'utf8').split('\n');
  if (first !== header) throw new Error(`${path} has results of other settings, ${first}; choose another --out`);
  /** @type {Result[]} */
  const results = [];
  for (const line of lines) {
    // A line that was not finished is a run that was not
    if (!line.startsWith('{') || !line.endsWith('}')) continue;
    const result = JSON.parse(line);
    // Processes of several parts each train the float model, and get the same
    if (!results.some(({ key, seed }) => key === result.key && seed === result.seed)) results.push(result);
  }
  return {
    results,
    has: (key, seed) => results.some((result) => result.key === key && result.seed === seed),
    /** What was measured, which there is. */
    get: (key, seed) => results.find((result) => result.key === key && result.seed === seed),
    /** @param {Result} result */
    add(result) {
      results.push(result);
      appendFileSync(path, `${JSON.stringify(result)}\n`);
    },
  };
}

/** Of the seeds that there are: mean, and the largest distance from it. */
function summary(results, field = 'accuracy') {
  const values = results.map((result) => result[field]).filter((value) => value !== undefined);
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, spread: Math.max(...values.map((value) => Math.abs(value - mean))), seeds: values.length };
}

const shown = (value) => {
  if (value === undefined) return '';
  return value.seeds === 1 ? value.mean.toFixed(2) : `${value.mean.toFixed(2)} ± ${value.spread.toFixed(2)}`;
};

/**
 * The tables: schemes by bits, and one for each side experiment.
 * @param {readonly Result[]} results
 * @param {readonly import('./runs.mjs').Run[]} runs
 */
export function tablesOf(results, runs) {
  const of = (group, scheme, bits) =>
    results.filter((result) => result.group === group && result.scheme === scheme && result.bits === bits);
  const groups = [...new Set(runs.map(({ group = 'main' }) => group))];
  return groups.map((group) => {
    const own = runs.filter((run) => (run.group ?? 'main') === group);
    const schemes = [...new Set(own.map(({ scheme }) => scheme))];
    const columns = [...new Set(own.map(bitsText))];
    const cells = schemes.map((scheme) => columns.map((bits) => summary(of(group, scheme, bits))));
    return { group, schemes, columns, cells };
  });
}

/** Writes results.json and table.md. */
export function writeTables(folder, settings, results, runs) {
  const float = results.filter(({ key }) => key === 'float');
  const tables = tablesOf(results, runs);
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ settings, float: summary(float), tables, results })}\n`);
  const executed = results.filter(({ bits, agreement }) => bits === '8/8' && agreement !== undefined);
  const least = (field) => Math.min(...executed.map((result) => result[field])).toFixed(2);
  const text = [
    `Float: ${shown(summary(float))} % of the test digits. Below: percent, mean over seeds ± the largest distance from it.`,
    ...tables.map(({ group, schemes, columns, cells }) =>
      [
        ...(group === 'main' ? [] : [`### ${group}`, '']),
        markdownTable([['weights/activations', ...columns], ...schemes.map((scheme, i) => [scheme, ...cells[i].map(shown)])], {
          align: ['l', ...columns.map(() => 'r')],
        }),
      ].join('\n'),
    ),
    ...(executed.length === 0
      ? []
      : [
          `Converted to integers at 8/8, ${executed.length} models: the same class for at least ${least('agreement')} % of the digits, at least ${least('within')} % of the logits at most one step apart.`,
        ]),
  ].join('\n\n');
  writeFileSync(join(folder, 'table.md'), `${text}\n`);
  return text;
}
