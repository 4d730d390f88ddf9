/** The ends of one batch of values. */
import { invalid } from '../errors.js';
import type { Range } from './observers.js';

/** Smallest and largest of one value or more. ERR_QUANTIZATION where one is NaN or infinite. */
export function extentOf(values: Float32Array): Range {
  let min = values[0]!;
  let max = min;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    // One branch, seldom taken, for all that is not inside: NaN is neither
    if (!(x >= min && x <= max)) {
      if (x < min) min = x;
      else if (x > max) max = x;
      else throw notFinite(values);
    }
  }
  if (!(min > -Infinity && max < Infinity)) throw notFinite(values);
  return { min: min + 0, max: max + 0 }; // -0 becomes 0
}

function notFinite(values: Float32Array): Error {
  const index = values.findIndex((x) => !Number.isFinite(x));
  return invalid('ERR_QUANTIZATION', `values[${index}]`, 'a finite number', values[index]);
}

/** The part of a range between two ends, which lies between them even if nothing of the range does. */
export function clipRange({ min, max }: Range, low: number, high: number): Range {
  const clip = (x: number) => Math.min(Math.max(x, low), high);
  return { min: clip(min), max: clip(max) };
}
