/** Small networks and data to train them on; the same ones in every run. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, model as makeModel, type SymbolicTensor, sequential } from '@tensorflow/tfjs-layers';
import { type Graph, InferenceSession, Tensor } from 'octensor';
import { normals } from './normals.js';

export const classes = 4;
const size = 6;

/** Weights that depend on nothing but the seed: kernels of unit gain, BatchNorm of all sorts. */
export function seedWeights(model: LayersModel, seed: number): LayersModel {
  for (const [i, layer] of model.layers.entries()) {
    if (layer.weights.length === 0) continue;
    tf.tidy(() => {
      layer.setWeights(
        layer.weights.map(({ originalName, shape }, j) => {
          const dims = shape as number[];
          const count = dims.reduce((product, dim) => product * dim, 1);
          const values = normals(count, seed + 100 * i + j);
          const depth = dims.length === 4 && originalName.includes('depthwise') ? dims[0]! * dims[1]! : count / dims.at(-1)!;
          const of = (map: (value: number) => number) => tf.tensor(values.map(map), dims);
          if (originalName.endsWith('kernel')) return of((value) => value * Math.sqrt(2 / depth));
          if (originalName.endsWith('variance')) return of((value) => 0.5 + value ** 2);
          if (originalName.endsWith('gamma')) return of((value) => 1 + 0.2 * value);
          return of((value) => 0.1 * value);
        }),
      );
    });
  }
  return model;
}

type Make = (x: SymbolicTensor) => SymbolicTensor;
const apply = (layer: layers.Layer): Make => {
  return (x) => layer.apply(x) as SymbolicTensor;
};

/** Each of what the rewriting has a rule for: folding, a residual, a concatenation, both kinds of average, a separable convolution. */
export function network(seed = 1): LayersModel {
  const image = input({ shape: [size, size, 3], name: 'image' });
  const stem = apply(layers.conv2d({ filters: 6, kernelSize: 3, padding: 'same', useBias: false, name: 'stem' }))(image);
  const relu = apply(layers.reLU({ maxValue: 6, name: 'stem_relu' }))(
    apply(layers.batchNormalization({ name: 'stem_norm' }))(stem),
  );
  const depthwise = apply(layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false, name: 'depthwise' }))(relu);
  const spread = apply(layers.activation({ activation: 'relu', name: 'depthwise_relu' }))(
    apply(layers.batchNormalization({ name: 'depthwise_norm' }))(depthwise),
  );
  const project = apply(layers.conv2d({ filters: 6, kernelSize: 1, name: 'project' }))(spread);
  const narrow = apply(layers.batchNormalization({ name: 'project_norm' }))(project);
  const sum = layers.add({ name: 'sum' }).apply([relu, narrow]) as SymbolicTensor;
  const left = apply(layers.separableConv2d({ filters: 4, kernelSize: 3, activation: 'relu', name: 'left' }))(sum);
  const right = apply(layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', name: 'right' }))(sum);
  const both = layers.concatenate({ name: 'both' }).apply([left, right]) as SymbolicTensor;
  const pooled = apply(layers.averagePooling2d({ poolSize: 2, strides: 1, name: 'pool' }))(both);
  const mean = apply(layers.globalAveragePooling2d({ name: 'mean' }))(pooled);
  return seedWeights(
    makeModel({ inputs: image, outputs: apply(layers.dense({ units: classes, name: 'logits' }))(mean) }),
    seed,
  );
}

/** Layers one behind another, with a border of zeros before a convolution and before a pooling. */
export function chain(seed = 1): LayersModel {
  const model = sequential();
  model.add(layers.zeroPadding2d({ padding: 1, inputShape: [size, size, 3], name: 'border' }));
  model.add(layers.conv2d({ filters: 6, kernelSize: 3, strides: 2, name: 'conv' }));
  model.add(layers.batchNormalization({ name: 'norm' }));
  model.add(layers.activation({ activation: 'relu', name: 'relu' }));
  model.add(
    layers.zeroPadding2d({
      padding: [
        [0, 1],
        [1, 0],
      ],
      name: 'frame',
    }),
  );
  model.add(layers.maxPooling2d({ poolSize: 2, strides: 1, name: 'max' }));
  model.add(layers.dropout({ rate: 0.1, name: 'dropout', seed: 1 }));
  model.add(layers.flatten({ name: 'flat' }));
  model.add(layers.dense({ units: 12, activation: 'relu', name: 'hidden' }));
  model.add(layers.dense({ units: classes, activation: 'softmax', name: 'output' }));
  return seedWeights(model, seed);
}

/** Functions, gates, sums of three, poolings and shapes that the others lack. */
export function mixture(seed = 1): LayersModel {
  const image = input({ shape: [size, size, 3], name: 'image' });
  const bent = apply(layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'tanh', name: 'bent' }))(image);
  const leaky = apply(layers.leakyReLU({ alpha: 0.1, name: 'leaky' }))(
    apply(layers.conv2d({ filters: 4, kernelSize: 1, name: 'plain' }))(image),
  );
  const soft = apply(layers.prelu({ name: 'soft' }))(
    apply(layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', dilationRate: 2, name: 'wide' }))(image),
  );
  const sum = layers.add({ name: 'three' }).apply([bent, leaky, soft]) as SymbolicTensor;
  const gate = apply(layers.reshape({ targetShape: [1, 1, 4], name: 'shaped' }))(
    apply(layers.dense({ units: 4, activation: 'sigmoid', name: 'gate' }))(
      apply(layers.globalAveragePooling2d({ name: 'squeezed' }))(sum),
    ),
  );
  const gated = layers.multiply({ name: 'gated' }).apply([sum, gate]) as SymbolicTensor;
  const small = apply(layers.maxPooling2d({ poolSize: 2, name: 'small' }))(gated);
  const large = apply(layers.upSampling2d({ size: [2, 2], name: 'large' }))(small);
  const both = layers.concatenate({ name: 'joined' }).apply([large, sum]) as SymbolicTensor;
  const rows = apply(layers.reshape({ targetShape: [size * size, 8], name: 'rows' }))(both);
  const steps = apply(layers.conv1d({ filters: 5, kernelSize: 4, strides: 3, activation: 'relu', name: 'steps' }))(rows);
  const most = apply(layers.averagePooling1d({ poolSize: 2, name: 'most' }))(steps);
  const last = apply(layers.dense({ units: classes, name: 'logits' }))(apply(layers.flatten({ name: 'flat' }))(most));
  return seedWeights(makeModel({ inputs: image, outputs: last }), seed);
}

export interface Samples {
  readonly x: tf.Tensor4D;
  readonly labels: readonly number[];
}

/** A picture for each class, with noise upon it. */
export function samples(count: number, seed: number): Samples {
  const pixels = size * size * 3;
  const pictures = normals(pixels * classes, 77);
  const noise = normals(pixels * count, seed);
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  const x = noise.map((value, i) => 1.2 * value + pictures[labels[Math.floor(i / pixels)]! * pixels + (i % pixels)]!);
  return { x: tf.tensor4d(x, [count, size, size, 3]), labels };
}

/** So many batches of 16 with Adam. */
export async function train(model: LayersModel, steps: number, rate = 0.005): Promise<void> {
  const isProbability = model.layers.some(({ name }) => name.startsWith('output'));
  const loss = (y: tf.Tensor, p: tf.Tensor) => {
    return isProbability
      ? tf.neg(tf.mean(tf.sum(tf.mul(y, tf.log(tf.add(p, 1e-6))), -1)))
      : tf.losses.softmaxCrossEntropy(y, p);
  };
  const optimizer = tf.train.adam(rate);
  model.compile({ optimizer, loss });
  for (let step = 0; step < steps; step++) {
    const { x, labels } = samples(16, 1000 + step);
    const y = tf.oneHot(tf.tensor1d([...labels], 'int32'), classes);
    await model.trainOnBatch(x, y);
    tf.dispose([x, y]);
  }
  optimizer.dispose();
}

export function predict(model: LayersModel, x: tf.Tensor): Float32Array {
  return tf.tidy(() => (model.predict(x) as tf.Tensor).dataSync<'float32'>().slice());
}

/** What the graph computes of the same data. */
export async function execute(graph: Graph, x: tf.Tensor, backend: 'native' | 'reference' = 'native'): Promise<Float32Array> {
  const session = await InferenceSession.create(graph, { backend });
  try {
    const data = x.dataSync<'float32'>().slice();
    const results = await session.run({ [session.inputNames[0]!]: new Tensor('float32', data, x.shape) });
    return results[session.outputNames[0]!]!.data as Float32Array;
  } finally {
    await session.release();
  }
}

/** The index of the largest of each `classes` values. */
export function topClasses(values: Float32Array): readonly number[] {
  return Array.from({ length: values.length / classes }, (_, i) => {
    const row = values.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}
