/**
 * Progressive bit reduction (Zhuang et al. 2018, "Towards Effective Low-bitwidth Convolutional Neural Networks", 3.2; there from 32 by way
 * of 16 and 8 to 4 and 2): a network of fewer bits begins with the weights of one of more.
 */

import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { invalid } from '../../errors.js';
import { productsOf } from '../control.js';
import { isQuantizerWeight } from '../layers/quantizer-state.js';
import type { TrainOptions } from './options.js';
import type { Samples } from './samples.js';
import { type TrainResult, train } from './train.js';

export interface ProgressiveStage {
  /** Of this stage, for `prepareStage`; each at most that of the one before. */
  readonly bits: number;
  /** In place of the shared ones. */
  readonly options?: Partial<TrainOptions>;
}

export interface ProgressiveResult {
  /** The model of the last stage. */
  readonly model: LayersModel;
  readonly stages: readonly TrainResult[];
}

/**
 * Trains a model for each stage, which `prepareStage` makes for its bits (`prepare` with its float model, say) and which takes over the
 * weights of the one before as far as names and shapes are the same: kernels, biases and BatchNorm. Quantizers of weights begin with
 * those, and others anew, instead of what they have learned of another grid. Models of stages before the last are disposed of.
 */
export async function trainProgressively(
  stages: readonly ProgressiveStage[],
  prepareStage: (bits: number) => LayersModel,
  data: Samples,
  options: TrainOptions,
): Promise<ProgressiveResult> {
  const falls = Array.isArray(stages) && stages.every(({ bits }, i) => i === 0 || bits <= stages[i - 1]!.bits);
  if (!falls || stages.length === 0) throw invalid('ERR_OPTION', 'stages', 'bits that do not grow from stage to stage', stages);
  const results: TrainResult[] = [];
  let model: LayersModel | undefined;
  for (const { bits, options: own } of stages) {
    const next = prepareStage(bits);
    if (model !== undefined) {
      transferWeights(model, next);
      for (const layer of productsOf(next)) layer.initializeQuantizer();
      model.dispose();
    }
    model = next;
    results.push(await train(model, data, { ...options, ...own }));
  }
  return { model: model!, stages: results };
}

/** What quantizers keep: of another grid it would be worse than what they begin with. */
const isState = (name: string) => isQuantizerWeight(name) || /(?:^|\/)step/.test(name);

/** Copies weights by name, where the shape is the same; returns how many. */
export function transferWeights(from: LayersModel, to: LayersModel): number {
  const known = new Map(from.weights.map((weight) => [plainName(weight.originalName), weight]));
  let count = 0;
  for (const weight of to.weights) {
    const name = plainName(weight.originalName);
    const source = known.get(name);
    if (source === undefined || isState(name) || String(source.shape) !== String(weight.shape)) continue;
    const value = tf.clone(source.read());
    weight.write(value);
    value.dispose();
    count++;
  }
  return count;
}

/** tfjs numbers names that another model had before. */
function plainName(name: string): string {
  return name.replace(/_\d+$/, '');
}
