/** The limits of types of integers. */
import type { DataType } from '../tensor.js';

/** Both inclusive. */
export function integerRange(type: DataType): readonly [min: bigint, max: bigint] {
  const bits = BigInt(/\d+/.exec(type)![0]);
  return type.startsWith('u') ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
}
