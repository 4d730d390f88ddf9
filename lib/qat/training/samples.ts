/** Data for training: checked against the model before anything runs, and cut into batches. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { describe, invalid, OctensorError } from '../../errors.js';
import type { LossName } from './losses.js';
import { shuffledIndices } from './random.js';

/** Samples along the first dimension, as many in all; one tensor for each input, and one for the output. */
export interface Samples {
  readonly x: tf.Tensor | readonly tf.Tensor[];
  /** For `crossEntropy`: one-hot, [samples, classes], or the classes' numbers as int32, [samples] or [samples, 1]. */
  readonly y: tf.Tensor;
}

export interface Batch {
  readonly x: tf.Tensor[];
  readonly y: tf.Tensor;
  readonly size: number;
}

/** Throws ERR_OPTION for what are no tensors, ERR_SHAPE for shapes that do not fit the model, ERR_DTYPE for other labels than `loss` takes. */
export function checkSamples(name: string, samples: Samples, model: LayersModel, loss: LossName | 'own'): number {
  if (typeof samples !== 'object' || samples === null) throw invalid('ERR_OPTION', name, 'an object { x, y }', samples);
  const inputs = listOf(samples.x);
  for (const [i, x] of [...inputs, samples.y].entries()) {
    const which = i === inputs.length ? 'y' : 'x';
    if (!(x instanceof tf.Tensor)) throw invalid('ERR_OPTION', `${name}.${which}`, 'a tf.Tensor', x);
  }
  if (inputs.length !== model.inputs.length) {
    throw invalid('ERR_SHAPE', `${name}.x`, `${model.inputs.length} tensors, one for each input`, inputs.length);
  }
  const count = inputs[0]!.shape[0] ?? 0;
  for (const [i, input] of model.inputs.entries()) {
    checkShape(`${name}.x (${describe(model.inputNames[i])})`, inputs[i]!, [count, ...input.shape.slice(1)]);
  }
  if (count === 0) throw invalid('ERR_SHAPE', `${name}.x`, 'one sample at least', 'none');
  checkLabels(`${name}.y`, samples.y, [count, ...model.outputs[0]!.shape.slice(1)], loss);
  return count;
}

function checkLabels(name: string, y: tf.Tensor, output: readonly (number | null)[], loss: LossName | 'own'): void {
  const [count, classes] = [output[0]!, output.at(-1) ?? 0];
  const areNumbers = loss === 'crossEntropy' && y.dtype === 'int32';
  if (!areNumbers) {
    checkShape(name, y, loss === 'own' ? [count, ...y.shape.slice(1)] : output);
    return;
  }
  checkShape(name, y, y.rank === 2 && y.shape[1] === 1 ? [count, 1] : [count]);
  const wrong = (y.dataSync() as Int32Array).find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) throw invalid('ERR_DTYPE', name, `classes from 0 to ${classes - 1}`, wrong);
}

function checkShape(name: string, tensor: tf.Tensor, expected: readonly (number | null)[]): void {
  const { shape } = tensor;
  const fits = shape.length === expected.length && expected.every((dim, i) => dim === null || dim === shape[i]);
  if (fits) return;
  const wanted = expected.map((dim) => dim ?? 'any').join(', ');
  throw new OctensorError('ERR_SHAPE', `${name}: expected shape [${wanted}], got [${shape.join(', ')}]`);
}

/** Whose tensors the reader disposes of. The last one may be smaller; order and cuts depend on the seed and the epoch alone. */
export function* shuffledBatches(samples: Samples, batchSize: number, seed: number, epoch: number): Generator<Batch> {
  const count = samples.y.shape[0]!;
  const order = shuffledIndices(count, seed, epoch);
  for (let start = 0; start < count; start += batchSize) {
    const indices = order.subarray(start, start + batchSize);
    const [y, ...x] = gathered([samples.y, ...listOf(samples.x)], indices);
    yield { x, y: y!, size: indices.length };
  }
}

/** In their order. */
export function* batches(samples: Samples, batchSize: number): Generator<Batch> {
  const count = samples.y.shape[0]!;
  for (let start = 0; start < count; start += batchSize) {
    const size = Math.min(batchSize, count - start);
    const part = (tensor: tf.Tensor) => tf.slice(tensor, start, size);
    yield { x: listOf(samples.x).map(part), y: part(samples.y), size };
  }
}

export function disposeBatch({ x, y }: Batch): void {
  tf.dispose([...x, y]);
}

function gathered(tensors: readonly tf.Tensor[], indices: Int32Array): tf.Tensor[] {
  const places = tf.tensor1d(indices, 'int32');
  try {
    return tensors.map((tensor) => tf.gather(tensor, places));
  } finally {
    places.dispose();
  }
}

function listOf(x: Samples['x']): readonly tf.Tensor[] {
  return Array.isArray(x) ? (x as readonly tf.Tensor[]) : [x as tf.Tensor];
}
