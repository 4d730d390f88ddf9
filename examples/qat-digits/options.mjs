/** The command line. */
import { parseArgs } from 'node:util';

const usage = `Usage: node examples/qat-digits/index.mjs [options]
  --quick           one seed, four schemes at 8/8 and 2/2, few digits, one epoch
  --seeds N         how many seeds: 1 to N (3)
  --float-epochs N  of the float model (10)
  --epochs N        of models with 2 bits and fewer (14); fewer with more bits
  --digits N        at most so many of each class (all)
  --only TEXT       runs whose name has this in it, "LSQ | 2/2" say
  --part K/N        the Kth of N parts, for several processes at once with the same DIR; then once without
  --out DIR         results.jsonl, results.json, table.md and index.html (qat-digits)
  --backend NAME    of TensorFlow.js: octensor, or cpu (octensor)

What is in DIR is not computed again: a run that was stopped goes on where it was.`;

/** Prints how it is used, and ends the process, where the command line asks for that or is wrong. */
export function readOptions(args = process.argv.slice(2)) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        seeds: { type: 'string' },
        'float-epochs': { type: 'string' },
        epochs: { type: 'string' },
        digits: { type: 'string' },
        only: { type: 'string' },
        part: { type: 'string', default: '1/1' },
        out: { type: 'string' },
        backend: { type: 'string', default: 'octensor' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    stop(`${error.message}\n${usage}`, 2);
  }
  if (values.help) stop(usage, 0);
  const { quick, backend, only } = values;
  const [, k, n] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(values.part)?.map(Number) ?? [];
  if (!(k <= n)) stop(`--part: expected K/N, K from 1 to N, got ${values.part}`, 2);
  if (!['octensor', 'cpu'].includes(backend)) stop(`--backend: expected octensor or cpu, got ${backend}`, 2);
  const count = (name, usual) => {
    const value = values[name] === undefined ? usual : Number(values[name]);
    if (!(Number.isSafeInteger(value) && value > 0) && value !== Infinity) stop(`--${name}: expected a number above 0`, 2);
    return value;
  };
  return {
    quick,
    backend,
    only,
    part: { index: k - 1, count: n },
    out: values.out ?? (quick ? 'qat-digits-quick' : 'qat-digits'),
    seeds: count('seeds', quick ? 1 : 3),
    /** Results of other settings than these are not mixed with them. */
    settings: {
      floatEpochs: count('float-epochs', quick ? 4 : 10),
      epochs: count('epochs', quick ? 1 : 14),
      digits: count('digits', quick ? 200 : Infinity),
    },
  };
}

function stop(message, status) {
  process[status === 0 ? 'stdout' : 'stderr'].write(`${message}\n`);
  process.exit(status);
}
