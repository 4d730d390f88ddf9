/** Where a window of a convolution or pooling stands: strides, dilation, padding. Everything is height and width, in that order. */
import type { AttributeReader } from './op.js';

export interface Window {
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** TensorFlow's rules, `same` with its odd one before, or numbers of zeros (of real zeros: the zero point) before and after. */
  readonly padding: 'same' | 'same-lower' | 'valid' | readonly [top: number, left: number, bottom: number, right: number];
  /** Of poolings: the last window may reach beyond the padding, as long as it does not begin there. */
  readonly ceil?: boolean;
}

const maxStep = 65536;
/** Of one side. */
export const maxPadding = maxStep;

export function parseWindow(attributes: AttributeReader): Window {
  const pair = (name: string) => {
    const [y = 1, x = 1, ...rest] = attributes.integers(name, 1, maxStep, [1, 1]);
    if (rest.length > 0) throw attributes.wrong(name, 'two integers', attributes);
    return [y, x] as const;
  };
  return { strides: pair('strides'), dilations: pair('dilations'), padding: parsePadding(attributes) };
}

function parsePadding(attributes: AttributeReader): Window['padding'] {
  const pads = attributes.integers('pads', 0, maxPadding, []);
  if (pads.length === 0) return attributes.oneOf('padding', ['same', 'same-lower', 'valid'], 'valid');
  if (pads.length !== 4) throw attributes.wrong('pads', 'four integers: top, left, bottom, right', pads);
  return pads as unknown as readonly [number, number, number, number];
}

/** One dimension of a window over an input: the output's size, and how far the first window begins before the input. */
export interface Extent {
  readonly size: number;
  readonly before: number;
}

/**
 * `same`: ceil(input / stride) outputs, the padding split evenly with the odd one after, or before (`same-lower`). `valid`:
 * whole windows only.
 * A size of 0 or less means that the window does not fit; the caller refuses it.
 */
export function extentOf(window: Window, axis: 0 | 1, input: number, kernel: number): Extent {
  const { strides, dilations, padding } = window;
  const stride = strides[axis];
  const reach = (kernel - 1) * dilations[axis] + 1;
  if (padding === 'same' || padding === 'same-lower') {
    const size = Math.ceil(input / stride);
    return { size, before: paddingBefore(padding, (size - 1) * stride + reach - input) };
  }
  const before = padding === 'valid' ? 0 : padding[axis];
  const after = padding === 'valid' ? 0 : padding[axis + 2]!;
  const steps = (input + before + after - reach) / stride;
  if (window.ceil !== true) return { size: Math.floor(steps) + 1, before };
  const last = Math.ceil(steps);
  return { size: last * stride >= input + before ? last : last + 1, before };
}

/** What stands before the input of a padding of `total`, which is split evenly. */
export function paddingBefore(padding: 'same' | 'same-lower', total: number): number {
  const half = Math.max(0, total) / 2;
  return padding === 'same' ? Math.floor(half) : Math.ceil(half);
}
