/** One step of training: the gradients of all that is to become small, and the optimizer. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel } from '@tensorflow/tfjs-layers';
import { OctensorError } from '../../errors.js';
import { Distillation } from './distillation.js';
import { explosion } from './explosion.js';
import { kernelsOf, variableOf } from './kernels.js';
import { correctCount, crossEntropy, type Logits, logitsOf, meanSquaredError } from './losses.js';
import type { CheckedOptions } from './options.js';
import { makeRegularizer, type Regularizer } from './regularization.js';
import { type Batch, batches, disposeBatch, type Samples } from './samples.js';

export interface Measured {
  readonly loss: number;
  /** Of a model that tells classes apart. */
  readonly accuracy?: number;
}

export class TrainingStep {
  readonly #model: LayersModel;
  /** The model, which gives the features that are distilled as well. */
  readonly #student: LayersModel;
  readonly #options: CheckedOptions;
  readonly #logits: Logits;
  readonly #distillation: Distillation | undefined;
  readonly #regularizer: Regularizer | undefined;

  constructor(model: LayersModel, options: CheckedOptions) {
    this.#model = model;
    this.#options = options;
    this.#logits = logitsOf(model);
    this.#distillation = options.distillation && new Distillation(model, options.distillation);
    const features = this.#distillation?.features ?? [];
    this.#student =
      features.length === 0 ? model : makeModel({ inputs: model.inputs, outputs: [...model.outputs, ...features] });
    this.#regularizer = makeRegularizer(options.regularization ?? {}, kernelsOf(model));
  }

  /** Changes the weights; returns the loss before that, and how many of the batch were right. ERR_TRAINING for a loss that is not finite. */
  run({ x, y, size }: Batch, optimizer: tf.Optimizer, step: number): { readonly loss: number; readonly correct: number } {
    const taught = this.#distillation?.teach(x) ?? [];
    let first: tf.Tensor | undefined;
    const compute = () => {
      const results = this.#compute(x, true);
      first = tf.keep(tf.clone(results[0]!));
      return this.#total(y, results, taught);
    };
    const variables = this.#model.trainableWeights.map(variableOf);
    const { value, grads } = this.#differentiate(compute, variables, x, step);
    try {
      const [loss] = value.dataSync() as Float32Array;
      if (!Number.isFinite(loss)) throw explosion(this.#model, x, step, loss!);
      optimizer.applyGradients(grads);
      const correct = this.#options.loss === 'crossEntropy' ? correctCount(y, first!) : 0;
      return { loss: loss! * size, correct };
    } finally {
      tf.dispose([value, ...Object.values(grads), ...taught, ...(first === undefined ? [] : [first])]);
    }
  }

  /** Quantizers refuse what is not finite before a loss is made of it. */
  #differentiate(compute: () => tf.Scalar, variables: tf.Variable[], x: tf.Tensor[], step: number) {
    try {
      return tf.variableGrads(compute, variables);
    } catch (error) {
      const isRange = error instanceof OctensorError && error.code === 'ERR_QUANTIZATION';
      throw isRange ? explosion(this.#model, x, step, Number.NaN, error) : error;
    }
  }

  /** As at inference, without regularization and teacher. */
  measure(samples: Samples): Measured {
    let [loss, correct, count] = [0, 0, 0];
    for (const batch of batches(samples, this.#options.batchSize)) {
      const results = tf.tidy(() => this.#compute(batch.x, false).slice(0, this.#model.outputs.length));
      const value = this.#task(batch.y, results);
      loss += value.dataSync()[0]! * batch.size;
      if (this.#options.loss === 'crossEntropy') correct += correctCount(batch.y, results[0]!);
      count += batch.size;
      tf.dispose([value, ...results]);
      disposeBatch(batch);
    }
    return { loss: loss / count, ...(this.#options.loss === 'crossEntropy' && { accuracy: correct / count }) };
  }

  #compute(x: tf.Tensor[], training: boolean): tf.Tensor[] {
    return [this.#student.call(x, { training })].flat();
  }

  #task(y: tf.Tensor, outputs: readonly tf.Tensor[]): tf.Scalar {
    const { loss } = this.#options;
    if (typeof loss === 'function') return tf.tidy(() => loss(y, outputs));
    if (loss === 'meanSquaredError') return meanSquaredError(y, outputs[0]!);
    return tf.tidy(() => crossEntropy(y, this.#logits(outputs[0]!)));
  }

  #total(y: tf.Tensor, results: readonly tf.Tensor[], taught: readonly tf.Tensor[]): tf.Scalar {
    const { length } = this.#model.outputs;
    const task = this.#task(y, results.slice(0, length));
    const learned = this.#distillation?.loss(task, this.#logits(results[0]!), results.slice(length), taught) ?? task;
    // Regularizers that layers were made with
    const terms = [
      learned,
      ...this.#model.calculateLosses(),
      ...(this.#regularizer === undefined ? [] : [this.#regularizer()]),
    ];
    return terms.reduce((sum, term) => tf.add(sum, term) as tf.Scalar);
  }
}
