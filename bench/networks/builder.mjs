/**
 * A convolutional network as a list of layers, of which emit.mjs makes ONNX models.
 *
 * Its statistics are propagated by formula, so that weights and scales are plausible without running it: weights are random with
 * mean 0 and scaled so that sums have a variance of 1, as batch normalization would leave them (He et al. 2015, eq. 7, with the
 * input's own second moment); a range is six standard deviations wide on each side.
 */
import { randomReals, seededWeights } from './weights.mjs';

/**
 * A value of the network. `dims` is [channels, height, width] or [features]; the batch is 1.
 * @typedef {{ readonly mean: number, readonly secondMoment: number, readonly min: number, readonly max: number }} Statistics
 * @typedef {Statistics & { readonly name: string, readonly dims: readonly number[] }} Value
 * @typedef {'none' | 'relu' | 'relu6'} Activation
 * @typedef {readonly [top: number, left: number, bottom: number, right: number]} Pads
 * @typedef {{ readonly kernel: readonly number[], readonly strides: readonly number[], readonly pads: Pads }} Window
 * @typedef {ReturnType<typeof seededWeights>} Weights
 *
 * @typedef {{ readonly op: 'conv', readonly window: Window, readonly groups: number, readonly weights: Weights,
 *   readonly bias: Float32Array, readonly activation: Activation }} Conv
 * @typedef {{ readonly op: 'gemm', readonly weights: Weights, readonly bias: Float32Array, readonly activation: Activation }} Gemm
 * @typedef {{ readonly op: 'maxPool' | 'averagePool', readonly window: Window }} Pool
 * @typedef {{ readonly op: 'add', readonly activation: Activation }} Add
 * @typedef {{ readonly op: 'globalAveragePool' | 'concat' | 'flatten' }} Plain
 * @typedef {(Conv | Gemm | Pool | Add | Plain) & { readonly inputs: readonly Value[], readonly output: Value,
 *   readonly macs: number, readonly parameters: number }} Layer
 */

/** Wide: with few channels the sums' actual variance strays from its expectation. */
const deviations = 6;

export class Network {
  /** @type {Layer[]} */
  layers = [];
  /** Pixels divided by 255. @type {Value} */
  input;

  /** @param {string} name @param {readonly number[]} dims of the input */
  constructor(name, dims) {
    this.name = name;
    this.input = { name: 'input', dims, mean: 1 / 2, secondMoment: 1 / 3, min: 0, max: 1 };
  }

  /** @returns {Value} */
  get output() {
    return /** @type {Layer} */ (this.layers.at(-1)).output;
  }

  /** Weights and biases. */
  get parameters() {
    return this.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  }

  /** Multiply-accumulates of one image, which publications call FLOPs. */
  get macs() {
    return this.layers.reduce((sum, layer) => sum + layer.macs, 0);
  }

  /**
   * A convolution with its bias, into which batch normalization is folded where the published network has it. `pad` is on each
   * side; by default as much as keeps the size at stride 1.
   * @param {Value} x
   * @param {number} channels
   * @param {number | readonly [height: number, width: number]} kernel
   * @param {{ readonly stride?: number, readonly pad?: number, readonly groups?: number, readonly activation?: Activation }} [options]
   */
  conv(x, channels, kernel, { stride = 1, pad, groups = 1, activation = 'relu' } = {}) {
    const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const [inputs = 0] = x.dims;
    const [top, left] = pad === undefined ? [(height - 1) >> 1, (width - 1) >> 1] : [pad, pad];
    const window = { kernel: [height, width], strides: [stride, stride], pads: /** @type {Pads} */ ([top, left, top, left]) };
    const dims = windowed(x.dims, window, channels);
    const weightDims = [channels, inputs / groups, height, width];
    const parts = this.#sums(x, weightDims, activation);
    const macs = parts.weights.size * /** @type {number} */ (dims[1]) * /** @type {number} */ (dims[2]);
    const parameters = parts.weights.size + channels;
    return this.#add({ op: 'conv', window, groups, activation, ...parts.layer, macs, parameters }, [x], dims, parts.statistics);
  }

  /** One window for each channel. @param {Value} x @param {number} stride @param {number} [kernel] */
  depthwise(x, stride, kernel = 3) {
    const [channels = 0] = x.dims;
    return this.conv(x, channels, kernel, { stride, groups: channels, activation: 'relu6' });
  }

  /** @param {Value} x @param {number} features @param {Activation} [activation] */
  gemm(x, features, activation = 'none') {
    const [inputs = 0] = x.dims;
    const { weights, layer, statistics } = this.#sums(x, [features, inputs], activation);
    const counts = { macs: weights.size, parameters: weights.size + features };
    return this.#add({ op: 'gemm', activation, ...layer, ...counts }, [x], [features], statistics);
  }

  /** `pad` is before and after, or `[before, after]`. @param {Value} x @param {number} kernel @param {number} stride @param {number | readonly [number, number]} [pad] */
  maxPool(x, kernel, stride, pad = 0) {
    return this.#pool('maxPool', x, kernel, stride, pad, pooled(x));
  }

  /** Of the pixels inside of the image. @param {Value} x @param {number} kernel @param {number} stride @param {number | readonly [number, number]} [pad] */
  averagePool(x, kernel, stride, pad = 0) {
    return this.#pool('averagePool', x, kernel, stride, pad, x);
  }

  /** @param {Value} x */
  globalAveragePool(x) {
    return this.#add({ op: 'globalAveragePool', macs: 0, parameters: 0 }, [x], [x.dims[0] ?? 0, 1, 1], x);
  }

  /** @param {Value} x */
  flatten(x) {
    return this.#add({ op: 'flatten', macs: 0, parameters: 0 }, [x], [x.dims.reduce((product, dim) => product * dim, 1)], x);
  }

  /** Of independent values. @param {Value} a @param {Value} b @param {Activation} [activation] */
  add(a, b, activation = 'none') {
    const statistics = activated(a.mean + b.mean, varianceOf(a) + varianceOf(b), activation);
    return this.#add({ op: 'add', activation, macs: 0, parameters: 0 }, [a, b], a.dims, statistics);
  }

  /** Of channels. @param {readonly Value[]} inputs */
  concat(...inputs) {
    const channels = inputs.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0);
    const share = (/** @type {Value} */ { dims }) => (dims[0] ?? 0) / channels;
    return this.#add({ op: 'concat', macs: 0, parameters: 0 }, inputs, [channels, ...(inputs[0]?.dims.slice(1) ?? [])], {
      mean: inputs.reduce((sum, x) => sum + share(x) * x.mean, 0),
      secondMoment: inputs.reduce((sum, x) => sum + share(x) * x.secondMoment, 0),
      min: Math.min(...inputs.map(({ min }) => min)),
      max: Math.max(...inputs.map(({ max }) => max)),
    });
  }

  /**
   * @param {'maxPool' | 'averagePool'} op
   * @param {Value} x
   * @param {number} kernel
   * @param {number} stride
   * @param {number | readonly [number, number]} pad
   * @param {Statistics} statistics
   */
  #pool(op, x, kernel, stride, pad, statistics) {
    const [before, after] = typeof pad === 'number' ? [pad, pad] : pad;
    const pads = /** @type {Pads} */ ([before, before, after, after]);
    const window = { kernel: [kernel, kernel], strides: [stride, stride], pads };
    return this.#add({ op, window, macs: 0, parameters: 0 }, [x], windowed(x.dims, window, x.dims[0] ?? 0), statistics);
  }

  /** What convolutions and products share. @param {Value} x @param {readonly number[]} dims @param {Activation} activation */
  #sums(x, dims, activation) {
    const seed = this.layers.length + 1;
    const [outputs = 0, ...terms] = dims;
    const fanIn = terms.reduce((product, dim) => product * dim, 1);
    const weights = seededWeights(seed, dims, 1 / Math.sqrt(fanIn * x.secondMoment));
    const bias = randomReals(seed + 2000, outputs).map((random) => random / 4);
    return { weights, layer: { weights, bias }, statistics: activated(0, 1 + 1 / 48, activation) };
  }

  /**
   * @param {any} layer
   * @param {readonly Value[]} inputs
   * @param {readonly number[]} dims
   * @param {Statistics} statistics
   * @returns {Value}
   */
  #add(layer, inputs, dims, { mean, secondMoment, min, max }) {
    const output = { name: `${layer.op}_${this.layers.length}`, dims, mean, secondMoment, min, max };
    this.layers.push({ ...layer, inputs, output });
    return output;
  }
}

/**
 * Of sums, which are normally distributed, behind an activation; Relu6 clips so little that Relu's moments stand for it.
 * @param {number} mean @param {number} variance @param {Activation} activation
 * @returns {Statistics}
 */
function activated(mean, variance, activation) {
  const deviation = Math.sqrt(variance);
  const [min, max] = [mean - deviations * deviation, mean + deviations * deviation];
  if (activation === 'none') return { mean, secondMoment: mean ** 2 + variance, min: Math.min(min, 0), max: Math.max(max, 0) };
  const ratio = mean / deviation;
  const density = Math.exp(-(ratio ** 2) / 2) / Math.sqrt(2 * Math.PI);
  const positive = 1 / (1 + Math.exp(-1.5976 * ratio - 0.07056 * ratio ** 3)); // the normal distribution, within 2e-4 (Page 1977)
  return {
    mean: mean * positive + deviation * density,
    secondMoment: (mean ** 2 + variance) * positive + mean * deviation * density,
    min: 0,
    max: activation === 'relu6' ? Math.min(6, max) : max,
  };
}

/**
 * The largest of neighbours, which resemble each other so much that they are worth two independent values. Of the larger of two normally
 * distributed ones behind Relu the mean is (1 + √2/2) times that of one, the second moment 1 + (1 + 2/π) / 2 times.
 * @param {Statistics} statistics of values >= 0
 * @returns {Statistics}
 */
function pooled({ mean, secondMoment, min, max }) {
  return { mean: mean * (1 + Math.SQRT1_2), secondMoment: secondMoment * (1.5 + 1 / Math.PI), min, max };
}

/** @param {Value} value */
function varianceOf({ mean, secondMoment }) {
  return secondMoment - mean ** 2;
}

/** @param {readonly number[]} dims @param {Window} window @param {number} channels */
function windowed([, height = 0, width = 0], { kernel, strides, pads }, channels) {
  const size = (/** @type {number} */ length, /** @type {0 | 1} */ axis) =>
    Math.floor((length + pads[axis] + /** @type {number} */ (pads[axis + 2]) - (kernel[axis] ?? 1)) / (strides[axis] ?? 1)) + 1;
  return [channels, size(height, 0), size(width, 1)];
}
