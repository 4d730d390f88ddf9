/** What two backends must agree on: integers to the bit, real numbers within the bound that native float kernels state. */
import type { Tensor } from '../tensor.js';

/**
 * Kernels sum in another order than the reference, which sums in float64; so a float may be off by a few roundings of the
 * largest number that it was summed from. Those numbers are seldom at hand: the largest result stands for them.
 */
const floatTolerance = 2e-5;

/** The largest of the finite real numbers in a tensor; 0 for integers, which are exact. */
export function magnitudeOf({ type, data }: Tensor): number {
  if (type !== 'float32') return 0;
  return (data as Float32Array).reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0);
}

/** Where two tensors differ, or undefined. `largest`: of the real numbers that went in, where differences of them came out. */
export function differenceOf(actual: Tensor, expected: Tensor, largest = magnitudeOf(expected)): string | undefined {
  if (actual.type !== expected.type) return `${actual.type} instead of ${expected.type}`;
  if (String(actual.dims) !== String(expected.dims)) return `[${actual.dims}] instead of [${expected.dims}]`;
  const [a, e] = [actual.data as Float32Array, expected.data as Float32Array];
  const isFloat = expected.type === 'float32';
  for (let i = 0; i < e.length; i++) {
    if (Object.is(a[i], e[i]) || a[i] === e[i]) continue;
    if (isFloat && Math.abs(a[i]! - e[i]!) <= floatTolerance * largest) continue;
    return `${a[i]} instead of ${e[i]} at ${i}`;
  }
  return undefined;
}
