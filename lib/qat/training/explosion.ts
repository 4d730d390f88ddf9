/** Which layer made a loss something that is no number. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { describe, OctensorError } from '../../errors.js';

/** ERR_TRAINING: names the step, and the first layer that has or computes what is not finite, or else the one with the largest range. */
export function explosion(
  model: LayersModel,
  x: tf.Tensor[],
  step: number,
  loss: number,
  reason?: OctensorError,
): OctensorError {
  const found = layerWithWeights(model) ?? layerWithValues(model, x);
  const cause = found === undefined ? 'no layer computes anything unusual' : `layer ${describe(found.layer)} ${found.what}`;
  const message = `training stopped in step ${step}: expected a loss that is finite, got ${loss}; ${cause}`;
  const details = { ...(found !== undefined && { node: found.layer }), ...(reason !== undefined && { cause: reason }) };
  return new OctensorError('ERR_TRAINING', message, details);
}

interface Found {
  readonly layer: string;
  readonly what: string;
}

function layerWithWeights(model: LayersModel): Found | undefined {
  for (const layer of model.layers) {
    for (const weight of layer.weights) {
      const range = rangeOf(weight.read());
      if (Number.isFinite(range)) continue;
      return { layer: layer.name, what: `has the weight ${weight.originalName} with magnitudes up to ${range}` };
    }
  }
  return undefined;
}

function layerWithValues(model: LayersModel, x: tf.Tensor[]): Found | undefined {
  const tensors = tensorsOf(model);
  const all = makeModel({ inputs: model.inputs, outputs: [...tensors] });
  const values = [all.predictOnBatch(x.length === 1 ? x[0]! : x)].flat() as tf.Tensor[];
  const ranges = values.map(rangeOf);
  tf.dispose(values);
  const first = ranges.findIndex((range) => !Number.isFinite(range));
  const index = first >= 0 ? first : ranges.indexOf(Math.max(...ranges));
  const tensor = tensors[index];
  return tensor && { layer: tensor.sourceLayer.name, what: `computes magnitudes up to ${ranges[index]}` };
}

/** The largest magnitude; NaN where there is one. */
function rangeOf(tensor: tf.Tensor): number {
  let largest = 0;
  for (const value of tensor.dataSync()) {
    if (Number.isNaN(value)) return Number.NaN;
    largest = Math.max(largest, Math.abs(value));
  }
  return largest;
}

/** What layers compute, each after those that it reads; without the inputs. */
function tensorsOf(model: LayersModel): readonly SymbolicTensor[] {
  const known = new Set(model.inputs.map(({ id }) => id));
  const ordered: SymbolicTensor[] = [];
  const pending = model.outputs.map((tensor) => ({ tensor, isReady: false }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { tensor, isReady } = next;
    if (known.has(tensor.id)) continue;
    if (isReady) {
      known.add(tensor.id);
      ordered.push(tensor);
      continue;
    }
    pending.push({ tensor, isReady: true }, ...tensor.inputs.map((input) => ({ tensor: input, isReady: false })));
  }
  return ordered;
}
