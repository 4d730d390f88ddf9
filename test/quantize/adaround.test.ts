import test from 'ava';
import { Tensor } from 'octensor';
import { adaround } from '#lib/quant/algorithms/adaround.js';
import { type Gram, GramAccumulator, type GramOptions } from '#lib/quant/algorithms/gram.js';
import { type Layer, layerOf } from '#lib/quant/algorithms/layer.js';
import { dequantizeArray, type QParams } from '#lib/quant/qparams.js';
import { schemes } from '#lib/quant/schemes.js';
import { quantizeWeights, type Rounding, weightLimits, weightParameters } from '#lib/quant/weights.js';
import { floatGraph, normal, normals, runGraph } from '../support/float-layers.js';
import type { NodeSketch } from '../support/graphs.js';
import { throwsCode } from '../support/throws.js';

/** Of few directions and a little noise, and never below 0, as activations are. */
function correlated(dims: readonly number[], seed: number): Tensor<'float32'> {
  const channels = dims.at(-1)!;
  const mixing = normal([3, channels], 77).data;
  const next = normals(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = new Float32Array(size);
  for (let start = 0; start < size; start += channels) {
    const hidden = [next(), next(), next()];
    for (let c = 0; c < channels; c++) {
      const value = hidden.reduce((sum, h, r) => sum + h * mixing[r * channels + c]!, 0.3 * next());
      data[start + c] = Math.max(0, value);
    }
  }
  return new Tensor('float32', data, dims);
}

interface Example {
  readonly node: NodeSketch;
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly y: readonly number[];
  readonly axis: number;
}

const examples: Readonly<Record<string, Example>> = {
  Conv2D: {
    node: { op: 'Conv2D', inputs: ['x', 'w'], outputs: ['y'], attributes: { padding: 'same', strides: [2, 2] } },
    x: [3, 9, 8, 4],
    w: [6, 3, 3, 4],
    y: [3, 5, 4, 6],
    axis: 0,
  },
  'Conv2D in groups': {
    node: {
      op: 'Conv2D',
      inputs: ['x', 'w'],
      outputs: ['y'],
      attributes: { groups: 2, dilations: [2, 1], pads: [1, 0, 0, 1] },
    },
    x: [3, 9, 8, 6],
    w: [10, 3, 3, 3],
    y: [3, 6, 7, 10],
    axis: 0,
  },
  DepthwiseConv2D: {
    node: { op: 'DepthwiseConv2D', inputs: ['x', 'w'], outputs: ['y'], attributes: { padding: 'same' } },
    x: [3, 9, 8, 4],
    w: [1, 3, 3, 8],
    y: [3, 9, 8, 8],
    axis: 3,
  },
  FullyConnected: {
    node: { op: 'FullyConnected', inputs: ['x', 'w'], outputs: ['y'] },
    x: [60, 24],
    w: [7, 24],
    y: [60, 7],
    axis: 0,
  },
  MatMul: { node: { op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }, x: [4, 15, 24], w: [24, 7], y: [4, 15, 7], axis: 1 },
};

const graphOf = ({ node, x, y }: Example, w: Tensor) => floatGraph(x, { y }, { w }, [node]);
const layerFor = (example: Example, w: Tensor): Layer => {
  const graph = graphOf(example, w);
  return layerOf(graph, graph.nodes[0]!)!;
};

interface Weights {
  readonly qparams: QParams;
  readonly limits: readonly [number, number];
}

function fourBits({ weights, dims }: Layer, axis: number, granularity: 'per-channel' | 'per-tensor' = 'per-channel'): Weights {
  const scheme = { ...schemes.default.weights, bits: 4, granularity } as const;
  return { qparams: weightParameters(weights, dims, axis, scheme), limits: weightLimits(scheme) };
}

function rounded({ weights, dims }: Layer, { qparams, limits }: Weights, round?: Rounding): Tensor<'float32'> {
  const { data } = quantizeWeights(weights, dims, qparams, limits, round);
  return new Tensor('float32', dequantizeArray(data, qparams, dims), dims);
}

function gramOf(layer: Layer, x: Tensor<'float32'>, float?: Tensor<'float32'>, options: GramOptions = {}): Gram {
  const accumulator = new GramAccumulator(layer, { patches: 10 ** 6, ...options });
  accumulator.add(x, float);
  return accumulator.finish();
}

/** Over all outputs, by running the layer. */
async function measuredLoss(example: Example, w: Tensor, x: Tensor, expected: Float32Array): Promise<number> {
  const actual = await runGraph(graphOf(example, w), x);
  return actual.reduce((sum, value, i) => sum + (value - expected[i]!) ** 2, 0) / actual.length;
}

for (const [name, example] of Object.entries(examples)) {
  for (const granularity of ['per-channel', 'per-tensor'] as const) {
    test(`${name}, ${granularity}: at 4 bits it loses less than the nearest, for every seed; and as much as it says`, async (t) => {
      const total = { before: 0, after: 0 };
      for (let seed = 1; seed <= 5; seed++) {
        const [w, x] = [normal(example.w, seed), correlated(example.x, seed + 100)];
        const layer = layerFor(example, w);
        const weights = fourBits(layer, example.axis, granularity);
        const { round, loss, nearestLoss } = adaround(layer, weights.qparams, weights.limits, gramOf(layer, x));
        const expected = await runGraph(graphOf(example, w), x);
        const after = await measuredLoss(example, rounded(layer, weights, round), x, expected);
        const before = await measuredLoss(example, rounded(layer, weights), x, expected);
        t.true(after < before, `seed ${seed}: ${before} before, ${after} after`);
        t.true(Math.abs((loss / layer.outputs - after) / after) < 1e-3, `seed ${seed}: ${loss / layer.outputs} and ${after}`);
        t.true(Math.abs((nearestLoss / layer.outputs - before) / before) < 1e-3);
        total.before += before;
        total.after += after;
      }
      t.true(total.after < 0.8 * total.before, `${total.before} before, ${total.after} after`);
    });
  }
}

const matrix = examples.MatMul!;

test('it is better on data that it has not seen, too', async (t) => {
  const w = normal(matrix.w, 1);
  const layer = layerFor(matrix, w);
  const weights = fourBits(layer, matrix.axis);
  const { round } = adaround(layer, weights.qparams, weights.limits, gramOf(layer, correlated([40, 15, 24], 2)));
  const x = correlated(matrix.x, 3);
  const expected = await runGraph(graphOf(matrix, w), x);
  const [after, before] = [rounded(layer, weights, round), rounded(layer, weights)];
  t.true((await measuredLoss(matrix, after, x, expected)) < 0.7 * (await measuredLoss(matrix, before, x, expected)));
});

test('the relaxation finds what flips alone do not', (t) => {
  let [relaxed, flipped] = [0, 0];
  for (let seed = 1; seed <= 5; seed++) {
    const layer = layerFor(matrix, normal(matrix.w, seed));
    const { qparams, limits } = fourBits(layer, matrix.axis);
    const gram = gramOf(layer, correlated([40, 15, 24], seed));
    relaxed += adaround(layer, qparams, limits, gram).loss;
    flipped += adaround(layer, qparams, limits, gram, { iterations: 0 }).loss;
  }
  t.true(relaxed < flipped, `${relaxed} and ${flipped}`);
});

test('each weight is rounded to one of its two neighbours, within the limits', (t) => {
  const layer = layerFor(matrix, normal(matrix.w, 1));
  const limits = [-7, 7] as const;
  const qparams = { dtype: 'int8', scale: 0.2, zeroPoint: 0 } as const;
  const { round, loss, nearestLoss } = adaround(layer, qparams, limits, gramOf(layer, correlated(matrix.x, 2)));
  const { data } = quantizeWeights(layer.weights, layer.dims, qparams, limits, round);
  for (const [i, weight] of layer.weights.entries()) {
    const exact = Math.min(Math.max(weight / 0.2, -7), 7);
    t.true(Math.abs(data[i]! - exact) < 1 && Math.abs(data[i]!) <= 7);
  }
  t.true(loss < nearestLoss);
});

test('zero points, and 8 bits', (t) => {
  const layer = layerFor(matrix, normal(matrix.w, 1));
  const scheme = { ...schemes['per-tensor'].weights, granularity: 'per-channel' } as const;
  const qparams = weightParameters(layer.weights, layer.dims, 1, scheme);
  const { loss, nearestLoss, round } = adaround(layer, qparams, weightLimits(scheme), gramOf(layer, correlated(matrix.x, 2)));
  t.true(loss < 0.7 * nearestLoss);
  const real = rounded(layer, { qparams, limits: weightLimits(scheme) }, round).data;
  const scales = qparams.scale as Float32Array;
  t.true(real.every((value, i) => Math.abs(value - layer.weights[i]!) < scales[i % 7]! * 1.0001));
});

test('with the inputs of both networks, it makes up for what came before', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const w = normal(matrix.w, seed);
    const layer = layerFor(matrix, w);
    const weights = fourBits(layer, matrix.axis);
    const float = correlated(matrix.x, seed + 50);
    const x = new Tensor(
      'float32',
      float.data.map((value) => Math.round(value / 0.7) * 0.7 + 0.1),
      matrix.x,
    );
    const expected = await runGraph(graphOf(matrix, w), float);
    const lossWith = async (gram: Gram) => {
      const { round } = adaround(layer, weights.qparams, weights.limits, gram);
      return measuredLoss(matrix, rounded(layer, weights, round), x, expected);
    };
    const [own, both] = [await lossWith(gramOf(layer, x)), await lossWith(gramOf(layer, x, float))];
    t.true(both < own, `seed ${seed}: ${own} and ${both}`);
  }
});

test('batches add up; the same ones give the same rounding', (t) => {
  const layer = layerFor(matrix, normal(matrix.w, 1));
  const batches = [1, 2, 3].map((seed) => correlated(matrix.x, seed));
  const roundings = [1, 1, 2].map((seed) => {
    const accumulator = new GramAccumulator(layer, { patches: 20, seed });
    for (const batch of batches) accumulator.add(batch);
    const gram = accumulator.finish();
    t.is(gram.count, 60);
    const { qparams, limits } = fourBits(layer, 1);
    return {
      gram,
      integers: quantizeWeights(layer.weights, layer.dims, qparams, limits, adaround(layer, qparams, limits, gram).round),
    };
  });
  t.deepEqual(roundings[0], roundings[1]);
  t.notDeepEqual(roundings[0]!.gram, roundings[2]!.gram);
  const all = gramOf(
    layer,
    new Tensor(
      'float32',
      batches.flatMap(({ data }) => [...data]),
      [12, 15, 24],
    ),
  );
  const parts = new GramAccumulator(layer, { patches: 1000 });
  for (const batch of batches) parts.add(batch);
  for (const [i, value] of parts.finish().blocks[0]!.moments.entries()) {
    t.true(Math.abs(value - all.blocks[0]!.moments[i]!) < 1e-4);
  }
});

test('long patches fall apart into blocks, down to the nearest for blocks of one', (t) => {
  const layer = layerFor(matrix, normal(matrix.w, 1));
  const x = correlated([40, 15, 24], 1);
  const { qparams, limits } = fourBits(layer, 1);
  const losses = [24, 10, 1].map((maxBlock) => {
    const gram = gramOf(layer, x, undefined, { maxBlock });
    t.true(gram.blocks.every(({ size }) => size <= maxBlock));
    const { round } = adaround(layer, qparams, limits, gram);
    const { blocks } = gramOf(layer, x);
    // What it really costs, by all moments
    const integers = quantizeWeights(layer.weights, layer.dims, qparams, limits, round).data;
    const real = dequantizeArray(integers, qparams, layer.dims);
    let loss = 0;
    for (let o = 0; o < 7; o++) {
      const d = Array.from({ length: 24 }, (_, k) => real[k * 7 + o]! - layer.weights[k * 7 + o]!);
      for (let i = 0; i < 24; i++) for (let j = 0; j < 24; j++) loss += d[i]! * d[j]! * blocks[0]!.moments[i * 24 + j]!;
    }
    return { loss, integers };
  });
  t.true(losses[0]!.loss < losses[1]!.loss && losses[1]!.loss < losses[2]!.loss);
  t.deepEqual(losses[2]!.integers, quantizeWeights(layer.weights, layer.dims, qparams, limits).data);
});

test('what does not fit is an error that names the node', (t) => {
  const layer = layerFor(matrix, normal(matrix.w, 1));
  const add = (dims: readonly number[], float?: Tensor<'float32'>) => () =>
    new GramAccumulator(layer).add(normal(dims, 1), float);
  throwsCode(t, add([3, 5]), 'ERR_SHAPE', 'y', '24', '[3, 5]');
  throwsCode(t, add([2, 24], normal([1, 24], 1)), 'ERR_SHAPE', 'y');
  throwsCode(t, () => new GramAccumulator(layer).finish(), 'ERR_QUANTIZATION', 'y');
  throwsCode(t, () => new GramAccumulator(layer).add(normal([1, 24], 1, () => Number.NaN)), 'ERR_QUANTIZATION', 'y', 'finite');
  throwsCode(t, () => new GramAccumulator(layer, { patches: 0 }), 'ERR_OPTION', 'patches');
  const mixed = new GramAccumulator(layer);
  mixed.add(normal([2, 24], 1));
  throwsCode(t, () => mixed.add(normal([2, 24], 1), normal([2, 24], 1)), 'ERR_QUANTIZATION', 'all batches or with none');
  const qparams = { dtype: 'int8', scale: new Float32Array(24).fill(1), zeroPoint: 0, axis: 0 } as const;
  throwsCode(t, () => adaround(layer, qparams, [-7, 7], gramOf(layer, correlated(matrix.x, 1))), 'ERR_QUANTIZATION', '7', '24');
  const conv = layerFor(examples.Conv2D!, normal(examples.Conv2D!.w, 1));
  throwsCode(t, () => gramOf(conv, normal([1, 4, 4, 3], 1)), 'ERR_SHAPE', '[1, 4, 4, 3]');
  throwsCode(
    t,
    () => adaround(conv, { ...qparams, scale: 1 }, [-7, 7], gramOf(layer, correlated(matrix.x, 1))),
    'ERR_QUANTIZATION',
    '36',
  );
});
