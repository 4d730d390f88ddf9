/**
 * Incremental quantization (Zhou et al. 2017, "Incremental Network Quantization", 2.1 and 2.2): a growing part of each kernel, the weights of
 * largest magnitude first, is set to quantized values and stays there; the others go on learning and make up for it.
 *
 *     power-of-two:  0 and ±2^n2 ... ±2^n1, n1 = floor(log2(4·s / 3)), s = max |W|, n2 = n1 + 1 - 2^(b - 1) / 2; each weight
 *                    goes to the nearest one
 *     uniform:       k · scale, |k| <= 2^(b - 1) - 1, scale = max |W| / (2^(b - 1) - 1) of each output channel: the values that
 *                    symmetric quantization per channel has, so that it loses nothing afterwards
 *
 * Levels are those of the weights when the first part is frozen.
 */
import * as tf from '@tensorflow/tfjs-core';
import { invalid, OctensorError } from '../../errors.js';
import { roundHalfEven } from '../../rounding.js';
import type { KernelWeight } from './kernels.js';
import type { NamedArray } from './snapshot.js';

export interface IncrementalOptions {
  /** 5 by default. */
  readonly bits?: number;
  readonly levels?: 'power-of-two' | 'uniform';
  /** Parts that are frozen, one after another, growing; 0.5, 0.75, 0.875, 1 by default. The last one when training is over. */
  readonly portions?: readonly number[];
}

const defaultPortions = [0.5, 0.75, 0.875, 1];

interface Part {
  readonly kernel: KernelWeight;
  /** Of each channel, or of all: what `quantized` takes; empty before the first portion. */
  readonly steps: Float32Array;
  readonly values: Float32Array;
  /** 1 where `values` are kept. */
  readonly frozen: Float32Array;
}

export class IncrementalQuantization {
  readonly #parts: readonly Part[];
  readonly #bits: number;
  readonly #levels: 'power-of-two' | 'uniform';
  readonly #portions: readonly number[];
  #done = 0;

  /** Throws ERR_QUANTIZATION for bits, ERR_OPTION for other options. */
  constructor(
    kernels: readonly KernelWeight[],
    { bits = 5, levels = 'power-of-two', portions = defaultPortions }: IncrementalOptions,
  ) {
    if (!(Number.isInteger(bits) && bits >= 2 && bits <= 8)) {
      throw invalid('ERR_QUANTIZATION', 'incremental.bits', 'an integer from 2 to 8', bits);
    }
    if (levels !== 'power-of-two' && levels !== 'uniform') {
      throw invalid('ERR_OPTION', 'incremental.levels', 'power-of-two or uniform', levels);
    }
    const grows = Array.isArray(portions) && portions.every((p, i) => p > (portions[i - 1] ?? 0) && p <= 1);
    if (!grows || portions.length === 0)
      throw invalid('ERR_OPTION', 'incremental.portions', 'growing numbers up to 1', portions);
    [this.#bits, this.#levels, this.#portions] = [bits, levels, portions];
    this.#parts = kernels.map((kernel) => {
      const size = (kernel.weight.shape as readonly number[]).reduce((product, dim) => product * dim, 1);
      const steps = new Float32Array(levels === 'uniform' ? kernel.channels : 1);
      return { kernel, steps, values: new Float32Array(size), frozen: new Float32Array(size) };
    });
  }

  /** Freezes what is due at the beginning of an epoch: all portions but the last stand at equal distances. */
  beforeEpoch(epoch: number, epochs: number): void {
    const learning = this.#portions.length - 1;
    while (this.#done < learning && epoch >= Math.floor((this.#done * epochs) / Math.max(learning, 1))) this.#advance();
  }

  /** Freezes the rest of the portions. */
  finish(): void {
    while (this.#done < this.#portions.length) this.#advance();
  }

  #advance(): void {
    const portion = this.#portions[this.#done]!;
    for (const part of this.#parts) {
      const weights = Float32Array.from(part.kernel.weight.read().dataSync());
      if (this.#done === 0) this.#measure(part, weights);
      freezeLargest(part, weights, portion, (value, i) => this.#quantized(part, value, i));
    }
    this.#done++;
    this.restore();
  }

  #measure({ kernel, steps }: Part, weights: Float32Array): void {
    for (const [i, value] of weights.entries()) {
      const channel = i % steps.length;
      steps[channel] = Math.max(steps[channel]!, Math.abs(value));
    }
    if (this.#levels === 'power-of-two') return;
    const largest = 2 ** (this.#bits - 1) - 1;
    for (let channel = 0; channel < kernel.channels; channel++) steps[channel] = Math.fround(steps[channel]! / largest);
  }

  #quantized({ steps }: Part, value: number, i: number): number {
    if (this.#levels === 'power-of-two') return powerOfTwo(value, steps[0]!, this.#bits);
    const step = steps[i % steps.length]!;
    const largest = 2 ** (this.#bits - 1) - 1;
    if (step === 0) return 0;
    const q = Math.min(Math.max(roundHalfEven(Math.fround(value / step)), -largest), largest);
    return Math.fround(q * step);
  }

  /** Puts frozen weights back to their values: after each step of the optimizer, which knows nothing of them. */
  restore(): void {
    for (const { kernel, values, frozen } of this.#done === 0 ? [] : this.#parts) {
      tf.tidy(() => {
        const shape = kernel.weight.shape as number[];
        const mask = tf.cast(tf.tensor(frozen, shape), 'bool');
        kernel.weight.write(tf.where(mask, tf.tensor(values, shape), kernel.weight.read()));
      });
    }
  }

  /** For a checkpoint. */
  state(): readonly NamedArray[] {
    return [
      { name: 'done', shape: [1], data: Float32Array.of(this.#done) },
      ...this.#parts.flatMap(({ kernel: { name }, steps, values, frozen }) =>
        Object.entries({ steps, values, frozen }).map(([key, data]) => ({
          name: `${key} of ${name}`,
          shape: [data.length],
          data,
        })),
      ),
    ];
  }

  /** ERR_SHAPE for the state of another model. */
  load([done, ...arrays]: readonly NamedArray[]): void {
    const own = this.#parts.flatMap(({ steps, values, frozen }) => [steps, values, frozen]);
    if (done === undefined || arrays.length !== own.length || arrays.some(({ data }, i) => data.length !== own[i]!.length)) {
      throw new OctensorError('ERR_SHAPE', 'incremental: expected the state of this model, got that of another one');
    }
    for (const [i, { data }] of arrays.entries()) own[i]!.set(data);
    this.#done = done.data[0]!;
  }
}

/** Freezes the largest ones that are not yet, until they are `portion` of all. */
function freezeLargest(
  { values, frozen }: Part,
  weights: Float32Array,
  portion: number,
  quantized: (value: number, i: number) => number,
): void {
  const free = Uint32Array.from(weights.keys()).filter((i) => frozen[i] === 0);
  const count = Math.round(portion * weights.length) - (weights.length - free.length);
  free.sort((a, b) => Math.abs(weights[b]!) - Math.abs(weights[a]!) || a - b);
  for (const i of free.subarray(0, Math.max(count, 0))) {
    values[i] = quantized(weights[i]!, i);
    frozen[i] = 1;
  }
}

/** The nearest of 0 and ±2^n2 ... ±2^n1. */
export function powerOfTwo(value: number, largest: number, bits: number): number {
  if (largest === 0) return 0;
  const high = Math.floor(Math.log2((4 * largest) / 3));
  const low = high + 1 - 2 ** (bits - 1) / 2;
  const magnitude = Math.abs(value);
  // Half way between 0 and the smallest level
  if (magnitude < 2 ** low / 2) return 0;
  // From 2^n to 2^(n + 1) the middle is 1.5·2^n
  const exponent = Math.floor(Math.log2((4 * magnitude) / 3));
  return Math.sign(value) * 2 ** Math.min(Math.max(exponent, low), high);
}
