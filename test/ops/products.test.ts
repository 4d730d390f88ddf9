/** Products of matrices, sums of integers and quantization by inputs: values computed by hand. */

import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { OctensorError, Tensor } from 'octensor';
import type { Attributes } from '#lib/graph/graph.js';
import { affine, type CaseInput, type CaseValue, caseGraph } from '#lib/ops/cases.js';
import { ops } from '#lib/ops/index.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

function run(
  t: ExecutionContext,
  op: string,
  inputs: readonly (CaseInput | undefined)[],
  outputs: readonly CaseValue[],
  attributes: Attributes = {},
) {
  return elements(runCase(t, ops.get(op)!, caseGraph({ op, attributes, inputs, outputs, numerics: 'onnx' })));
}

const values = (type: Tensor['type'], dims: readonly number[], data: readonly number[]): CaseInput => ({ type, dims, data });

test('a matrix times a matrix, and vectors that are a row or a column', (t) => {
  const a = values('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
  const b = values('float32', [3, 2], [1, 0, 0, 1, 2, -1]);
  t.deepEqual(run(t, 'MatMul', [a, b], [{ type: 'float32', dims: [2, 2] }]), [[7, -1, 16, -1]]);
  const row = values('float32', [3], [1, 1, 1]);
  t.deepEqual(run(t, 'MatMul', [row, b], [{ type: 'float32', dims: [2] }]), [[3, 0]]);
  t.deepEqual(run(t, 'MatMul', [a, row], [{ type: 'float32', dims: [2] }]), [[6, 15]]);
  t.deepEqual(run(t, 'MatMul', [row, row], [{ type: 'float32', dims: [] }]), [[3]]);
});

test('transposed operands are read the other way round', (t) => {
  const a = values('float32', [3, 2], [1, 4, 2, 5, 3, 6]);
  const b = values('float32', [2, 3], [1, 0, 2, 0, 1, -1]);
  const attributes = { transposeA: true, transposeB: true };
  t.deepEqual(run(t, 'MatMul', [a, b], [{ type: 'float32', dims: [2, 2] }], attributes), [[7, -1, 16, -1]]);
});

test('matrices before the last two dimensions are broadcast', (t) => {
  const a = values('int32', [2, 1, 1, 2], [1, 2, 3, 4]);
  const b = values('int32', [2, 2, 1], [1, 1, 10, 10]);
  t.deepEqual(run(t, 'MatMul', [a, b], [{ type: 'int32', dims: [2, 2, 1, 1] }]), [[3, 30, 7, 70]]);
});

test('integers wrap around', (t) => {
  const [a, b] = [values('int32', [1, 2], [2 ** 30, 1]), values('int32', [2, 1], [4, -5])];
  t.deepEqual(run(t, 'MatMul', [a, b], [{ type: 'int32', dims: [1, 1] }]), [[-5]]);
  const [c, d] = [values('uint32', [1, 1], [2 ** 32 - 1]), values('uint32', [1, 1], [2])];
  t.deepEqual(run(t, 'MatMul', [c, d], [{ type: 'uint32', dims: [1, 1] }]), [[2 ** 32 - 2]]);
});

test('each column has its scale and zero point', (t) => {
  const a = { ...values('uint8', [1, 2], [12, 14]), qparams: affine('uint8', 0.5, 10) }; // 1, 2
  const qparams = { dtype: 'int8', scale: Float32Array.of(1, 0.25), zeroPoint: Int32Array.of(0, 2), axis: 1 } as const;
  const b = { ...values('int8', [2, 2], [3, 6, 1, 10]), qparams }; // 3, 1; 1, 2
  const y = { type: 'uint8', dims: [1, 2], qparams: affine('uint8', 0.5, 100) } as const;
  t.deepEqual(run(t, 'MatMul', [a, b], [y]), [[110, 110]]);
  t.deepEqual(run(t, 'MatMul', [a, b], [{ type: 'float32', dims: [1, 2] }], { to: 'float32' }), [[5, 5]]);
});

test('what does not fit is refused', (t) => {
  const refuses = (inputs: readonly CaseInput[], code: OctensorError['code']) => {
    throwsCode(t, () => run(t, 'MatMul', inputs, [{ type: 'float32', dims: [] }]), code, '"MatMul"');
  };
  const float = (dims: readonly number[]): CaseInput => ({ type: 'float32', dims });
  refuses([float([2, 3]), float([2, 3])], 'ERR_SHAPE');
  refuses([float([]), float([2, 3])], 'ERR_SHAPE');
  refuses([float([2, 2, 3]), float([3, 3, 2])], 'ERR_SHAPE');
  refuses([float([2, 3]), { type: 'float64', dims: [3, 2] }], 'ERR_DTYPE');
  refuses([float([2, 3]), float([3, 2]), float([3])], 'ERR_SHAPE');
  refuses(
    [
      { type: 'int8', dims: [2, 3] },
      { type: 'int8', dims: [3, 2] },
    ],
    'ERR_QUANTIZATION',
  );
});

test('sums of integers take zero points away: one, or those of rows and columns', (t) => {
  const a = values('uint8', [2, 2], [5, 6, 7, 8]);
  const b = values('int8', [2, 2], [1, 2, 3, 4]);
  const y = [{ type: 'int32', dims: [2, 2] } as const];
  t.deepEqual(run(t, 'MatMulInteger', [a, b], y), [[23, 34, 31, 46]]);
  t.deepEqual(run(t, 'MatMulInteger', [a, b, values('uint8', [], [5])], y), [[3, 4, 11, 16]]);
  t.deepEqual(run(t, 'MatMulInteger', [a, b, values('uint8', [2], [5, 7])], y), [[3, 4, 3, 4]]);
  t.deepEqual(run(t, 'MatMulInteger', [a, b, undefined, values('int8', [2], [1, 2])], y), [[12, 12, 16, 16]]);
});

test('outside of the input of ConvInteger there is its zero point', (t) => {
  const x = values('uint8', [1, 1, 3, 1], [3, 4, 5]);
  const w = values('uint8', [1, 1, 3, 1], [2, 2, 3]);
  const y = [{ type: 'int32', dims: [1, 1, 3, 1] } as const];
  const zeros = [values('uint8', [], [2]), values('uint8', [1], [1])];
  t.deepEqual(run(t, 'ConvInteger', [x, w, ...zeros], y, { padding: 'same' }), [[5, 9, 5]]);
});

test('the largest elements and their places, in both orders', (t) => {
  const x = values('float32', [1, 1, 2, 3], [1, 5, 2, 7, 0, 5]);
  const y = [{ type: 'float32', dims: [1, 1, 1, 2] } as const, { type: 'int64', dims: [1, 1, 1, 2] } as const];
  t.deepEqual(run(t, 'PoolNd', [x], y, { mode: 'max', size: [2, 2] }), [
    [7, 5],
    [3, 1], // the first of two
  ]);
  t.deepEqual(run(t, 'PoolNd', [x], y, { mode: 'max', size: [2, 2], columnMajor: true })[1], [1, 2]);
});

test('padding counts where it is asked for, and not beyond it', (t) => {
  const x = values('float32', [1, 1, 3], [3, 6, 9]);
  const attributes = { mode: 'average', size: [2], strides: [2], pads: [1, 0], ceil: true };
  const y = [{ type: 'float32', dims: [1, 1, 2] } as const];
  t.deepEqual(run(t, 'PoolNd', [x], y, attributes), [[3, 7.5]]);
  t.deepEqual(run(t, 'PoolNd', [x], y, { ...attributes, countPadding: true }), [[1.5, 7.5]]);
  const third = [{ type: 'float32', dims: [1, 1, 2] } as const];
  const open = { mode: 'average', size: [2], strides: [2], ceil: true, countPadding: true };
  t.deepEqual(run(t, 'PoolNd', [x], third, open), [[4.5, 9]]);
});

test('blocks of elements have scales of their own', (t) => {
  const x = values('float32', [1, 5], [1, 2, 3, 4, 5]);
  const scale = values('float32', [1, 3], [1, 0.5, 0.25]);
  const zero = values('uint8', [1, 3], [0, 10, 20]);
  const attributes = { axis: 1, blockSize: 2 };
  const quantized = [1, 2, 16, 18, 40];
  t.deepEqual(run(t, 'QuantizeLinear', [x, scale, zero], [{ type: 'uint8', dims: [1, 5] }], attributes), [quantized]);
  const y = [{ type: 'float32', dims: [1, 5] } as const];
  const back = values('uint8', [1, 5], quantized);
  t.deepEqual(run(t, 'DequantizeLinear', [back, scale, zero], y, attributes), [[1, 2, 3, 4, 5]]);
});

test('quotients round half to even and saturate; NaN is the zero point', (t) => {
  const x = values('float32', [6], [0.5, 1.5, -0.5, 1e9, -1e9, Number.NaN]);
  const [scale, zero] = [values('float32', [], [1]), values('int8', [], [3])];
  t.deepEqual(run(t, 'QuantizeLinear', [x, scale, zero], [{ type: 'int8', dims: [6] }]), [[3, 5, 3, 127, -128, 3]]);
});

test('the range of what is quantized as it comes contains 0', (t) => {
  const y = (size: number) => [
    { type: 'uint8', dims: [size] } as const,
    { type: 'float32', dims: [] } as const,
    { type: 'uint8', dims: [] } as const,
  ];
  t.deepEqual(run(t, 'DynamicQuantizeLinear', [values('float32', [2], [255, 510])], y(2)), [[128, 255], [2], [0]]);
  t.deepEqual(run(t, 'DynamicQuantizeLinear', [values('float32', [2], [-100, 155])], y(2)), [[0, 255], [1], [100]]);
  t.deepEqual(run(t, 'DynamicQuantizeLinear', [values('float32', [2], [0, 0])], y(2)), [[0, 0], [1], [0]]);
});
