/** The layer that trains weights which will be integers, with the BatchNormalization behind them folded in. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { invalid } from '../../errors.js';
import type { Grid } from '../quantizers/quantizer.js';
import { quantizerBefore } from './fake-quantize.js';
import {
  type BuiltBatchNorm,
  batchStatistics,
  type Folded,
  type FoldingPhase,
  foldBatchNorm,
  foldingPhases,
  updateMoving,
} from './folding.js';
import {
  type BuiltProduct,
  joinChannels,
  joinedShape,
  type LayerConfig,
  type Product,
  type ProductName,
  productOf,
} from './products.js';
import { computing, type QuantizerConfig, QuantizerState, type Shape, StepCounter } from './quantizer-state.js';

/** When BatchNorm goes over to its next phase, in training batches; never without. */
export interface FoldingSchedule {
  readonly moving?: number | null;
  readonly freeze?: number | null;
  /** False folds the statistics of each batch into the weights that are quantized, as if there were no correction. */
  readonly correction?: boolean;
}

export interface QuantizedProductConfig {
  readonly name?: string;
  readonly trainable?: boolean;
  readonly product: ProductName;
  /** Of the float layer, without an activation. */
  readonly layer: LayerConfig;
  /** Of the BatchNormalization that follows. */
  readonly norm?: LayerConfig | null;
  /** Missing where weights stay float. */
  readonly quantizer?: QuantizerConfig | null;
  readonly delay?: number;
  readonly schedule?: FoldingSchedule | null;
  /** Instead of what the schedule says. */
  readonly phase?: FoldingPhase | null;
}

/** A float layer with which integer execution is the same, up to the roundings of float32. */
export interface FloatProduct {
  /** The values that integers stand for, in the shape of the float layer's weights. */
  readonly kernel: tf.Tensor;
  readonly bias: tf.Tensor;
}

export class QuantizedProduct extends layers.Layer {
  static readonly className = 'OctensorQuantizedProduct';
  readonly #config: QuantizedProductConfig;
  readonly #product: Product;
  readonly #layer: BuiltProduct;
  readonly #layerConfig: LayerConfig;
  readonly #norm: BuiltBatchNorm | undefined;
  #state: QuantizerState | undefined;
  #step: StepCounter | undefined;
  #phase: FoldingPhase | null;

  constructor(config: QuantizedProductConfig) {
    super({ name: config.name, trainable: config.trainable } as never);
    this.#config = config;
    this.#product = productOf(config.product);
    this.#layer = this.#product.make(config.layer) as unknown as BuiltProduct;
    this.#layerConfig = this.#layer.getConfig();
    if (config.norm != null) this.#norm = layers.batchNormalization(config.norm as never) as unknown as BuiltBatchNorm;
    this.#phase = config.phase ?? null;
  }

  override build(inputShape: Shape): void {
    const parts: layers.Layer[] = [buildPart(this.#layer, inputShape)];
    if (this.#norm !== undefined) parts.push(buildPart(this.#norm, this.#layer.computeOutputShape(inputShape)));
    // Their weights become its own, and so do the losses of their regularizers
    const weights = parts.flatMap((part) => part.weights);
    this.trainableWeights = weights.filter(({ trainable }) => trainable);
    this.nonTrainableWeights = weights.filter(({ trainable }) => !trainable);
    for (const { losses } of parts) this.addLoss(losses);
    const addWeight = this.addWeight.bind(this) as never;
    const shape = joinedShape(this.#kernel.shape as number[], this.#product);
    const { quantizer } = this.#config;
    if (quantizer != null) this.#state = new QuantizerState({ ...quantizer, axis: shape.length - 1 }, shape, addWeight);
    this.#step = new StepCounter(addWeight, 0);
    this.built = true;
  }

  override computeOutputShape(inputShape: Shape): Shape {
    return this.#layer.computeOutputShape(inputShape);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { readonly training?: boolean }): tf.Tensor {
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      const training = kwargs.training === true;
      const step = this.#step!.value;
      const isTraining = training && this.trainable;
      const { batch, folded } = this.#fold(x, isTraining);
      const isDelayed = training && step < (this.#config.delay ?? 0);
      const joined = this.#foldedKernel(folded);
      const sums = this.#run(x, this.#weights(joined, isDelayed, isTraining, step));
      const corrected = folded?.correction === undefined ? sums : tf.div(sums, folded.correction);
      if (isTraining) this.#step!.value = step + 1;
      if (batch !== undefined && this.phase !== 'frozen') updateMoving(this.#norm!, batch);
      const offset = folded?.offset ?? this.#bias;
      if (offset === undefined) return corrected;
      return tf.add(corrected, isDelayed ? offset : this.#roundedBias(offset, joined, isTraining));
    });
  }

  /** BatchNorm by the statistics of its phase; `batch` are those of x, where they are needed. */
  #fold(x: tf.Tensor, isTraining: boolean) {
    const norm = this.#norm;
    if (norm === undefined) return {};
    const phase = isTraining ? this.phase : 'frozen';
    const isCorrected = this.#config.schedule?.correction !== false;
    const batch = phase === 'frozen' ? undefined : batchStatistics(this.#run(x, this.#kernel.read()), this.#bias);
    return { batch, folded: foldBatchNorm(norm, this.#bias, phase === 'batch' ? batch : undefined, isCorrected) };
  }

  /** In the shape of the float layer's weights. */
  #weights(joined: tf.Tensor, isDelayed: boolean, isTraining: boolean, step: number): tf.Tensor {
    const state = this.#state;
    const { delay = 0 } = this.#config;
    // Weights have moved since the quantizer saw them
    if (isTraining && step === delay && delay > 0) state?.initialize(joined);
    const quantized = isDelayed ? state?.pass(joined) : state?.apply(joined, isTraining, Math.max(step - delay, 0));
    return tf.reshape(quantized ?? joined, this.#kernel.shape as number[]);
  }

  #foldedKernel(folded: Folded | undefined): tf.Tensor {
    const joined = joinChannels(this.#kernel.read(), this.#product);
    return folded === undefined ? joined : tf.mul(joined, folded.scale);
  }

  #run(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
    return this.#product.run(x, kernel, this.#layerConfig);
  }

  /** Integer products add a bias of integers at the scale of the products, which is coarse where both have few bits. */
  #roundedBias(bias: tf.Tensor, joined: tf.Tensor, isTraining: boolean): tf.Tensor {
    const before = this.inboundNodes.length === 1 ? quantizerBefore(this) : undefined;
    if (this.#state === undefined || before?.isReady !== true) return bias;
    // Of 8 and 8 bits, far below what quantizing the sum takes away: training need not wait for the scales
    if (isTraining && this.#state.quantizer.options.bits === 8 && before.bits === 8) return bias;
    const [x, weights] = [before.grid(), this.#state.grid(joined)];
    if (x.kind !== 'uniform' || weights.kind !== 'uniform') return bias;
    const { scale } = weights.qparams;
    const unit = tf.mul(tf.tensor(typeof scale === 'number' ? [scale] : scale), x.qparams.scale as number);
    const rounded = tf.customGrad((b) => ({
      value: tf.mul(tf.round(tf.div(b as tf.Tensor, unit)), unit),
      gradFunc: (dy: tf.Tensor) => dy,
    }));
    return rounded(bias);
  }

  /** Takes the weights of a float layer and of its BatchNormalization, and those of the quantizer from them. */
  initialize(layer: tf.Tensor[], norm: tf.Tensor[]): void {
    this.#layer.setWeights(layer);
    this.#norm?.setWeights(norm);
    this.initializeQuantizer();
  }

  /** Takes the weights of the quantizer from the kernel as it is. */
  initializeQuantizer(): void {
    tf.tidy(() => this.#state?.initialize(this.#foldedKernel(this.#foldedForInference())));
  }

  /** Folded and quantized, as inference has them. */
  float(): FloatProduct {
    return tf.tidy(() => {
      const folded = this.#foldedForInference();
      const joined = this.#foldedKernel(folded);
      const kernel = tf.reshape(this.#state?.hardApply(joined) ?? tf.clone(joined), this.#kernel.shape as number[]);
      const channels = joined.shape.at(-1)!;
      return { kernel, bias: tf.clone(folded?.offset ?? this.#bias ?? tf.zeros([channels])) };
    });
  }

  /** What the weights are quantized to, channels along the last axis; undefined where they stay float. */
  grid(): Grid | undefined {
    const state = this.#state;
    return state && computing(() => state.grid(this.#foldedKernel(this.#foldedForInference())));
  }

  #foldedForInference(): Folded | undefined {
    return this.#norm === undefined ? undefined : foldBatchNorm(this.#norm, this.#bias);
  }

  get product(): ProductName {
    return this.#config.product;
  }

  /** Of the float layer. */
  get layerConfig(): LayerConfig {
    return this.#config.layer;
  }

  get hasBatchNorm(): boolean {
    return this.#norm !== undefined;
  }

  /** Training batches seen. */
  get step(): number {
    return this.#step!.value;
  }

  /** Of BatchNorm in the next training batch. */
  get phase(): FoldingPhase {
    if (this.#phase !== null) return this.#phase;
    const { moving, freeze } = this.#config.schedule ?? {};
    const step = this.#step?.value ?? 0;
    if (freeze != null && step >= freeze) return 'frozen';
    return moving != null && step >= moving ? 'moving' : 'batch';
  }

  /** `null`: as the schedule says. */
  setPhase(phase: FoldingPhase | null): void {
    if (phase !== null && !foldingPhases.includes(phase)) {
      throw invalid('ERR_OPTION', 'phase', `one of ${foldingPhases.join(', ')} or null`, phase);
    }
    this.#phase = phase;
  }

  get #kernel(): LayerVariable {
    return this.#product.kernel(this.#layer);
  }

  get #bias(): tf.Tensor | undefined {
    return this.#layer.bias?.read();
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { product, layer, norm = null, quantizer = null, delay = 0, schedule = null } = this.#config;
    const own = { product, layer, norm, quantizer, delay, schedule, phase: this.#phase };
    return { ...super.getConfig(), ...(own as unknown as tf.serialization.ConfigDict) };
  }
}

tf.serialization.registerClass(QuantizedProduct as never);

function buildPart(part: layers.Layer, inputShape: Shape): layers.Layer {
  part.build(inputShape);
  part.built = true;
  return part;
}
