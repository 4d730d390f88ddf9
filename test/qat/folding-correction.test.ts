/** What the correction is for: weights on fixed levels that stay where they are from batch to batch. */
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { calibrate, type PrepareConfig, prepare } from 'octensor/qat';
import { normals } from '../support/normals.js';
import { seedWeights } from '../support/qat-networks.js';

const everywhere: PrepareConfig = { first: 'scheme', last: 'scheme' };
const float = { bits: 32 } as const;

function network(): LayersModel {
  const x = input({ shape: [5, 5, 3] });
  const y = layers.conv2d({ filters: 4, kernelSize: 3, useBias: false, name: 'product' }).apply(x) as SymbolicTensor;
  const z = layers.batchNormalization({ name: 'norm' }).apply(y) as SymbolicTensor;
  return seedWeights(makeModel({ inputs: x, outputs: z }), 3);
}

/** What a model, prepared with and without correction, computes of one batch while it is trained. */
function both(config: PrepareConfig): [corrected: Float32Array, plain: Float32Array] {
  const model = network();
  const x = tf.tensor(normals(4 * 75, 5), [4, 5, 5, 3]);
  return [true, false].map((correction) => {
    const prepared = prepare(model, { ...everywhere, ...config, batchNorm: { correction } });
    calibrate(prepared, x);
    return (prepared.apply(x, { training: true }) as tf.Tensor).dataSync<'float32'>();
  }) as [Float32Array, Float32Array];
}

const distance = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
const same = (t: ExecutionContext, [a, b]: [Float32Array, Float32Array]) => t.true(distance(a, b) < 1e-4, `${distance(a, b)}`);

test('float weights: with and without correction the same', (t) => {
  same(t, both({ weights: float, activations: float }));
});

test('levels per channel that follow the weights: the same, too, as they scale with them', (t) => {
  const weights = { quantizer: 'ste', bits: 3, granularity: 'per-channel' } as const;
  same(t, both({ weights, activations: float }));
});

test('levels of their own: without correction other weights for other batches', (t) => {
  for (const quantizer of ['lsq', 'nudged', 'dsq'] as const) {
    const [corrected, plain] = both({ weights: { quantizer, bits: 3, granularity: 'per-channel' }, activations: float });
    t.true(distance(corrected, plain) > 0.01, quantizer);
  }
});
