/**
 * ResizeNearest: x[N,H,W,C] -> [N, height, width, C], y[n, i, j] = x[n, source(i), source(j)], in float32 as TFLite's reference:
 * source(i) = floor((i + (halfPixelCenters ? 0.5 : 0)) · scale), rounded half away from zero instead with alignCorners, and
 * at most the last pixel.
 */
import { roundHalfAway } from '../rounding.js';
import { type CaseOptions, caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { floatScale, inferResize, parseResize, type ResizeAttributes } from './resize.js';
import { product, strides } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';
import { copyStrided } from './strided-copy.js';

export const resizeNearest = defineOp<ResizeAttributes>({
  name: 'ResizeNearest',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: parseResize,
  infer(context) {
    expectType(context, requiredInput(context, 0), storedTypes);
    return inferResize(context);
  },
  run(context) {
    const { attributes, outputs } = context;
    const x = requiredInput(context, 0);
    const { dims } = outputs[0]!;
    const from = inputData(context, 0);
    const data = allocate(x.type, product(dims));
    const source = strides(x.dims);
    const target = strides(dims);
    const rows = nearest(x.dims[1]!, attributes.height, attributes);
    const columns = nearest(x.dims[2]!, attributes.width, attributes);
    for (const [i, row] of rows.entries()) {
      for (const [j, column] of columns.entries()) {
        copyStrided(
          [dims[0]!, dims[3]!],
          { data: from, offset: row * source[1]! + column * source[2]!, strides: [source[0]!, 1] },
          { data, offset: i * target[1]! + j * target[2]!, strides: [target[0]!, 1] },
        );
      }
    }
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'uint8', 'int16'] as const) {
      for (const centers of [{}, { alignCorners: true }, { halfPixelCenters: true }]) {
        const make = (from: readonly number[], height: number, width: number) => {
          const attributes: CaseOptions['attributes'] & object = { height, width, ...centers };
          const dims = [from[0]!, height, width, from[3]!];
          return caseGraph({ op: 'ResizeNearest', attributes, inputs: [{ type, dims: from }], outputs: [{ type, dims }] });
        };
        yield make([2, 3, 4, 3], 7, 8);
        yield make([1, 8, 7, 2], 3, 1);
      }
    }
  },
});

/** Of each output row or column, the one of the input. */
export function nearest(input: number, output: number, { alignCorners, halfPixelCenters }: ResizeAttributes): Int32Array {
  const scale = floatScale(input, output, alignCorners);
  return Int32Array.from({ length: output }, (_, i) => {
    const position = Math.fround(Math.fround(i + (halfPixelCenters ? 0.5 : 0)) * scale);
    return Math.min(alignCorners ? roundHalfAway(position) : Math.floor(position), input - 1);
  });
}
