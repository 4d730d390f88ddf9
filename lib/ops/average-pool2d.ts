/**
 * AveragePool2D: x[N, H, W, C] -> y[N, OH, OW, C], the mean of the window's elements that lie inside x
 *
 *     tflite, single:  y = clamp((sum ± n/2) / n), truncated: half away from zero; x and y mean the same by their integers
 *     onnx:            y = clamp(round half even(mean of (x - zx)·sx in float32 / sy) + zy)
 *     float:           summed in float64
 *
 * TFLite's reference kernels; ONNX dequantizes, pools and quantizes.
 */
import { roundHalfEven } from '../rounding.js';
import { affine, caseGraph } from './cases.js';
import { isQuantized } from './elementwise.js';
import { defineOp, type OpCase, perTensor, type RunContext } from './op.js';
import { expectSameQParams, forEachWindow, inferPool, type PoolAttributes, parsePool, poolBounds } from './pooling.js';
import { product } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const averagePool2d = defineOp<PoolAttributes>({
  name: 'AveragePool2D',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: parsePool,
  infer: (context) => inferPool(context),

  run(context) {
    const { type, dims } = context.outputs[0]!;
    const x = inputData(context, 0) as Float32Array;
    const y = allocate(type, product(dims)) as Float32Array;
    const channels = dims[3]!;
    const average = averager(context);
    const sums = new Float64Array(channels);
    forEachWindow(context, ({ rows, columns, start, rowStep }, offset) => {
      sums.fill(0);
      for (let row = 0; row < rows; row++) {
        const from = start + row * rowStep;
        for (let i = 0; i < columns * channels; i += channels) {
          for (let c = 0; c < channels; c++) sums[c] = sums[c]! + x[from + i + c]!;
        }
      }
      for (let c = 0; c < channels; c++) y[offset + c] = average(sums[c]!, rows * columns);
    });
    return [outputTensor(context, 0, y)];
  },

  cases,
});

function averager(context: RunContext<PoolAttributes>): (sum: number, count: number) => number {
  const [min, max] = poolBounds(context);
  const clamp = (value: number) => Math.min(Math.max(value, min), max);
  if (!isQuantized(context.outputs[0]!.type)) return (sum, count) => clamp(sum / count);
  if (context.numerics === 'onnx') {
    const [x, y] = [perTensor(context, context.inputs[0]!), perTensor(context, context.outputs[0]!)];
    return (sum, count) => {
      const mean = Math.fround(((sum - count * x.zeroPoint) * x.scale) / count);
      return clamp(roundHalfEven(Math.fround(mean / y.scale)) + y.zeroPoint);
    };
  }
  expectSameQParams(context);
  return (sum, count) => {
    const half = Math.floor(count / 2);
    return clamp(Math.trunc((sum + (sum > 0 ? half : -half)) / count));
  };
}

function* cases(): Iterable<OpCase> {
  const op = 'AveragePool2D';
  const shapes = [
    { x: [1, 7, 7, 20], y: [1, 1, 1, 20], attributes: { size: [7, 7], activation: 'none' } },
    { x: [2, 5, 4, 3], y: [2, 3, 2, 3], attributes: { size: [3, 3], strides: [2, 2], padding: 'same', activation: 'relu' } },
    { x: [1, 3, 5, 2], y: [1, 3, 4, 2], attributes: { size: [2, 3], pads: [0, 1, 1, 0], activation: 'relu6' } },
  ] as const;
  for (const { x, y, attributes } of shapes) {
    const quantized = (['int8', 'uint8', 'int16'] as const).map((type) => ({
      type,
      qparams: affine(type, 0.05, type === 'int16' ? 0 : 3),
    }));
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const value of quantized) {
        yield caseGraph({ op, attributes, inputs: [{ ...value, dims: x }], outputs: [{ ...value, dims: y }], numerics });
      }
    }
    for (const type of ['float32', 'float64'] as const) {
      yield caseGraph({ op, attributes, inputs: [{ type, dims: x }], outputs: [{ type, dims: y }] });
    }
  }
  const attributes = { size: [3, 2], strides: [2, 3], ceil: true, pads: [1, 0, 0, 1] } as const;
  const [x, y] = [
    [1, 7, 6, 20],
    [1, 4, 2, 20],
  ];
  yield caseGraph({ op, attributes, inputs: [{ type: 'float32', dims: x }], outputs: [{ type: 'float32', dims: y }] });
  const uint8 = { type: 'uint8', qparams: affine('uint8', 0.05, 77) } as const;
  for (const numerics of ['tflite', 'onnx'] as const) {
    yield caseGraph({ op, attributes, inputs: [{ ...uint8, dims: x }], outputs: [{ ...uint8, dims: y }], numerics });
  }
}
