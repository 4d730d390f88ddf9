/** AdaRound's continuous relaxation, by Adam (Kingma and Ba 2015): see adaround.ts. */
import type { RoundingRow } from './rounding-row.js';

export interface RelaxationOptions {
  readonly steps: number;
  /** λ, in units of what rounding one weight to the nearest costs on average. */
  readonly regularization: number;
  readonly learningRate?: number;
}

/** Rows that are solved together, since what takes the time is to read G. */
export const rowsAtOnce = 4;
const betas = { start: 20, end: 2 };
const warmStart = 0.2;
const adam = { decay1: 0.9, decay2: 0.999, epsilon: 1e-8 };
/** h(V) is stretched beyond [0, 1], so that it gets there. */
const [stretch, offset] = [1.2, -0.1];

/** For each of at most four rows, whether each element is rounded up. */
export function relax(
  rows: readonly RoundingRow[],
  moments: Float32Array,
  { steps, regularization, learningRate = 0.05 }: RelaxationOptions,
): readonly Uint8Array[] {
  const size = rows[0]!.up.length;
  const states = rows.map((row) => new RowState(row, moments));
  const deltas = Array.from({ length: rowsAtOnce }, (_, r) => states[r]?.delta ?? new Float64Array(size));
  const gradients = Array.from({ length: rowsAtOnce }, () => new Float64Array(size));
  for (let step = 0; step < steps; step++) {
    const progress = (step / steps - warmStart) / (1 - warmStart);
    const beta = betas.end + (betas.start - betas.end) * 0.5 * (1 + Math.cos(Math.PI * Math.max(0, progress)));
    const weight = progress < 0 ? 0 : regularization;
    multiply(moments, size, deltas, gradients);
    for (const [r, state] of states.entries()) state.step(gradients[r]!, { beta, weight, step, learningRate });
  }
  return states.map(({ h }) => Uint8Array.from(h, (value) => (value >= 0.5 ? 1 : 0)));
}

interface StepOptions {
  readonly beta: number;
  readonly weight: number;
  readonly step: number;
  readonly learningRate: number;
}

class RowState {
  readonly delta: Float64Array;
  readonly h: Float64Array;
  readonly #row: RoundingRow;
  readonly #v: Float64Array;
  readonly #mean: Float64Array;
  readonly #square: Float64Array;
  /** 1 / (s²·G[k, k] / 12), on average. */
  readonly #unit: number;

  constructor(row: RoundingRow, moments: Float32Array) {
    const { down, up } = row;
    const size = up.length;
    this.#row = row;
    this.delta = new Float64Array(size);
    this.h = new Float64Array(size);
    this.#mean = new Float64Array(size);
    this.#square = new Float64Array(size);
    let cost = 0;
    // Begins where the weights are what they were: d = 0
    this.#v = Float64Array.from(up, (value, k) => {
      const step = value - down[k]!;
      cost += step * step * moments[k * size + k]!;
      const fraction = step === 0 ? 0.5 : Math.min(Math.max(-down[k]! / step, 0), 1);
      return -Math.log(stretch / (fraction - offset) - 1);
    });
    this.#unit = cost > 0 ? (12 * size) / cost : 0;
    this.#update();
  }

  /** `products` is G·d. */
  step(products: Float64Array, { beta, weight, step, learningRate }: StepOptions): void {
    const { down, up, drift } = this.#row;
    const rate = (learningRate * Math.sqrt(1 - adam.decay2 ** (step + 1))) / (1 - adam.decay1 ** (step + 1));
    for (let k = 0; k < this.h.length; k++) {
      const h = this.h[k]!;
      const distance = 2 * h - 1;
      const sigmoid = (h - offset) / stretch;
      // Where h is clipped, V has no gradient, and Adam's momentum runs out
      const slope = h > 0 && h < 1 ? stretch * sigmoid * (1 - sigmoid) : 0;
      const loss = 2 * (products[k]! + drift[k]!) * (up[k]! - down[k]!) * this.#unit;
      const pull = weight === 0 ? 0 : -2 * weight * beta * Math.abs(distance) ** (beta - 1) * Math.sign(distance);
      const gradient = (loss + pull) * slope;
      this.#mean[k]! += (1 - adam.decay1) * (gradient - this.#mean[k]!);
      this.#square[k]! += (1 - adam.decay2) * (gradient * gradient - this.#square[k]!);
      this.#v[k]! -= (rate * this.#mean[k]!) / (Math.sqrt(this.#square[k]!) + adam.epsilon);
    }
    this.#update();
  }

  #update(): void {
    const { down, up } = this.#row;
    for (let k = 0; k < this.h.length; k++) {
      const h = Math.min(Math.max(stretch / (1 + Math.exp(-this.#v[k]!)) + offset, 0), 1);
      this.h[k] = h;
      this.delta[k] = down[k]! + h * (up[k]! - down[k]!);
    }
  }
}

/** G·d of four rows, two rows of G at a time: eight products for six elements that are read. */
function multiply(
  moments: Float32Array,
  size: number,
  deltas: readonly Float64Array[],
  results: readonly Float64Array[],
): void {
  const [d0, d1, d2, d3] = deltas as [Float64Array, Float64Array, Float64Array, Float64Array];
  const [r0, r1, r2, r3] = results as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < size; i += 2) {
    const first = i * size;
    // Of an odd number of rows, the last one twice
    const j = Math.min(i + 1, size - 1);
    const second = j * size;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let t0 = 0;
    let t1 = 0;
    let t2 = 0;
    let t3 = 0;
    for (let k = 0; k < size; k++) {
      const g = moments[first + k]!;
      const h = moments[second + k]!;
      const a = d0[k]!;
      const b = d1[k]!;
      const c = d2[k]!;
      const d = d3[k]!;
      s0 += g * a;
      s1 += g * b;
      s2 += g * c;
      s3 += g * d;
      t0 += h * a;
      t1 += h * b;
      t2 += h * c;
      t3 += h * d;
    }
    r0[i] = s0;
    r1[i] = s1;
    r2[i] = s2;
    r3[i] = s3;
    r0[j] = t0;
    r1[j] = t1;
    r2[j] = t2;
    r3[j] = t3;
  }
}
