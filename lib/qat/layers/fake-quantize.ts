/** The layer that quantizes activations. */
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { OctensorError } from '../../errors.js';
import type { Grid } from '../quantizers/quantizer.js';
import { type QuantizerConfig, QuantizerState, type Shape, StepCounter } from './quantizer-state.js';

export interface FakeQuantizeConfig {
  readonly name?: string;
  readonly trainable?: boolean;
  /** Missing of a layer that keeps the grid of the quantizer before it. */
  readonly quantizer?: QuantizerConfig | null;
  /** Training batches in which values pass as they are. */
  readonly delay?: number;
}

/**
 * Fake-quantizes a tensor: [batch, ...] -> the same shape. Until it has seen a batch, in training or in `calibrate`, and in training
 * for `delay` batches more, it passes values as they are.
 *
 * Without a quantizer of its own it rounds to the grid of the quantizer before it, which is what an average of integers becomes
 * where input and output share their scale.
 */
export class FakeQuantize extends layers.Layer {
  static readonly className = 'OctensorFakeQuantize';
  readonly #config: FakeQuantizeConfig;
  #own: { readonly state: QuantizerState; readonly step: StepCounter } | undefined;
  /** While set, batches set the weights of the quantizer, and pass as they are. */
  isCalibrating = false;

  constructor(config: FakeQuantizeConfig) {
    super(config as never);
    this.#config = config;
  }

  override build(inputShape: Shape): void {
    const { quantizer } = this.#config;
    if (quantizer != null && this.#own === undefined) {
      const addWeight = this.addWeight.bind(this) as never;
      const state = new QuantizerState(quantizer, inputShape as (number | null)[], addWeight);
      this.#own = { state, step: new StepCounter(addWeight, -1) };
    }
    this.built = true;
  }

  override computeOutputShape(inputShape: Shape): Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { readonly training?: boolean }): tf.Tensor {
    return tf.tidy(() => this.#quantize(Array.isArray(inputs) ? inputs[0]! : inputs, kwargs.training === true));
  }

  #quantize(x: tf.Tensor, training: boolean): tf.Tensor {
    if (this.#own === undefined) {
      const leader = this.leader;
      return leader.isReady && !leader.isCalibrating ? leader.like(x, training) : x;
    }
    const { state, step } = this.#own;
    const seen = step.value;
    const { delay = 0 } = this.#config;
    const isTraining = training && this.trainable;
    if (this.isCalibrating || (isTraining && (seen < 0 || (seen === delay && delay > 0)))) state.initialize(x);
    if (this.isCalibrating) {
      if (seen < 0) step.value = 0;
      return x;
    }
    if (isTraining) step.value = Math.max(seen, 0) + 1;
    if (!isTraining && seen < 0) return x;
    if (!training || seen >= delay) return state.apply(x, isTraining, Math.max(seen - delay, 0));
    // Ranges follow the data before they are used, too
    if (isTraining && state.hasMovingState) state.apply(x, true, 0);
    return state.pass(x);
  }

  /** On the grid of this quantizer, without being counted as data that it sees. */
  like(x: tf.Tensor, training: boolean): tf.Tensor {
    const { state, step } = this.#own!;
    const { delay = 0 } = this.#config;
    if (training && step.value <= delay && delay > 0) return x;
    const grid = state.grid();
    return state.apply(grid.kind === 'uniform' ? fractions(x, grid.qparams.scale as number) : x, false, step.value);
  }

  /** Whether its quantizer has seen data. */
  get isReady(): boolean {
    return (this.#own?.step.value ?? this.leader.#own!.step.value) >= 0;
  }

  /** The quantizer whose grid this layer rounds to: its own or one before it. */
  get leader(): FakeQuantize {
    if (this.#own !== undefined) return this;
    const pooling = this.inboundNodes[0]?.inboundLayers[0];
    const found = pooling && quantizerBefore(pooling);
    if (found !== undefined) return found;
    throw new OctensorError(
      'ERR_OPTION',
      `layer ${this.name}: expected a quantizer of its own or one before what it reads, got neither`,
    );
  }

  get bits(): number {
    return this.leader.#config.quantizer!.bits;
  }

  /** Whether there may be values below 0. */
  get signed(): boolean {
    return this.#config.quantizer?.signed !== false;
  }

  grid(): Grid {
    return this.leader.#own!.state.grid();
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { quantizer = null, delay = 0 } = this.#config;
    return { ...super.getConfig(), quantizer: quantizer as never, delay };
  }
}

tf.serialization.registerClass(FakeQuantize as never);

/** Of a step, to which averages of integers are exact: enough for windows of this many elements. */
const parts = 4096;

/**
 * Averages of values on a grid are often halfway between two levels, where an error in the last bit decides. Integers are summed without
 * one: so here it is taken out, with a gradient of 1.
 */
function fractions(x: tf.Tensor, scale: number): tf.Tensor {
  const exact = tf.customGrad((input) => ({
    value: tf.mul(tf.div(tf.round(tf.mul(tf.div(input as tf.Tensor, scale), parts)), parts), scale),
    gradFunc: (dy: tf.Tensor) => dy,
  }));
  return exact(x);
}

/** The quantizer on whose grid all is that a layer reads, perhaps through layers that only move elements. */
export function quantizerBefore(layer: layers.Layer): FakeQuantize | undefined {
  const [before, ...others] = layer.inboundNodes[0]?.inboundLayers ?? [];
  return before === undefined || others.length > 0 ? undefined : gridOf(before);
}

function gridOf(layer: layers.Layer): FakeQuantize | undefined {
  if (layer instanceof FakeQuantize) return layer.leader;
  return keepsGrid(layer) ? quantizerBefore(layer) : undefined;
}

const gridKeepers: ReadonlySet<string> = new Set(
  (
    'Flatten Reshape Permute RepeatVector Cropping2D UpSampling2D ZeroPadding2D MaxPooling1D MaxPooling2D ' +
    'Dropout SpatialDropout1D SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout'
  ).split(' '),
);

/** Whether all that a layer computes, outside of training, are values that it reads, or 0. */
export function keepsGrid(layer: layers.Layer): boolean {
  const name = layer.getClassName();
  if (name === 'UpSampling2D') return layer.getConfig().interpolation !== 'bilinear';
  return name === 'Activation' ? layer.getConfig().activation === 'linear' : gridKeepers.has(name);
}
