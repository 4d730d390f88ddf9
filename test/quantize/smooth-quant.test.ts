import test from 'ava';
import type { Graph, Tensor } from 'octensor';
import { smoothQuant } from '#lib/quant/algorithms/smooth-quant.js';
import { floatGraph, normal, relativeError, runGraph } from '../support/float-layers.js';
import { throwsCode } from '../support/throws.js';

const channels = 8;
const x = normal([2, 5, channels], 9);
/** Two channels of a hundred times the others, as LayerNorms of large language models have them. */
const outliers = (i: number) => (i % channels === 2 || i % channels === 5 ? 100 : 1);
const constants = {
  scale: normal([channels], 1, outliers),
  bias: normal([channels], 2, outliers),
  wq: normal([channels, 6], 3),
  wk: normal([6, channels], 4),
};
const [row, result] = [
  [2, 5, channels],
  [2, 5, 6],
] as const;

/** LayerNorm that two products read, of weights that stand one way and the other. */
const normalized = floatGraph(row, { v: row, q: result, k: result, y: result }, constants, [
  { op: 'LayerNorm', inputs: ['x', 'scale', 'bias'], outputs: ['v'] },
  { op: 'MatMul', inputs: ['v', 'wq'], outputs: ['q'] },
  { op: 'FullyConnected', inputs: ['v', 'wk'], outputs: ['k'], attributes: { keepDims: true } },
  { op: 'Add', inputs: ['q', 'k'], outputs: ['y'] },
]);

async function maximaOf(graph: Graph, name: string): Promise<Float32Array> {
  const values = await runGraph({ ...graph, outputs: [name] }, x);
  const maxima = new Float32Array(channels);
  for (const [i, value] of values.entries()) maxima[i % channels] = Math.max(maxima[i % channels]!, Math.abs(value));
  return maxima;
}

const data = (graph: Graph, name: string) => (graph.constants.get(name) as Tensor<'float32'>).data;
/** Of the largest to the median. */
const spread = (values: Float32Array) => values.toSorted()[channels - 1]! / values.toSorted()[channels / 2]!;

test('the function stays, and the channels of what is multiplied come closer to each other', async (t) => {
  const maxima = await maximaOf(normalized, 'v');
  const { graph, folded, inserted } = smoothQuant(normalized, 0.5, new Map([['v', maxima]]));
  t.deepEqual([folded, inserted], [['v'], []]);
  t.deepEqual(
    graph.nodes.map(({ op }) => op),
    normalized.nodes.map(({ op }) => op),
  );
  t.true(relativeError(await runGraph(graph, x), await runGraph(normalized, x)) < 1e-5);
  t.true(spread(await maximaOf(graph, 'v')) < 0.3 * spread(maxima));
});

test('scales are max|X|^α / max|W|^(1 - α), over all that read the value', async (t) => {
  const maxima = await maximaOf(normalized, 'v');
  for (const alpha of [0, 0.5, 0.8, 1]) {
    const { graph } = smoothQuant(normalized, alpha, new Map([['v', maxima]]));
    for (let j = 0; j < channels; j++) {
      const weights = [
        ...data(normalized, 'wq').subarray(j * 6, j * 6 + 6),
        ...data(normalized, 'wk').filter((_, i) => i % channels === j),
      ];
      const s = maxima[j]! ** alpha / Math.max(...weights.map(Math.abs)) ** (1 - alpha);
      const close = (actual: number, expected: number) => t.true(Math.abs(actual / expected - 1) < 1e-5, `${alpha}, ${j}`);
      close(data(graph, 'wq')[j * 6 + 1]!, data(normalized, 'wq')[j * 6 + 1]! * s);
      close(data(graph, 'wk')[channels + j]!, data(normalized, 'wk')[channels + j]! * s);
      close(data(graph, 'scale')[j]!, data(normalized, 'scale')[j]! / s);
    }
  }
});

test('constants of a Mul, and of what is added to it, are divided', async (t) => {
  const small = { factor: normal([1], 5), term: normal([1, 1, channels], 6, outliers), w: normal([channels, 6], 3) };
  // What is taken away is negative: the Relu leaves all channels something
  for (const [i, value] of small.term.data.entries()) small.term.data[i] = -Math.abs(value);
  const dims = { a: row, b: row, v: row, y: result };
  const chain = floatGraph(row, dims, small, [
    { op: 'Mul', inputs: ['factor', 'x'], outputs: ['a'] },
    { op: 'Sub', inputs: ['a', 'term'], outputs: ['b'] },
    { op: 'Relu', inputs: ['b'], outputs: ['v'] },
    { op: 'MatMul', inputs: ['v', 'w'], outputs: ['y'] },
  ]);
  const { graph, folded } = smoothQuant(chain, 0.5, new Map([['v', await maximaOf(chain, 'v')]]));
  t.deepEqual(folded, ['v']);
  t.deepEqual(graph.constants.get('factor')!.dims, [channels]);
  t.true(relativeError(await runGraph(graph, x), await runGraph(chain, x)) < 1e-5);
  t.true(spread(await maximaOf(graph, 'v')) < 0.3 * spread(await maximaOf(chain, 'v')));
});

test('a value that something else reads, or that is no such constant, gets a Mul', async (t) => {
  const seen = { ...normalized, outputs: ['y', 'v'] };
  const gelu = floatGraph(row, { v: row, y: result }, { wq: constants.wq }, [
    { op: 'Tanh', inputs: ['x'], outputs: ['v'] },
    { op: 'MatMul', inputs: ['v', 'wq'], outputs: ['y'] },
  ]);
  for (const given of [seen, gelu]) {
    const { graph, folded, inserted } = smoothQuant(given, 0.5, new Map([['v', await maximaOf(given, 'v')]]));
    t.deepEqual(folded, []);
    t.deepEqual(
      graph.nodes.filter(({ op }) => op === 'Mul').map(({ name }) => name),
      inserted,
    );
    t.is(graph.nodes.length, given.nodes.length + 1);
    t.true(relativeError(await runGraph(graph, x), await runGraph(given, x)) < 1e-5);
    t.deepEqual(await runGraph({ ...graph, outputs: ['v'] }, x), await runGraph({ ...given, outputs: ['v'] }, x));
  }
});

test('channels of zeros, and values that are not given, stay as they are', async (t) => {
  t.deepEqual(smoothQuant(normalized, 0.5, new Map()), { graph: normalized, folded: [], inserted: [] });
  const maxima = await maximaOf(normalized, 'v');
  maxima[3] = 0;
  const { graph } = smoothQuant(normalized, 0.5, new Map([['v', maxima]]));
  t.is(data(graph, 'scale')[3], data(normalized, 'scale')[3]);
  t.not(data(graph, 'scale')[4], data(normalized, 'scale')[4]);
});

test('what does not fit is an error', (t) => {
  const run = (alpha: number, maxima: readonly number[]) => () =>
    smoothQuant(normalized, alpha, new Map([['v', Float32Array.from(maxima)]]));
  throwsCode(t, run(1.5, []), 'ERR_OPTION', 'alpha', '1.5');
  throwsCode(t, run(0.5, [1, 2]), 'ERR_QUANTIZATION', 'channel maxima of v', '8', '2');
  throwsCode(t, run(0.5, new Array(8).fill(Number.NaN)), 'ERR_QUANTIZATION', 'channel maxima of v', 'NaN');
});
