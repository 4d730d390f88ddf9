/** The ends of one batch of values. */
import { invalid } from '../errors.js';
import { finiteExtent } from '../ops/extent.js';
import type { Range } from './observers.js';

/** Smallest and largest of one value or more. ERR_QUANTIZATION where one is NaN or infinite. */
export function extentOf(values: Float32Array): Range {
  const [min, max] = finiteExtent(values) as unknown as [number, number];
  if (Number.isNaN(min)) throw notFinite(values);
  return { min, max };
}

export function notFinite(values: Float32Array): Error {
  const index = values.findIndex((x) => !Number.isFinite(x));
  return invalid('ERR_QUANTIZATION', `values[${index}]`, 'a finite number', values[index]);
}

/** The part of a range between two ends, which lies between them even if nothing of the range does. */
export function clipRange({ min, max }: Range, low: number, high: number): Range {
  const clip = (x: number) => Math.min(Math.max(x, low), high);
  return { min: clip(min), max: clip(max) };
}
