/**
 * Logistic and tanh of int16 numbers by interpolation in one table, as TFLite's reference_integer_ops define them. The input is
 * (x · multiplier + half) >> shift in units of 2^-12 / 3; results are Q0.15.
 */

/**
 * sigmoid(i / 24) · 2^16 for i < 256, except that the last one is 2^16 - 1. A chord lies off the curve by up to f''·h²/8 in the
 * middle of its interval; the table's points are moved by half of that, so that the error is spread over ends and middle.
 */
const table = Uint16Array.from({ length: 256 }, (_, i) => {
  if (i === 255) return 65535;
  const y = 1 / (1 + Math.exp(-i / 24));
  const curvature = y * (1 - y) * (1 - 2 * y);
  return Math.round(65536 * (y - curvature / 24 ** 2 / 16));
});

/** For native code, which interpolates in the same table. */
export function sigmoidTable(): Int32Array {
  return Int32Array.from(table);
}

function scaledInput(x: number, multiplier: number, shift: number): number {
  return (Math.imul(x, multiplier) + (shift > 0 ? 2 ** (shift - 1) : 0)) >> shift;
}

/** Intervals of 2^9: the function is symmetric around 1/2, so the table has positive inputs alone. */
export function logisticInt16(x: number, multiplier = 3, shift = 0): number {
  const input = scaledInput(x, multiplier, shift);
  const magnitude = Math.abs(input);
  const index = magnitude >> 9;
  const low = table[index]!;
  const result = index >= 255 ? 0x7fff << 10 : (low << 9) + (magnitude & 0x1ff) * (table[index + 1]! - low);
  return (input >= 0 ? result + 0x200 : 2 ** 25 - result + 0x1ff) >> 10;
}

/** 2 · sigmoid(2x) - 1, with intervals of 2^8. */
export function tanhInt16(x: number, multiplier = 3, shift = 0): number {
  const input = scaledInput(x, multiplier, shift);
  const magnitude = Math.abs(input);
  const index = magnitude >> 8;
  const low = table[index]!;
  const result = index >= 255 ? 0xffff << 8 : (low << 8) + (magnitude & 0xff) * (table[index + 1]! - low);
  return (input >= 0 ? result - 2 ** 23 + 0x80 : -result + 2 ** 23 + 0x7f) >> 8;
}
