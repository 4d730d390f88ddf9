/** What a caller asks of `train`, checked. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { invalid } from '../../errors.js';
import { adam } from './adam.js';
import type { DistillationOptions } from './distillation.js';
import type { IncrementalOptions } from './incremental.js';
import { type LossFunction, type LossName, lossNames } from './losses.js';
import type { RegularizationOptions } from './regularization.js';
import type { Samples } from './samples.js';
import type { EpochReport } from './train.js';

export const optimizerNames = ['adam', 'sgd', 'momentum'] as const;
export type OptimizerName = (typeof optimizerNames)[number];

export interface TrainOptions {
  readonly epochs: number;
  /** 32 by default. */
  readonly batchSize?: number;
  /** Adam by default. One that is given is not disposed of. */
  readonly optimizer?: OptimizerName | tf.Optimizer;
  /** Of an optimizer that is named; 0.001 by default. */
  readonly learningRate?: number;
  /** `cosine`: from the learning rate to 0 (Loshchilov and Hutter 2017, without restarts). Of an optimizer that is named. */
  readonly schedule?: 'constant' | 'cosine';
  /** `crossEntropy` by default; of a model that ends in a softmax or in scores before one. */
  readonly loss?: LossName | LossFunction;
  /** Not trained on; what is reported, and what early stopping looks at. */
  readonly validation?: Samples;
  readonly distillation?: DistillationOptions;
  readonly regularization?: RegularizationOptions;
  readonly incremental?: IncrementalOptions;
  /** Stops when `patience` epochs were no better than the best one, by more than `minDelta`, and takes the weights of that one. */
  readonly earlyStopping?: { readonly patience: number; readonly metric?: 'loss' | 'accuracy'; readonly minDelta?: number };
  /** A file that is written after every `every` epochs (1) and, with `resume`, read first: then training goes on as if it never stopped. */
  readonly checkpoint?: { readonly path: string; readonly every?: number; readonly resume?: boolean };
  /** A bar on stderr, if that is a terminal; true by default. */
  readonly progress?: boolean;
  /** Of the order of samples; 0 by default. Dropout is reproducible where its layer was given a seed. */
  readonly seed?: number;
  readonly onEpoch?: (report: EpochReport) => void | Promise<void>;
  /** After every step, from 0 on; `loss` is that of its batch. */
  readonly onStep?: (report: { readonly step: number; readonly steps: number; readonly loss: number }) => void;
  /** ERR_ABORTED before the next step. */
  readonly signal?: AbortSignal;
}

export interface CheckedOptions extends TrainOptions {
  readonly batchSize: number;
  readonly loss: LossName | LossFunction;
  readonly seed: number;
}

/** ERR_OPTION for what is no option, and for models that have not been built. */
export function checkTrainOptions(model: LayersModel, options: TrainOptions): CheckedOptions {
  const isBuilt = Array.isArray(model?.inputs) && Array.isArray(model.outputs) && model.outputs.length > 0;
  if (!isBuilt) throw invalid('ERR_OPTION', 'model', 'a LayersModel that is built', model);
  if (model.trainableWeights.length === 0) throw invalid('ERR_OPTION', 'model', 'weights that can be trained', 'none');
  if (typeof options !== 'object' || options === null) throw invalid('ERR_OPTION', 'options', 'an object', options);
  const { epochs, batchSize = 32, loss = 'crossEntropy', seed = 0, learningRate = 1e-3, optimizer = 'adam' } = options;
  checkCount('epochs', epochs);
  checkCount('batchSize', batchSize);
  if (!Number.isSafeInteger(seed)) throw invalid('ERR_OPTION', 'seed', 'an integer', seed);
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw invalid('ERR_OPTION', 'learningRate', 'a number above 0', learningRate);
  }
  if (typeof loss !== 'function' && !lossNames.includes(loss)) {
    throw invalid('ERR_OPTION', 'loss', `${lossNames.join(', ')} or a function`, loss);
  }
  if (typeof loss !== 'function' && model.outputs.length > 1) {
    throw invalid('ERR_OPTION', 'loss', 'a function, as the model has several outputs', loss);
  }
  if (!(optimizer instanceof tf.Optimizer) && !optimizerNames.includes(optimizer)) {
    throw invalid('ERR_OPTION', 'optimizer', `${optimizerNames.join(', ')} or a tf.Optimizer`, optimizer);
  }
  const { schedule = 'constant', earlyStopping, checkpoint, validation, signal, distillation } = options;
  if (schedule !== 'constant' && schedule !== 'cosine') {
    throw invalid('ERR_OPTION', 'schedule', 'constant or cosine', schedule);
  }
  if (distillation !== undefined && loss !== 'crossEntropy') {
    throw invalid('ERR_OPTION', 'distillation', 'crossEntropy as the loss', loss);
  }
  if (earlyStopping !== undefined) {
    checkCount('earlyStopping.patience', earlyStopping.patience);
    if (validation === undefined) throw invalid('ERR_OPTION', 'earlyStopping', 'validation samples', validation);
    if (earlyStopping.metric === 'accuracy' && loss !== 'crossEntropy') {
      throw invalid('ERR_OPTION', 'earlyStopping.metric', 'loss, where there are no classes', 'accuracy');
    }
  }
  if (checkpoint !== undefined) {
    if (typeof checkpoint.path !== 'string' || checkpoint.path === '') {
      throw invalid('ERR_OPTION', 'checkpoint.path', 'the path of a file', checkpoint.path);
    }
    checkCount('checkpoint.every', checkpoint.every ?? 1);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('ERR_OPTION', 'signal', 'an AbortSignal', signal);
  return { ...options, batchSize, loss, seed };
}

function checkCount(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) throw invalid('ERR_OPTION', name, 'an integer from 1 on', value);
}

/** An optimizer, and the rate of each step. */
export interface Optimization {
  readonly optimizer: tf.Optimizer;
  /** `done`: steps so far, of `total`. */
  setRate(done: number, total: number): void;
  dispose(): void;
}

export function makeOptimizer({ optimizer = 'adam', learningRate = 1e-3, schedule }: TrainOptions): Optimization {
  if (optimizer instanceof tf.Optimizer) return { optimizer, setRate: () => {}, dispose: () => {} };
  const made = {
    adam: () => adam(learningRate),
    sgd: () => tf.train.sgd(learningRate),
    momentum: () => tf.train.momentum(learningRate, 0.9),
  }[optimizer]();
  return {
    optimizer: made,
    setRate(done, total) {
      if (schedule !== 'cosine') return;
      const rate = (learningRate * (1 + Math.cos((Math.PI * done) / total))) / 2;
      // By its method: to tfjs every optimizer is an instance of every other's class
      if ('setLearningRate' in made) made.setLearningRate(rate);
      // Adam has no method for it, and reads the field in every step
      else (made as unknown as { learningRate: number }).learningRate = rate;
    },
    dispose: () => made.dispose(),
  };
}
