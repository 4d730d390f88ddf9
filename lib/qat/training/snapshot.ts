/** All weights of a model, outside of tfjs: the best ones so far, or those of a checkpoint. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { OctensorError } from '../../errors.js';

export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Snapshot = readonly NamedArray[];

/** Moving statistics and the state of quantizers are weights as well. */
export function takeSnapshot(model: LayersModel): Snapshot {
  return model.weights.map((weight) => {
    const { originalName: name, shape } = weight;
    return { name, shape: shape as number[], data: Float32Array.from(weight.read().dataSync()) };
  });
}

/** Throws ERR_SHAPE, naming the weight, for a snapshot of another model. */
export function restoreSnapshot(model: LayersModel, snapshot: Snapshot): void {
  const { weights } = model;
  if (weights.length !== snapshot.length) {
    throw new OctensorError('ERR_SHAPE', `expected ${weights.length} weights of the model, got ${snapshot.length}`);
  }
  for (const [i, { originalName, shape }] of weights.entries()) {
    const given = snapshot[i]!;
    if (String(given.shape) === String(shape)) continue;
    const message = `weight ${originalName}: expected shape [${shape.join(', ')}], got ${given.name} of [${given.shape.join(', ')}]`;
    throw new OctensorError('ERR_SHAPE', message);
  }
  for (const [i, weight] of weights.entries()) {
    const { data, shape } = snapshot[i]!;
    const value = tf.tensor(data, [...shape]);
    weight.write(value);
    value.dispose();
  }
}
