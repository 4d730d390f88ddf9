/** What Softmax, LogSoftmax and Hardmax share: rows, and TFLite's fixed-point arithmetic on differences to the largest of a row. */
import { type FixedPoint, fixedPointLimit, toFixedPoint } from '../quant/requant.js';
import { caseGraph } from './cases.js';
import { fixed32 } from './fixed-point.js';
import { type AttributeReader, expectRank, type NodeContext, type OpCase, requiredInput } from './op.js';
import { scaleSum } from './output-stage.js';
import { inputRadius } from './saturating-input.js';
import { normalizeAxis, product } from './shapes.js';

/** Differences are Q5.26: down to -31, where e^x is 0 in any format here. */
export const differenceIntegerBits = 5;
/** Sums of exponentials are Q12.19: up to 4095 elements. */
export const sumIntegerBits = 12;

export interface ScaledDifferences {
  /** From a difference of 1 to Q5.26. */
  readonly multiplier: FixedPoint;
  /** Smaller differences count as -Infinity. */
  readonly min: number;
  /** A difference of integers, not below `min`, in Q5.26. */
  scaled(difference: number): number;
  /** Of e^difference in Q0.31; 0 below `min`. */
  exponentials(difference: number): number;
}

/** `scale`: of one integer's difference, the factor beta included (TFLite's PreprocessSoftmaxScaling). */
export function scaledDifferences(scale: number, numerics: 'tflite' | 'single'): ScaledDifferences {
  // From a scale of 16 on nothing but a difference of 0 counts, which no multiplier changes
  const real = Math.min(scale * 2 ** (31 - differenceIntegerBits), fixedPointLimit - 2 ** -23);
  const multiplier = toFixedPoint(real);
  const isTooLarge = scale * 2 ** (31 - differenceIntegerBits) >= 2 ** 30;
  const min = isTooLarge ? 0 : 0 - inputRadius(differenceIntegerBits, multiplier.exponent);
  const scaled = (difference: number) => scaleSum(difference, multiplier, numerics);
  const cache = new Map<number, number>();
  const exponentials = (difference: number): number => {
    if (difference < min) return 0;
    const known = cache.get(difference);
    if (known !== undefined) return known;
    const result = fixed32.expOnNegativeValues(scaled(difference), differenceIntegerBits);
    cache.set(difference, result);
    return result;
  };
  return { multiplier, min, scaled, exponentials };
}

export interface RowAttributes {
  /** -1, the last one, by default. */
  readonly axis: number;
  /** Whether all dimensions from `axis` on are one row (ONNX before opset 13). */
  readonly flatten: boolean;
}

export function parseRows(attributes: AttributeReader): RowAttributes {
  return { axis: attributes.integer('axis', -maxRank, maxRank - 1, -1), flatten: attributes.boolean('flatten', false) };
}

const maxRank = 32;

/** A tensor's elements as [outer, length, inner], rows lying along the second dimension. */
export interface RowLayout {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

export function rowLayout(context: Pick<NodeContext<RowAttributes>, 'node' | 'attributes' | 'inputs' | 'numerics'>): RowLayout {
  const x = requiredInput(context, 0);
  if (x.dims.length === 0) expectRank(context, x, 1);
  const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
  const end = context.attributes.flatten ? x.dims.length : axis + 1;
  const [outer, length, inner] = [x.dims.slice(0, axis), x.dims.slice(axis, end), x.dims.slice(end)].map(product);
  return { outer: outer!, length: length!, inner: inner! };
}

/** One row. */
export type Row = Int8Array | Uint8Array | Int16Array | Float32Array | Float64Array;

export function largestOf(x: Row): number {
  let largest = -Infinity;
  for (const value of x) largest = Math.max(largest, value);
  return largest;
}

/** Σ e^(x - largest) in Q12.19. */
export function sumOfExponentials(x: Row, largest: number, { exponentials }: ScaledDifferences): number {
  let sum = 0;
  for (const value of x) sum = (sum + fixed32.multiplyByPot(exponentials(value - largest), -sumIntegerBits)) | 0;
  return sum;
}

/** Calls `run` with each row of x and the same row of y, or with copies of them where they do not lie in one piece. */
export function forEachRow(x: Row, y: Row, { outer, length, inner }: RowLayout, run: (x: Row, y: Row) => void): void {
  if (x.length === 0) return;
  if (inner === 1) {
    for (let i = 0, start = 0; i < outer; i++, start += length) {
      run(x.subarray(start, start + length), y.subarray(start, start + length));
    }
    return;
  }
  const [from, to] = [x.slice(0, length), y.slice(0, length)];
  for (let row = 0; row < outer * inner; row++) {
    const start = Math.floor(row / inner) * length * inner + (row % inner);
    for (let k = 0; k < length; k++) from[k] = x[start + k * inner]!;
    run(from, to);
    for (let k = 0; k < length; k++) y[start + k * inner] = to[k]!;
  }
}

/** Instances along other axes than the last. */
export function* rowCases(op: string): Iterable<OpCase> {
  for (const type of ['float32', 'float64'] as const) {
    for (const axis of [0, 1, -1]) {
      for (const flatten of [false, true]) {
        const value = { type, dims: [3, 4, 5] };
        yield caseGraph({ op, attributes: { axis, flatten }, inputs: [value], outputs: [value] });
      }
    }
  }
}
