/**
 * Histogram: x float32 -> its Extent float32[2], and counts int32[4097] of its elements in 2048 bins on each side of 0, of one width,
 * a power of two. Bin k holds
 *
 *     [k · width, (k + 1) · width)  for k >= 0,        (k · width, (k + 1) · width]  for k < 0
 *
 * and is counts[2048 + k]; the last count is how many elements are 0 or -0, which bin 0 holds as well. The width is the smallest that
 * lets the largest |x| into a bin: 2^(e - 11), where 2^(e-1) <= max |x| < 2^e, and 2^-159, as for 2^-149, where all are 0. Edges
 * are multiples of a power of two, so counts of wider bins are sums of these: what several runs gave can be added up to what one
 * run over all data would have given. Nothing is counted where an element is NaN or infinite.
 */
import { frexpExponent } from '../rounding.js';
import { caseGraph } from './cases.js';
import { finiteExtent, statisticsCases } from './extent.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { checkedSize } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export const binsPerSide = 2048;
export const countsLength = 2 * binsPerSide + 1;

export const histogram = defineOp<Record<string, never>>({
  name: 'Histogram',
  inputs: [1, 1],
  outputs: [2, 2],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32']);
    checkedSize(context.node, x.dims);
    return [
      { type: 'float32', dims: [2] },
      { type: 'int32', dims: [countsLength] },
    ];
  },
  run(context) {
    const { ends, counts } = countValues(inputData(context, 0) as Float32Array);
    return [outputTensor(context, 0, ends), outputTensor(context, 1, counts)];
  },
  *cases() {
    for (const { name, dims, data } of statisticsCases()) {
      const x = { type: 'float32', dims, ...(data && { data }) } as const;
      const outputs = [
        { type: 'float32', dims: [2] },
        { type: 'int32', dims: [countsLength] },
      ] as const;
      yield caseGraph({ op: 'Histogram', name, inputs: [x], outputs });
    }
  },
});

/** What Histogram gives of these elements. */
export function countValues(values: Float32Array): { readonly ends: Float32Array; readonly counts: Int32Array } {
  const ends = finiteExtent(values);
  const counts = new Int32Array(countsLength);
  const [min, max] = ends as unknown as [number, number];
  if (min <= max) count(values, counts, 2 ** -widthExponent(Math.max(-min, max)));
  return { ends, counts };
}

const smallestFloat = 2 ** -149;

/** The e of bins 2^e wide for values up to `maxAbs`. */
export function widthExponent(maxAbs: number): number {
  return frexpExponent(Math.max(maxAbs, smallestFloat)) - Math.log2(binsPerSide);
}

/**
 * Counts each value, without branches: half of what follows a Relu is 0, and no processor foresees which. Scaling by a power of two
 * is exact, so `|0` is the floor of the true quotient.
 */
function count(values: Float32Array, counts: Int32Array, perWidth: number): void {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  let zeros = 0;
  for (let i = 0; i < patterns.length; i++) {
    const bits = patterns[i]!;
    const magnitude = bits & 0x7fffffff;
    const sign = (bits & -magnitude) >> 31; // -1 below 0, else 0, for -0 as well
    const bin = (Math.abs(values[i]!) * perWidth) | 0;
    counts[binsPerSide + (bin ^ sign)]! += 1;
    zeros += (magnitude - 1) >>> 31;
  }
  counts[2 * binsPerSide] = zeros;
}
