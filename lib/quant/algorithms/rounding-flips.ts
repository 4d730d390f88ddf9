/** Losses of rounded channels, and local search on them: one weight at a time is rounded the other way. */
import type { RoundingRow } from './rounding-row.js';

const maxSweeps = 20;
/** Of the loss: what is not better by more than roundings of the sums may be is not better. */
const tolerance = 1e-9;

/** dᵀ·G·d + 2·dᵀ·r. */
export function lossOf(row: RoundingRow, moments: Float32Array, isUp: Uint8Array): number {
  const d = deltaOf(row, isUp);
  const gradient = gradientOf(row, moments, d);
  return d.reduce((sum, value, k) => sum + value * (gradient[k]! + row.drift[k]!), 0);
}

/**
 * Changes `isUp` until no single change makes the loss smaller, and returns it. A change of element k by t costs 2·t·g[k] +
 * t²·G[k, k], where g = G·d + r is kept up to date.
 */
export function flipWhileBetter(row: RoundingRow, moments: Float32Array, isUp: Uint8Array): number {
  const size = isUp.length;
  const d = deltaOf(row, isUp);
  const gradient = gradientOf(row, moments, d);
  let loss = d.reduce((sum, value, k) => sum + value * (gradient[k]! + row.drift[k]!), 0);
  const least = tolerance * Math.abs(loss);
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    let flips = 0;
    for (let k = 0; k < size; k++) {
      const step = (isUp[k] === 1 ? row.down[k]! : row.up[k]!) - d[k]!;
      const change = step * (2 * gradient[k]! + step * moments[k * size + k]!);
      if (!(change < -least)) continue;
      isUp[k]! ^= 1;
      d[k]! += step;
      loss += change;
      for (let i = 0, at = k * size; i < size; i++) gradient[i]! += step * moments[at + i]!;
      flips++;
    }
    if (flips === 0) break;
  }
  return loss;
}

function deltaOf({ down, up }: RoundingRow, isUp: Uint8Array): Float64Array {
  return Float64Array.from(isUp, (bit, k) => (bit === 1 ? up[k]! : down[k]!));
}

/** G·d + r. G is symmetric: its rows are added up, those of zeros left out. */
function gradientOf({ drift }: RoundingRow, moments: Float32Array, d: Float64Array): Float64Array {
  const size = d.length;
  const gradient = drift.slice();
  for (let k = 0; k < size; k++) {
    const factor = d[k]!;
    if (factor === 0) continue;
    for (let i = 0, at = k * size; i < size; i++) gradient[i]! += factor * moments[at + i]!;
  }
  return gradient;
}
