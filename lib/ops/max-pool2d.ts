/**
 * MaxPool2D: x[N, H, W, C] -> y[N, OH, OW, C], the largest of the window's elements that lie inside x, clamped to the fused
 * activation's bounds. Integers are compared as they are: where x and y are quantized, they mean the same by them.
 */
import { affine, caseGraph } from './cases.js';
import { defineOp, type OpCase } from './op.js';
import { expectSameQParams, forEachWindow, inferPool, type PoolAttributes, parsePool, poolBounds } from './pooling.js';
import { product } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const maxPool2d = defineOp<PoolAttributes>({
  name: 'MaxPool2D',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: parsePool,
  infer: (context) => inferPool(context, true),

  run(context) {
    const { type, dims } = context.outputs[0]!;
    if (context.inputs[0]!.qparams !== undefined && context.outputs[0]!.qparams !== undefined) expectSameQParams(context);
    const x = inputData(context, 0) as Float32Array;
    const y = allocate(type, product(dims)) as Float32Array;
    const channels = dims[3]!;
    const [min, max] = poolBounds(context);
    const largest = new Float64Array(channels);
    forEachWindow(context, ({ rows, columns, start, rowStep }, offset) => {
      largest.fill(min);
      for (let row = 0; row < rows; row++) {
        const from = start + row * rowStep;
        for (let i = 0; i < columns * channels; i += channels) {
          for (let c = 0; c < channels; c++) largest[c] = Math.max(largest[c]!, x[from + i + c]!);
        }
      }
      for (let c = 0; c < channels; c++) y[offset + c] = Math.min(largest[c]!, max);
    });
    return [outputTensor(context, 0, y)];
  },

  cases,
});

function* cases(): Iterable<OpCase> {
  const op = 'MaxPool2D';
  const shapes = [
    { x: [1, 6, 6, 8], y: [1, 3, 3, 8], attributes: { size: [2, 2], strides: [2, 2], activation: 'none' } },
    { x: [2, 5, 4, 3], y: [2, 3, 2, 3], attributes: { size: [3, 3], strides: [2, 2], padding: 'same', activation: 'relu' } },
    { x: [1, 3, 5, 2], y: [1, 3, 4, 2], attributes: { size: [2, 3], pads: [0, 1, 1, 0], activation: 'relu-n1-to-1' } },
  ] as const;
  for (const { x, y, attributes } of shapes) {
    for (const type of ['int8', 'uint8', 'int16'] as const) {
      const qparams = affine(type, 0.05, type === 'int16' ? 0 : 3);
      yield caseGraph({ op, attributes, inputs: [{ type, qparams, dims: x }], outputs: [{ type, qparams, dims: y }] });
    }
    for (const type of ['float32', 'float64'] as const) {
      yield caseGraph({ op, attributes, inputs: [{ type, dims: x }], outputs: [{ type, dims: y }] });
    }
  }
  const attributes = { size: [3, 3], strides: [2, 2], ceil: true } as const;
  for (const type of ['float32', 'int8', 'uint8'] as const) {
    yield caseGraph({ op, attributes, inputs: [{ type, dims: [1, 6, 4, 5] }], outputs: [{ type, dims: [1, 3, 2, 5] }] });
  }
  const lower = { size: [2, 2], padding: 'same-lower' } as const;
  const quantized = { type: 'int8', dims: [1, 4, 5, 3], qparams: affine('int8', 0.05, 3) } as const;
  yield caseGraph({ op, attributes: lower, inputs: [quantized], outputs: [quantized] });
}
