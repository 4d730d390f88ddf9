/**
 * What a fake quantizer is. It holds no tensors: the layer that uses it makes a weight of its own (`layer.addWeight`) for each of
 * `weights`, sets them once from data (`initialize`), and gives them back with every call. All functions are pure.
 *
 *     const quantizer = createQuantizer('lsq', { bits: 4, target: 'weights', granularity: 'per-channel', axis: 3 }, kernel.shape);
 *     for (const { name, shape, initial, trainable } of quantizer.weights) this.addWeight(name, shape, ...);
 *     const values = quantizer.initialize(kernel);                          // at preparation; for activations, at the first batch
 *     const { y, updates } = quantizer.apply(kernel, weights, { training, step });   // then each of `updates` is written back
 *
 * Optimizers of TensorFlow.js write variables without their constraints, so quantizers ask for none: a scale that crossed 0 or
 * an α outside its interval is projected where it is used.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { QParams } from '../../quant/qparams.js';
import type { WeightGranularity } from '../../quant/schemes.js';

export const quantizerNames = [
  'ste',
  'nudged',
  'ema',
  'stochastic',
  'lsq',
  'lsq+',
  'pact',
  'dorefa',
  'dsq',
  'bwn',
  'xnor',
  'twn',
  'kmeans',
] as const;
export type QuantizerName = (typeof quantizerNames)[number];

export type QuantizerTarget = 'weights' | 'activations';

/** Plain JSON, so that layers can save it in their configuration. */
export interface QuantizerOptions {
  readonly target: QuantizerTarget;
  /** 1 to 8. `bwn` and `xnor` have 1, `twn` has 2, and they take no other number. */
  readonly bits: number;
  /** `per-tensor` by default. Activations have no other. */
  readonly granularity?: WeightGranularity;
  /** The output channels' axis, for all granularities but per tensor; for buckets the first or the last. The last by default. */
  readonly axis?: number;
  /** Zero point 0. By default true for weights and false for activations. */
  readonly symmetric?: boolean;
  /** Activations with values below 0: what learned scales without a zero point (`lsq`) ask. False by default. */
  readonly signed?: boolean;
  /** The range to start from, instead of the data's. */
  readonly min?: number;
  readonly max?: number;
  /** `ema`: how much of a new range is taken in: r += momentum · (new - r). 0.01 by default. */
  readonly momentum?: number;
  /** `stochastic`: of the rounding. 1 by default. */
  readonly seed?: number;
  /** `dsq`: where α starts, between 0 and 1; 0.2 by default. */
  readonly alpha?: number;
  /** `dsq`: the L2 decay that moves α to 0, the hard staircase; `pact`: that of its clip bound. 0 by default. */
  readonly decay?: number;
  /** `dorefa`: false for weights in [-1, 1], as in the paper; by default they keep their size, |w| <= max |w|. */
  readonly rescale?: boolean;
}

/** One weight that the layer holds for its quantizer. */
export interface QuantizerWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Every element, until `initialize` has seen data. */
  readonly initial: number;
  /** False for moving state: no gradient, written from `updates`. */
  readonly trainable: boolean;
  /** Coefficient of an L2 regularizer of this weight. */
  readonly decay?: number;
}

/** By name, with the shapes that `weights` has. */
export type WeightValues = Readonly<Record<string, Tensor>>;

export interface ApplyContext {
  readonly training: boolean;
  /** Of the optimizer, from 0. */
  readonly step: number;
}

export interface Applied {
  /** x on the grid, with x's shape. Exactly `hardApply(x, weights after updates)`, except for `stochastic` in training. */
  readonly y: Tensor;
  /** New values of moving state, in training. To be written to the weights, or disposed. */
  readonly updates?: WeightValues;
}

/** Integers at equal distances. real = scale · (code - zeroPoint). */
export interface UniformGrid {
  readonly kind: 'uniform';
  readonly bits: number;
  /** int8 or uint8; per channel with an axis. */
  readonly qparams: QParams;
  /** The smallest and the largest code, within the dtype. */
  readonly qmin: number;
  readonly qmax: number;
  /**
   * 1: each integer from qmin to qmax, and a code is QuantizeLinear's, clamped to them. 2: each second one, -1 and 1, or -3, -1, 1
   * and 3: grids with an even number of levels about 0. Weights are integers all the same; activations take a comparison.
   */
  readonly step: 1 | 2;
}

/** A scale for each run of `blockSize` weights: weights only, dequantized before use. In the layout of `BucketedWeights`. */
export interface BucketGrid {
  readonly kind: 'bucket';
  readonly bits: number;
  readonly dtype: 'int8' | 'uint8';
  readonly blockSize: number;
  /** Of the weights as a matrix, and the axis along which buckets run. */
  readonly dims: readonly [number, number];
  readonly axis: 0 | 1;
  readonly scaleDims: readonly [number, number];
  readonly scales: Float32Array;
  readonly zeroPoints: Int8Array | Uint8Array;
  readonly qmin: number;
  readonly qmax: number;
  readonly step: 1 | 2;
}

/** Any numbers: a code is an index. */
export interface CodebookGrid {
  readonly kind: 'codebook';
  readonly bits: number;
  readonly values: Float32Array;
}

export type Grid = UniformGrid | BucketGrid | CodebookGrid;

export interface Quantizer {
  readonly name: QuantizerName;
  readonly options: QuantizerOptions;
  readonly weights: readonly QuantizerWeight[];
  /** Values of all `weights` for data x: the weights to quantize, or a batch of activations. ERR_QUANTIZATION for NaN or infinity. */
  initialize(x: Tensor): WeightValues;
  /** Fake-quantized x, differentiable in x and in the trainable weights. */
  apply(x: Tensor, weights: WeightValues, context: ApplyContext): Applied;
  /** What integer execution computes, in its float32 arithmetic: `Tensor.quantize` and `dequantize`, clamped to the grid. */
  hardApply(x: Tensor, weights: WeightValues): Tensor;
  /** The grid. Weights whose scale follows from themselves (`ste`, `bwn`, `dorefa` ...) need x; activations never do. Reads synchronously. */
  grid(weights: WeightValues, x?: Tensor): Grid;
  /** The codes of x, whole numbers in a float32 tensor of x's shape: hardApply is what they mean on `grid(weights, x)`. */
  codes(x: Tensor, weights: WeightValues): Tensor;
}

/** One line of the list of quantizers. */
export interface QuantizerType {
  readonly name: QuantizerName;
  readonly targets: readonly QuantizerTarget[];
  /** Options are checked; `shape` is that of the weights, or that of the activations with null for unknown dimensions. */
  create(options: QuantizerOptions, shape: readonly (number | null)[]): Quantizer;
}
