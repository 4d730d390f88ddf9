/**
 * Along one axis: which elements each element of a resized axis is made of, and with which weights. Coordinates are computed in
 * float32, step by step, as ONNX Runtime does: which element is the nearest may hang on the last bit.
 */
/** Lengths before and after, and elements after for each one before. */
export interface ResizedAxis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

export const coordinateModes = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
] as const;
export type Coordinates = (typeof coordinateModes)[number];

/** `simple`: up where the axis becomes shorter, else down (before ONNX opset 11). */
export const nearestModes = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil', 'simple'] as const;

export interface Interpolation {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly nearest: (typeof nearestModes)[number];
  /** a of the cubic kernel (Keys 1981, eq. 4, has -0.5). */
  readonly cubicA: number;
  /** What is outside of the tensor has weight 0, and the others make up 1; otherwise the element at the edge stands for it. */
  readonly excludeOutside: boolean;
  /** Where an axis becomes shorter, the kernel becomes wider by as much. */
  readonly antialias: boolean;
}

/** Where each element of the resized axis lies in the original one. */
export function coordinatesOf(mode: Coordinates, axis: ResizedAxis, region: readonly [number, number]): Float32Array {
  return new Float32Array(axis.to).map((_, i) => coordinate(mode, i, axis, region));
}

function coordinate(mode: Coordinates, i: number, { from, to, scale }: ResizedAxis, region: readonly [number, number]): number {
  const { fround } = Math;
  const center = fround(fround(i + 0.5) / scale);
  switch (mode) {
    case 'half_pixel':
      return center - 0.5;
    case 'half_pixel_symmetric': {
      // The middle of the result, which may be cut off by a fraction of an element, is the middle of the original
      const adjustment = fround(to / fround(scale * from));
      return fround(fround((from / 2) * fround(1 - adjustment)) + center) - 0.5;
    }
    case 'pytorch_half_pixel':
      return to > 1 ? center - 0.5 : 0;
    case 'align_corners':
      return to === 1 ? 0 : fround(i * (from - 1)) / (to - 1);
    case 'asymmetric':
      return i / scale;
    case 'tf_half_pixel_for_nn':
      return center;
    case 'tf_crop_and_resize': {
      const [start, end] = region;
      if (to === 1) return 0.5 * (start + end) * (from - 1);
      return start * (from - 1) + (i * (end - start) * (from - 1)) / (to - 1);
    }
  }
}

/** The nearest element of each coordinate. */
export function nearestElements(coordinates: Float32Array, axis: ResizedAxis, mode: Interpolation['nearest']): Int32Array {
  const round = rounding(mode === 'simple' ? (axis.scale < 1 ? 'ceil' : 'floor') : mode);
  return Int32Array.from(coordinates, (x) => Math.min(Math.max(round(x), 0), axis.from - 1));
}

function rounding(mode: Exclude<Interpolation['nearest'], 'simple'>): (x: number) => number {
  if (mode === 'floor') return Math.floor;
  if (mode === 'ceil') return Math.ceil;
  return mode === 'round_prefer_floor' ? (x) => Math.ceil(x - 0.5) : (x) => Math.floor(x + 0.5);
}

/** y[i] = Σ weights[i·count + k] · x[elements[i·count + k]], k from 0 to count - 1. */
export interface WeightedTaps {
  readonly count: number;
  readonly elements: Int32Array;
  readonly weights: Float64Array;
}

export function weightedTaps(coordinates: Float32Array, { from, scale }: ResizedAxis, options: Interpolation): WeightedTaps {
  const radius = options.mode === 'linear' ? 1 : 2;
  const squeeze = options.antialias ? Math.min(scale, 1) : 1;
  // Elements floor(x) + first ... floor(x) + 1 - first: all those that are less than radius / squeeze away
  const first = Math.floor(-radius / squeeze) + 1;
  const count = 2 - 2 * first;
  const elements = new Int32Array(coordinates.length * count);
  const weights = new Float64Array(coordinates.length * count);
  const kernel = options.mode === 'linear' ? linear : cubic(options.cubicA);
  for (const [i, x] of coordinates.entries()) {
    const base = Math.floor(x);
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const element = base + first + k;
      const isInside = element >= 0 && element < from;
      const weight = isInside || !options.excludeOutside ? kernel(squeeze * Math.abs(element - x)) : 0;
      elements[i * count + k] = Math.min(Math.max(element, 0), from - 1);
      weights[i * count + k] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let k = 0; k < count; k++) weights[i * count + k]! /= sum;
  }
  return { count, elements, weights };
}

/** The two elements around each coordinate and their weights in float32: at the borders, and where both are one, half each. */
export interface PairTaps {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly lowerWeight: Float32Array;
  readonly upperWeight: Float32Array;
}

export function pairTaps(coordinates: Float32Array, { from }: ResizedAxis): PairTaps {
  const size = coordinates.length;
  const [lower, upper] = [new Int32Array(size), new Int32Array(size)];
  const [lowerWeight, upperWeight] = [new Float32Array(size), new Float32Array(size)];
  for (const [i, x] of coordinates.entries()) {
    const place = Math.min(Math.max(x, 0), from - 1);
    lower[i] = Math.floor(place);
    upper[i] = Math.min(lower[i]! + 1, from - 1);
    const isOne = lower[i] === upper[i];
    upperWeight[i] = isOne ? 0.5 : place - lower[i]!;
    lowerWeight[i] = isOne ? 0.5 : upper[i]! - place;
  }
  return { lower, upper, lowerWeight, upperWeight };
}

export function linear(distance: number): number {
  return Math.max(1 - distance, 0);
}

/** Keys 1981, eq. 4, with a instead of -1/2. */
export function cubic(a: number): (distance: number) => number {
  return (d) => {
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  };
}
