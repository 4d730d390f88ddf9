import test from 'ava';
import { type Graph, InferenceSession, quantize } from 'octensor';
import { balanceChannels, balancedValues, type ChannelStatistics } from '#lib/quant/algorithms/balance-channels.js';
import { floatGraph, normal, relativeError, runGraph } from '../support/float-layers.js';

/** Two convolutions whose channels differ by hundreds, put beside each other, pooled, added to themselves and read by two more. */
function branches(clamp: string): Graph {
  const scaleOf = (channel: number) => 4 ** ((channel % 4) - 2);
  const constants = {
    w1: normal([4, 3, 3, 3], 1, (i) => scaleOf(Math.floor(i / 27))),
    b1: normal([4], 2, scaleOf),
    w2: normal([4, 1, 1, 3], 3, (i) => scaleOf(Math.floor(i / 3) + 1)),
    w3: normal([8, 1, 1, 8], 4, (i) => 1 / scaleOf(i % 8)),
    w4: normal([1, 3, 3, 8], 5),
    w5: normal([5, 1, 1, 8], 6),
  };
  const [image, half] = [
    [1, 8, 8, 4],
    [1, 4, 4, 8],
  ] as const;
  const dims = { c1: image, a1: image, c2: image, a2: image, all: [1, 8, 8, 8], pooled: half, c3: half, c4: half, sum: half };
  return floatGraph([1, 8, 8, 3], { ...dims, y: [1, 4, 4, 5] }, constants, [
    { op: 'Conv2D', inputs: ['x', 'w1', 'b1'], outputs: ['c1'], attributes: { padding: 'same' } },
    { op: clamp, inputs: ['c1'], outputs: ['a1'] },
    { op: 'Conv2D', inputs: ['x', 'w2'], outputs: ['c2'] },
    { op: clamp, inputs: ['c2'], outputs: ['a2'] },
    { op: 'Concat', inputs: ['a1', 'a2'], outputs: ['all'], attributes: { axis: 3 } },
    { op: 'MaxPool2D', inputs: ['all'], outputs: ['pooled'], attributes: { size: [2, 2], strides: [2, 2] } },
    { op: 'Conv2D', inputs: ['pooled', 'w3'], outputs: ['c3'] },
    { op: 'DepthwiseConv2D', inputs: ['c3', 'w4'], outputs: ['c4'], attributes: { padding: 'same' } },
    { op: 'Add', inputs: ['c3', 'c4'], outputs: ['sum'] },
    { op: 'Conv2D', inputs: ['sum', 'w5'], outputs: ['y'] },
  ]);
}

const image = (seed: number) => normal([1, 8, 8, 3], seed);

async function statisticsOf(graph: Graph): Promise<ReadonlyMap<string, ChannelStatistics>> {
  const session = await InferenceSession.create({ ...graph, outputs: balancedValues(graph) }, { backend: 'reference' });
  const results = await session.run({ x: image(9) });
  return new Map(
    Object.entries(results).map(([name, { data, dims }]) => {
      const channels = dims.at(-1)!;
      const columns = Array.from({ length: channels }, (_, c) => (data as Float32Array).filter((__, i) => i % channels === c));
      const of = (each: (column: Float32Array) => number) => Float64Array.from(columns, each);
      const statistics = {
        lowest: of((column) => Math.min(0, ...column)),
        highest: of((column) => Math.max(0, ...column)),
        meanSquares: of((column) => column.reduce((sum, x) => sum + x * x, 0) / column.length),
      };
      return [name, statistics];
    }),
  );
}

for (const clamp of ['Relu', 'Relu6']) {
  test(`scaled channels compute the same, through branches that join: ${clamp}`, async (t) => {
    const graph = branches(clamp);
    const balanced = balanceChannels(graph, { statistics: await statisticsOf(graph), weightSteps: 127 });
    t.true(['w1', 'w3', 'w4', 'w5'].some((name) => balanced.constants.get(name) !== graph.constants.get(name)));
    t.true(relativeError(await runGraph(balanced, image(9)), await runGraph(graph, image(9))) < 1e-5);
  });
}

test('values that leave the graph, and what only they share channels with, are left alone', async (t) => {
  const graph = { ...branches('Relu'), outputs: ['y', 'all'] };
  const balanced = balanceChannels(graph, { statistics: await statisticsOf(graph), weightSteps: 127 });
  for (const name of ['w1', 'b1', 'w2']) t.is(balanced.constants.get(name), graph.constants.get(name));
});

test('one range suits all channels better', async (t) => {
  const graph = branches('Relu');
  const noiseOf = async (options: { equalize?: 'activations' }) => {
    const calibration = [1, 2, 3, 4].map((seed) => ({ x: image(seed) }));
    const { graph: int8 } = await quantize(graph, { calibration, ...options });
    let noise = 0;
    for (const seed of [11, 12, 13, 14]) {
      const [expected, actual] = [await runGraph(graph, image(seed)), await runGraph(int8, image(seed))];
      noise += expected.reduce((sum, value, i) => sum + (value - actual[i]!) ** 2, 0);
    }
    return noise;
  };
  const [without, balanced] = [await noiseOf({}), await noiseOf({ equalize: 'activations' })];
  t.true(balanced < without, `${balanced} and ${without}`);
});
