/**
 * ResizeBilinear: x[N,H,W,C] -> [N, height, width, C]: each output pixel is the mean of the four input pixels around its place,
 * weighted by distance. The place is i · scale, or (i + 0.5) · scale - 0.5 with halfPixelCenters. Input and output share their
 * quantization. The arithmetic is that of TFLite's reference kernels, and the same for all numerics:
 *
 * - float32: every step in float32
 * - uint8: the same, plus 0.5, truncated
 * - int8, int16: places and weights in units of 2^-10, the sum of four products in units of 2^-20, rounded half away from zero
 */
import type { TypedArray } from '../typed-array.js';
import { affine, type CaseOptions, caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { floatScale, inferResize, parseResize, type ResizeAttributes } from './resize.js';
import { product, strides } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const resizeBilinear = defineOp<ResizeAttributes>({
  name: 'ResizeBilinear',
  inputs: [1, 1],
  outputs: [1, 1],
  parse(attributes) {
    const parsed = parseResize(attributes);
    if (parsed.alignCorners && parsed.halfPixelCenters) {
      throw attributes.wrong('halfPixelCenters', 'false where alignCorners is true', true);
    }
    return parsed;
  },
  infer(context) {
    expectType(context, requiredInput(context, 0), ['float32', 'uint8', 'int8', 'int16']);
    return inferResize(context);
  },
  run(context) {
    const x = requiredInput(context, 0);
    const { dims } = context.outputs[0]!;
    const isInteger = x.type === 'int8' || x.type === 'int16';
    const taps = isInteger ? integerTaps : floatTaps;
    const rows = taps(x.dims[1]!, dims[1]!, context.attributes);
    const columns = taps(x.dims[2]!, dims[2]!, context.attributes);
    const combine = isInteger ? combineInteger : x.type === 'uint8' ? combineUint8 : combineFloat;
    const data = allocate(x.type, product(dims));
    interpolate(inputData(context, 0), x.dims, data, dims, rows, columns, combine);
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    for (const type of ['float32', 'uint8', 'int8', 'int16'] as const) {
      const quantized = type === 'float32' ? {} : { qparams: affine(type, 0.1, type === 'int16' ? 0 : 5) };
      for (const centers of [{}, { alignCorners: true }, { halfPixelCenters: true }]) {
        const make = (from: readonly number[], height: number, width: number) => {
          const attributes: CaseOptions['attributes'] & object = { height, width, ...centers };
          const output = { type, dims: [from[0]!, height, width, from[3]!], ...quantized };
          return caseGraph({
            op: 'ResizeBilinear',
            attributes,
            inputs: [{ type, dims: from, ...quantized }],
            outputs: [output],
          });
        };
        yield make([2, 3, 4, 3], 7, 8);
        yield make([1, 8, 7, 2], 3, 1);
        yield make([1, 1, 1, 5], 4, 3);
      }
    }
  },
});

/** The two input pixels of an output pixel along one dimension, and their weights. */
export interface Taps {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly lowerWeight: Float64Array;
  readonly upperWeight: Float64Array;
}

function newTaps(size: number): Taps {
  return {
    lower: new Int32Array(size),
    upper: new Int32Array(size),
    lowerWeight: new Float64Array(size),
    upperWeight: new Float64Array(size),
  };
}

/** At the lower edge the place can be below 0: both pixels are the first, the weights above 1 and below 0. */
export function floatTaps(input: number, output: number, { alignCorners, halfPixelCenters }: ResizeAttributes): Taps {
  const { fround } = Math;
  const scale = floatScale(input, output, alignCorners);
  const taps = newTaps(output);
  for (let i = 0; i < output; i++) {
    const place = halfPixelCenters ? fround(fround(fround(i + 0.5) * scale) - 0.5) : fround(fround(i) * scale);
    // The rounded scale can carry a place past the last pixel.
    const lower = Math.min(Math.max(Math.floor(place), 0), input - 1);
    taps.lower[i] = lower;
    taps.upper[i] = Math.min(Math.max(Math.ceil(place), 0), input - 1);
    taps.upperWeight[i] = fround(place - lower);
    taps.lowerWeight[i] = fround(1 - taps.upperWeight[i]!);
  }
  return taps;
}

export function integerTaps(input: number, output: number, { alignCorners, halfPixelCenters }: ResizeAttributes): Taps {
  const [inputSpan, outputSpan] = alignCorners && output > 1 ? [input - 1, output - 1] : [input, output];
  const scale = Math.floor((1024 * inputSpan + Math.floor(outputSpan / 2)) / outputSpan);
  const taps = newTaps(output);
  for (let i = 0; i < output; i++) {
    const place = i * scale + (halfPixelCenters ? Math.floor(scale / 2) - 512 : 0);
    const lower = Math.min(Math.max(Math.trunc(place / 1024), 0), input - 1);
    taps.lower[i] = lower;
    taps.upper[i] = Math.min(Math.max(Math.trunc((place + 1023) / 1024), 0), input - 1);
    taps.upperWeight[i] = place - 1024 * lower;
    taps.lowerWeight[i] = 1024 - taps.upperWeight[i]!;
  }
  return taps;
}

/** Pixels as [upper left, lower left, upper right, lower right] in the order in which TFLite adds them. */
type Combine = (a: number, b: number, c: number, d: number, top: number, bottom: number, left: number, right: number) => number;

const combineFloat: Combine = (a, b, c, d, top, bottom, left, right) => {
  const { fround } = Math;
  const first = fround(fround(fround(a * top) * left) + fround(fround(b * bottom) * left));
  return fround(fround(first + fround(fround(c * top) * right)) + fround(fround(d * bottom) * right));
};

const combineUint8: Combine = (...taps) => Math.trunc(Math.fround(combineFloat(...taps) + 0.5));

/** All products are below 2^15 · 2^11 · 2^11 in magnitude; the sum is exact in a double. */
const combineInteger: Combine = (a, b, c, d, top, bottom, left, right) => {
  const sum = (a * top + b * bottom) * left + (c * top + d * bottom) * right;
  return Math.trunc((sum + (sum > 0 ? 2 ** 19 : -(2 ** 19))) / 2 ** 20);
};

function interpolate(
  from: TypedArray,
  fromDims: readonly number[],
  to: TypedArray,
  dims: readonly number[],
  rows: Taps,
  columns: Taps,
  combine: Combine,
): void {
  const x = from as Float32Array;
  const y = to as Float32Array;
  const [batch, height, width, depth] = dims as [number, number, number, number];
  const [image, row, pixel] = strides(fromDims) as [number, number, number, number];
  let position = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < height; i++) {
      const top = n * image + rows.lower[i]! * row;
      const bottom = n * image + rows.upper[i]! * row;
      for (let j = 0; j < width; j++) {
        const left = columns.lower[j]! * pixel;
        const right = columns.upper[j]! * pixel;
        for (let c = 0; c < depth; c++) {
          y[position++] = combine(
            x[top + left + c]!,
            x[bottom + left + c]!,
            x[top + right + c]!,
            x[bottom + right + c]!,
            rows.lowerWeight[i]!,
            rows.upperWeight[i]!,
            columns.lowerWeight[j]!,
            columns.upperWeight[j]!,
          );
        }
      }
    }
  }
}
