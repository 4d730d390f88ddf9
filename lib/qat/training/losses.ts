/** What training makes small, and how often the right class has the highest score. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';

export const lossNames = ['crossEntropy', 'meanSquaredError'] as const;
export type LossName = (typeof lossNames)[number];
/** The mean over a batch, of labels and of what the model gives for all its outputs. */
export type LossFunction = (y: tf.Tensor, outputs: readonly tf.Tensor[]) => tf.Scalar;

/** Below it probabilities have no logarithm that float32 gradients survive. */
const smallest = 1e-7;

/** Scores before a softmax. Of probabilities, their logarithms: the softmax of those is the same. */
export type Logits = (output: tf.Tensor) => tf.Tensor;

export function logitsOf(model: LayersModel): Logits {
  return endsInSoftmax(model.outputs[0]!) ? (p) => tf.log(tf.clipByValue(p, smallest, 1)) : (scores) => scores;
}

/** Layers behind a softmax that leave probabilities what they are. */
const passing: ReadonlySet<string> = new Set(['OctensorFakeQuantize', 'Reshape', 'Flatten', 'Dropout']);

function endsInSoftmax(tensor: SymbolicTensor): boolean {
  let current: SymbolicTensor | undefined = tensor;
  while (current !== undefined) {
    const { sourceLayer: layer, inputs }: SymbolicTensor = current;
    const inner = (layer as LayersModel).outputs as SymbolicTensor[] | undefined;
    const kind = layer.getClassName();
    if (kind === 'Softmax' || layer.getConfig().activation === 'softmax') return true;
    const isModel = Array.isArray((layer as LayersModel).layers);
    if (!isModel && !passing.has(kind)) return false;
    current = isModel ? inner?.[0] : inputs[0];
  }
  return false;
}

/** -Σ y·log softmax(z), the mean over the batch; y one-hot or the numbers of classes. */
export function crossEntropy(y: tf.Tensor, logits: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const target = oneHot(y, logits.shape.at(-1)!);
    return tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), -1))) as tf.Scalar;
  });
}

export function meanSquaredError(y: tf.Tensor, output: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.squaredDifference(y, output)) as tf.Scalar);
}

/** How many of the batch have their highest score at the right class. */
export function correctCount(y: tf.Tensor, output: tf.Tensor): number {
  const right = tf.tidy(() => {
    const expected = y.dtype === 'int32' ? tf.reshape(y, [-1]) : tf.argMax(y, -1);
    return tf.sum(tf.cast(tf.equal(tf.argMax(output, -1), tf.cast(expected, 'int32')), 'int32'));
  });
  const [count] = right.dataSync();
  right.dispose();
  return count!;
}

function oneHot(y: tf.Tensor, classes: number): tf.Tensor {
  return y.dtype === 'int32' ? tf.oneHot(tf.reshape(y, [-1]) as tf.Tensor1D, classes) : y;
}
