/** A fake quantizer inside a layer: its weights as the layer's own, and what of them changes as batches go by. */
import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, type layers, regularizers } from '@tensorflow/tfjs-layers';
import { createQuantizer } from '../quantizers/index.js';
import type { Grid, Quantizer, QuantizerName, QuantizerOptions, WeightValues } from '../quantizers/quantizer.js';

/** Plain JSON of a layer's configuration. */
export interface QuantizerConfig extends QuantizerOptions {
  readonly quantizer: QuantizerName;
}

export type AddWeight = (
  name: string,
  shape: number[],
  dtype: 'float32',
  initializer: ReturnType<typeof initializers.constant>,
  regularizer: ReturnType<typeof regularizers.l2> | undefined,
  trainable: boolean,
) => LayerVariable;

const prefix = 'quantizer_';
const ofQuantizer = new RegExp(`(?:^|/)${prefix}`);

/** Whether a layer's weight is its quantizer's, by its name. */
export function isQuantizerWeight(name: string): boolean {
  return ofQuantizer.test(name);
}

export type Shape = ReturnType<layers.Layer['computeOutputShape']>;

export class QuantizerState {
  readonly quantizer: Quantizer;
  readonly #variables: ReadonlyMap<string, LayerVariable>;

  constructor({ quantizer, ...options }: QuantizerConfig, shape: readonly (number | null)[], addWeight: AddWeight) {
    this.quantizer = createQuantizer(quantizer, options, shape);
    this.#variables = new Map(
      this.quantizer.weights.map(({ name, shape: own, initial, trainable, decay }) => {
        const regularizer = decay === undefined || decay === 0 ? undefined : regularizers.l2({ l2: decay });
        const initializer = initializers.constant({ value: initial });
        return [name, addWeight(`${prefix}${name}`, [...own], 'float32', initializer, regularizer, trainable)];
      }),
    );
  }

  /** Sets all weights from data. */
  initialize(x: tf.Tensor): void {
    this.#write(this.quantizer.initialize(x));
  }

  apply(x: tf.Tensor, training: boolean, step: number): tf.Tensor {
    const { y, updates } = this.quantizer.apply(x, this.values(), { training, step });
    if (updates !== undefined) this.#write(updates);
    return y;
  }

  /**
   * x as it is, while the weights do not count yet, with a gradient of 0 for them: optimizers of tfjs keep their moments by a
   * variable's place among those that have a gradient, which must not change.
   */
  pass(x: tf.Tensor): tf.Tensor {
    const { weights } = this.quantizer;
    const values = this.values();
    const trained = weights.filter(({ trainable }) => trainable).map(({ name }) => values[name]!);
    const identity = tf.customGrad((...args) => ({
      value: tf.clone(args[0] as tf.Tensor),
      gradFunc: (dy: tf.Tensor) => [dy, ...trained.map((weight) => tf.zeros(weight.shape))],
    }));
    return trained.length === 0 ? x : identity(x, ...trained);
  }

  hardApply(x: tf.Tensor): tf.Tensor {
    return this.quantizer.hardApply(x, this.values());
  }

  grid(x?: tf.Tensor): Grid {
    return computing(() => this.quantizer.grid(this.values(), x));
  }

  get hasMovingState(): boolean {
    return this.quantizer.weights.some(({ trainable }) => !trainable);
  }

  values(): WeightValues {
    return Object.fromEntries([...this.#variables].map(([name, variable]) => [name, variable.read()]));
  }

  #write(values: WeightValues): void {
    for (const [name, value] of Object.entries(values)) this.#variables.get(name)!.write(value);
  }
}

/**
 * How many training batches a layer has seen, as a weight, so that it is saved with the others; below 0 while its quantizer has not
 * seen data at all. Reads synchronously.
 */
export class StepCounter {
  readonly #variable: LayerVariable;

  constructor(addWeight: AddWeight, initial: 0 | -1) {
    this.#variable = addWeight('step', [], 'float32', initializers.constant({ value: initial }), undefined, false);
  }

  get value(): number {
    return this.#variable.read().dataSync()[0]!;
  }

  set value(step: number) {
    computing(() => this.#variable.write(tf.scalar(step)));
  }
}

/** `tf.tidy` of what is no tensor. */
export function computing<T>(compute: () => T): T {
  let result: T;
  tf.tidy(() => {
    result = compute();
  });
  return result!;
}
