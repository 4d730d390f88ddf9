/** Random Layers models give the same numbers in tfjs and here. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import fc from 'fast-check';
import { expectSameAsTfjs, randomizeWeights } from '../support/layers-models.js';

const { layers } = tfl;
type Layer = InstanceType<typeof layers.Layer>;

const activation = fc.constantFrom('relu', 'relu6', 'linear', 'elu', 'sigmoid', 'tanh', 'swish', 'hardSigmoid');
const padding = fc.constantFrom('same', 'valid');
const small = fc.integer({ min: 1, max: 3 });
const filters = fc.integer({ min: 1, max: 5 });

/** Layers on images, of sizes that any of them leaves at least 1 x 1 when it is padded. */
const imageLayer: fc.Arbitrary<() => Layer> = fc.oneof(
  fc
    .record({ filters, kernelSize: small, strides: small, padding, activation, useBias: fc.boolean() })
    .map((o) => () => layers.conv2d(o as never)),
  fc
    .record({ kernelSize: small, depthMultiplier: fc.integer({ min: 1, max: 2 }), padding, activation })
    .map((o) => () => layers.depthwiseConv2d(o as never)),
  fc.record({ filters, kernelSize: small, padding, activation }).map((o) => () => layers.separableConv2d(o as never)),
  fc
    .record({ filters, kernelSize: small, strides: fc.constantFrom(1, 2), padding })
    .map((o) => () => layers.conv2dTranspose(o as never)),
  fc.record({ poolSize: small, strides: small, padding }).map((o) => () => layers.maxPooling2d(o as never)),
  fc.record({ poolSize: small, strides: small, padding }).map((o) => () => layers.averagePooling2d(o as never)),
  fc.record({ scale: fc.boolean(), center: fc.boolean() }).map((o) => () => layers.batchNormalization(o)),
  fc.record({ padding: small }).map((o) => () => layers.zeroPadding2d(o)),
  fc.constant(() => layers.upSampling2d({ size: [2, 1] })),
  fc.constant(() => layers.dropout({ rate: 0.4 })),
  activation.map((name) => () => layers.activation({ activation: name as never })),
);

/** Each step is a layer on the last tensor, and perhaps a merge with an earlier one of the same shape. */
const topology = fc.record({
  height: fc.integer({ min: 4, max: 9 }),
  width: fc.integer({ min: 4, max: 9 }),
  depth: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(
    fc.record({ layer: imageLayer, merge: fc.constantFrom(undefined, 'add', 'multiply', 'maximum', 'concatenate', 'average') }),
    {
      minLength: 1,
      maxLength: 6,
    },
  ),
  head: fc.constantFrom('flatten', 'pool', 'none'),
  seed: fc.integer({ min: 1, max: 1000 }),
});

test('random topologies', async (t) => {
  await fc.assert(
    fc.asyncProperty(topology, async ({ height, width, depth, steps, head, seed }) => {
      const input = tfl.input({ shape: [height, width, depth] });
      const apply = (layer: Layer, x: tfl.SymbolicTensor | tfl.SymbolicTensor[]) => layer.apply(x) as tfl.SymbolicTensor;
      const known = [input];
      for (const { layer, merge } of steps) {
        const last = known.at(-1)!;
        let next = apply(layer(), last);
        if (next.shape.slice(1).some((dim) => dim! < 1)) break; // a window larger than what is left
        const earlier = known.find(({ shape }) => String(shape) === String(next.shape));
        if (merge !== undefined && earlier !== undefined) next = apply(layers[merge]() as Layer, [earlier, next]);
        known.push(next);
      }
      let y = known.at(-1)!;
      if (head !== 'none') {
        y = apply(head === 'flatten' ? layers.flatten() : layers.globalAveragePooling2d({}), y);
        y = apply(layers.dense({ units: 4, activation: 'softmax' }), y);
      }
      const model = tfl.model({ inputs: input, outputs: y });
      randomizeWeights(model, seed);
      const before = t.passed;
      await expectSameAsTfjs(t, model, { seed });
      model.dispose();
      return before === t.passed;
    }),
    { numRuns: 40, seed: 20 },
  );
  t.is(tf.memory().numTensors, 0);
});
