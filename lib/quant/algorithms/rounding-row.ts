/** One output channel whose weights are to be rounded up or down. */
import type { QParams } from '../qparams.js';
import type { GramBlock } from './gram.js';
import type { Layer } from './layer.js';

export interface RoundingRow {
  /** W~ - W if it is rounded down, and up, clipped. */
  readonly down: Float64Array;
  readonly up: Float64Array;
  /** Gradient of half the loss at d = 0. */
  readonly drift: Float64Array;
}

/** In float64, as `quantizeWeights` computes them. */
export function rowOf(
  { weights, outputStride, patchStride }: Layer,
  o: number,
  { start, size, drift }: GramBlock,
  { scale, zeroPoint }: QParams,
  [min, max]: readonly [number, number],
): RoundingRow {
  const s = typeof scale === 'number' ? scale : scale[o]!;
  const z = typeof zeroPoint === 'number' ? zeroPoint : zeroPoint[o]!;
  const row = { down: new Float64Array(size), up: new Float64Array(size), drift: new Float64Array(size) };
  const clip = (integer: number) => Math.min(Math.max(integer, min - z), max - z) * s;
  const first = o * outputStride + start * patchStride;
  for (let k = 0; k < size; k++) {
    const weight = weights[first + k * patchStride]!;
    const floor = Math.floor(weight / s);
    row.down[k] = clip(floor) - weight;
    row.up[k] = clip(floor + 1) - weight;
    for (let i = 0; drift !== undefined && i < size; i++) row.drift[i]! += drift[i * size + k]! * weight;
  }
  return row;
}
