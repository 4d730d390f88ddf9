import test, { type ExecutionContext } from 'ava';
import { add, sub } from '#lib/ops/add-sub.js';
import { argMax, argMin } from '#lib/ops/arg-max.js';
import { floorDiv, maximum, minimum } from '#lib/ops/binary.js';
import { affine, type CaseInput, type CaseOptions, caseGraph } from '#lib/ops/cases.js';
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from '#lib/ops/comparison.js';
import { div } from '#lib/ops/div.js';
import { logicalAnd, logicalNot, logicalOr } from '#lib/ops/logical.js';
import { mul } from '#lib/ops/mul.js';
import type { Op } from '#lib/ops/op.js';
import { pow } from '#lib/ops/pow.js';
import { select } from '#lib/ops/select.js';
import { squaredDifference } from '#lib/ops/squared-difference.js';
import { ceil, cos, exp, floor, log, neg, round, rsqrt, sin, sqrt, square } from '#lib/ops/unary-float.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

type Options = Omit<CaseOptions, 'op' | 'inputs' | 'outputs'>;

const unary = [neg, sqrt, rsqrt, square, log, exp, sin, cos, floor, ceil, round, logicalNot];
const comparisons = [equal, notEqual, less, lessEqual, greater, greaterEqual];
const binary = [add, sub, mul, div, floorDiv, maximum, minimum, squaredDifference, pow, logicalAnd, logicalOr, ...comparisons];

for (const op of [...unary, ...binary, argMax, argMin, select]) {
  test(`${op.name}: cases have the declared shapes and leave their inputs alone`, (t) => {
    for (const opCase of op.cases()) {
      const before = structuredClone(Object.values(opCase.feeds).map(({ data }) => data));
      runCase(t, op, opCase);
      t.deepEqual(
        Object.values(opCase.feeds).map(({ data }) => data),
        before,
      );
    }
  });
}

const floats = (data: readonly number[], dims: readonly number[] = [data.length]): CaseInput => ({
  type: 'float32',
  dims,
  data,
});
const ints = (data: readonly number[], dims: readonly number[] = [data.length]): CaseInput => ({ type: 'int32', dims, data });

function outcome(
  t: ExecutionContext,
  op: Op,
  inputs: readonly CaseInput[],
  output?: Partial<CaseInput>,
  options: Options = {},
) {
  const { type, dims, qparams } = { ...inputs[0]!, ...output };
  const outputs = [{ type, dims, ...(qparams !== undefined && { qparams }) }];
  return elements(runCase(t, op, caseGraph({ op: op.name, inputs, outputs, ...options })))[0]!;
}

test('reals and integers broadcast', (t) => {
  const column = floats([1, 2], [2, 1]);
  const row = floats([10, 20, 40]);
  t.deepEqual(outcome(t, add, [column, row], { dims: [2, 3] }), [11, 21, 41, 12, 22, 42]);
  t.deepEqual(outcome(t, sub, [column, row], { dims: [2, 3] }), [-9, -19, -39, -8, -18, -38]);
  t.deepEqual(outcome(t, mul, [row, floats([0.5], [])]), [5, 10, 20]);
  t.deepEqual(outcome(t, div, [row, floats([4], [1])]), [2.5, 5, 10]);
  t.deepEqual(outcome(t, maximum, [ints([1, 5]), ints([3], [])]), [3, 5]);
  t.deepEqual(outcome(t, minimum, [ints([1, 5]), ints([3], [])]), [1, 3]);
  t.deepEqual(outcome(t, squaredDifference, [ints([1, 5]), ints([3], [])]), [4, 4]);
});

test('fused activations clamp reals', (t) => {
  const sum = (activation: string) =>
    outcome(t, add, [floats([-3, 0, 8]), floats([0.5], [])], {}, { attributes: { activation } });
  t.deepEqual(sum('none'), [-2.5, 0.5, 8.5]);
  t.deepEqual(sum('relu'), [0, 0.5, 8.5]);
  t.deepEqual(sum('relu6'), [0, 0.5, 6]);
  t.deepEqual(sum('relu-n1-to-1'), [-1, 0.5, 1]);
});

test('int32 wraps, divides toward zero and floors', (t) => {
  t.deepEqual(outcome(t, add, [ints([2 ** 31 - 1]), ints([1])]), [-(2 ** 31)]);
  t.deepEqual(outcome(t, mul, [ints([65536]), ints([65537])]), [65536]);
  t.deepEqual(outcome(t, div, [ints([-7, 7, 5, -5, 0]), ints([2, -2, 0, 0, 0])]), [-3, -3, 2 ** 31 - 1, -(2 ** 31), 0]);
  t.deepEqual(outcome(t, floorDiv, [ints([-7, 7, 7, 0]), ints([2, -2, 2, 0])]), [-4, -4, 3, 0]);
  t.deepEqual(outcome(t, floorDiv, [floats([-7]), floats([2])]), [-4]);
  t.deepEqual(outcome(t, pow, [ints([3, 2, 7, -1, 2]), ints([4, 31, 0, -3, -1])]), [81, -(2 ** 31), 1, -1, 0]);
  t.deepEqual(outcome(t, pow, [floats([2, 9]), floats([-1, 0.5])]), [0.5, 3]);
});

const q8 = (data: readonly number[], scale: number, zeroPoint = 0): CaseInput => {
  return { type: 'int8', dims: [data.length], data, qparams: affine('int8', scale, zeroPoint) };
};

test('quantized sums are rescaled, rounded and saturated', (t) => {
  // 0.5·(3 - 1) + 0.25·(5 + 2) = 2.75, which is 2.75 / 0.5 = 5.5 -> 6 above the zero point
  const [a, b] = [q8([3, 127, -128], 0.5, 1), q8([5, 127, -128], 0.25, -2)];
  const output = { qparams: affine('int8', 0.5, -10) };
  t.deepEqual(outcome(t, add, [a, b], output), [-4, 127, -128]);
  // -0.75 -> -1.5 -> -2, ties go away from zero; 63 - 32.25 -> 61.5 -> 62; -64.5 + 31.5 -> -66
  t.deepEqual(outcome(t, sub, [a, b], output), [-12, 52, -76]);
  t.deepEqual(outcome(t, add, [a, b], output, { attributes: { activation: 'relu6' } }), [-4, 2, -10]);
});

test('single rounding takes ties up, ONNX to even', (t) => {
  // -0.75 / 0.5 = -1.5
  const inputs = [q8([2], 0.5), q8([-7], 0.25)];
  const sum = (numerics: 'tflite' | 'single' | 'onnx') =>
    outcome(t, add, inputs, { qparams: affine('int8', 0.5) }, { numerics });
  t.deepEqual([sum('tflite'), sum('single'), sum('onnx')], [[-2], [-1], [-2]]);
  const other = [q8([2], 0.5), q8([-6], 0.25)]; // -0.5 / 0.2 = -2.5
  const even = (numerics: 'tflite' | 'single' | 'onnx') =>
    outcome(t, sub, [other[1]!, q8([-2], 0.5)], { qparams: affine('int8', 1) }, { numerics });
  t.deepEqual([even('tflite'), even('single'), even('onnx')], [[-1], [0], [0]]); // -1.5 + 1 = -0.5
});

test('int16 sums with scales that are powers of two', (t) => {
  const q16 = (data: readonly number[], scale: number): CaseInput => {
    return { type: 'int16', dims: [data.length], data, qparams: affine('int16', scale) };
  };
  const inputs = [q16([5, -6, 32767], 2 ** -14), q16([1, 1, 32767], 2 ** -12)];
  const options = { attributes: { potScale: true } };
  t.deepEqual(outcome(t, add, inputs, { qparams: affine('int16', 2 ** -12) }, options), [2, -1, 32767]); // 5/4 -> 1, -6/4 -> -2
  t.deepEqual(outcome(t, sub, inputs, { qparams: affine('int16', 2 ** -12) }, options), [0, -3, 8192 - 32767]);
  const wrong = () => outcome(t, add, inputs, { qparams: affine('int16', 2 ** -13) }, options);
  throwsCode(t, wrong, 'ERR_QUANTIZATION', '"Add"', 'one input with the scale of the output');
});

test('quantized products and quotients', (t) => {
  // 0.5·(4 - 1) · 0.25·(-6 + 2) = -1.5 -> -1.5 / 0.5 = -3
  const [a, b] = [q8([4, 127], 0.5, 1), q8([-6, -128], 0.25, -2)];
  t.deepEqual(outcome(t, mul, [a, b], { qparams: affine('int8', 0.5, 3) }), [0, -128]);
  t.deepEqual(outcome(t, mul, [a, b], { qparams: affine('int8', 0.5, 3) }, { numerics: 'onnx' }), [0, -128]);
  // 1.5 / -1 = -1.5 -> -6; 63 / -31.5 = -2 -> -8
  t.deepEqual(outcome(t, div, [a, b], { qparams: affine('int8', 0.25, 1) }), [-5, -7]);
  t.deepEqual(
    outcome(t, div, [q8([5, -5, 0], 0.5), q8([2, 2, 2], 0.25, 2)], { qparams: affine('int8', 0.25, 1) }),
    [127, -128, 1],
  );
  // (1.5 - -1)² = 6.25 -> 12.5 -> 13
  t.deepEqual(outcome(t, squaredDifference, [a, b], { qparams: affine('int8', 0.5, 3) }), [16, 127]);
});

test('comparisons of integers, reals and 64-bit integers', (t) => {
  const run = (op: Op, a: CaseInput, b: CaseInput) => outcome(t, op, [a, b], { type: 'bool' });
  t.deepEqual(
    comparisons.map((op) => run(op, ints([1, 2, 3]), ints([2, 2, 2]))),
    [
      [0, 1, 0],
      [1, 0, 1],
      [1, 0, 0],
      [1, 1, 0],
      [0, 0, 1],
      [0, 1, 1],
    ],
  );
  t.deepEqual(
    comparisons.map((op) => run(op, floats([NaN]), floats([NaN]))),
    [[0], [1], [0], [0], [0], [0]],
  );
  const long = (data: number[]): CaseInput => ({ type: 'int64', dims: [data.length], data });
  t.deepEqual(run(greater, long([2 ** 40, -1]), long([1, 0])), [1, 0]);
});

test('quantized inputs are compared as reals', (t) => {
  const run = (op: Op, numerics: 'tflite' | 'onnx') => {
    const [a, b] = [q8([4, 6, 5], 0.5), { ...q8([9, 11, 11], 0.25, 1), type: 'int8' as const }]; // 2, 3, 2.5 and 2, 2.5, 2.5
    return elements(
      runCase(t, op, caseGraph({ op: op.name, inputs: [a, b], outputs: [{ type: 'bool', dims: [3] }], numerics })),
    )[0];
  };
  for (const numerics of ['tflite', 'onnx'] as const) {
    t.deepEqual(run(equal, numerics), [1, 0, 1]);
    t.deepEqual(run(greater, numerics), [0, 1, 0]);
    t.deepEqual(run(lessEqual, numerics), [1, 0, 1]);
  }
});

test('logic and selection', (t) => {
  const bools = (data: readonly number[], dims: readonly number[] = [data.length]): CaseInput => ({ type: 'bool', dims, data });
  t.deepEqual(outcome(t, logicalAnd, [bools([0, 0, 1, 1]), bools([0, 1, 0, 1])]), [0, 0, 0, 1]);
  t.deepEqual(outcome(t, logicalOr, [bools([0, 0, 1, 1]), bools([0, 1, 0, 1])]), [0, 1, 1, 1]);
  t.deepEqual(outcome(t, logicalNot, [bools([0, 1])]), [1, 0]);
  const inputs = [bools([1, 0], [2, 1]), floats([1, 2, 3]), floats([-1], [])];
  t.deepEqual(outcome(t, select, inputs, { type: 'float32', dims: [2, 3] }), [1, 2, 3, -1, -1, -1]);
});

test('ArgMax and ArgMin take the first of equals', (t) => {
  const x = floats([1, 7, 7, 0, 0, 3], [2, 3]);
  const index = (op: Op, axis: number, dims: readonly number[], to: 'int32' | 'int64') =>
    outcome(t, op, [x], { type: to, dims }, { attributes: { axis, to } });
  t.deepEqual(index(argMax, 1, [2], 'int32'), [1, 2]);
  t.deepEqual(index(argMin, -1, [2], 'int64'), [0, 0]);
  t.deepEqual(index(argMax, 0, [3], 'int32'), [0, 0, 0]);
});

test('functions of a real', (t) => {
  t.deepEqual(outcome(t, round, [floats([0.5, 1.5, -2.5, 2.4, 2 ** 24])]), [0, 2, -2, 2, 2 ** 24]);
  t.deepEqual(outcome(t, floor, [floats([-0.5, 1.9])]), [-1, 1]);
  t.deepEqual(outcome(t, ceil, [floats([0.5, 1.1])]), [1, 2]);
  t.deepEqual(outcome(t, rsqrt, [floats([4, 0.25])]), [0.5, 2]);
  t.deepEqual(outcome(t, sqrt, [floats([2])]), [Math.fround(Math.SQRT2)]);
  t.deepEqual(outcome(t, neg, [ints([5, -7])]), [-5, 7]);
  t.deepEqual(outcome(t, square, [floats([-3])]), [9]);
  t.deepEqual(
    [exp, log, sin, cos].map((op) => outcome(t, op, [floats([1])])),
    [Math.E, 0, Math.sin(1), Math.cos(1)].map((x) => [Math.fround(x)]),
  );
});

test('wrong shapes, types and quantization are refused', (t) => {
  throwsCode(t, () => outcome(t, add, [floats([1, 2]), floats([1, 2, 3])]), 'ERR_SHAPE', '"Add"', '[2] and [3]');
  throwsCode(t, () => outcome(t, mul, [floats([1]), ints([1])]), 'ERR_DTYPE', '"Mul"', 'float32 and int32');
  throwsCode(t, () => outcome(t, sqrt, [ints([1])]), 'ERR_DTYPE', '"Sqrt"', 'int32');
  throwsCode(t, () => outcome(t, add, [{ type: 'int8', dims: [1] }, q8([1], 1)]), 'ERR_QUANTIZATION', '"Add"', 'x0', 'none');
  throwsCode(t, () => outcome(t, maximum, [q8([1], 1), q8([1], 2)]), 'ERR_QUANTIZATION', '"Maximum"', 'x0 and x1');
  throwsCode(t, () => outcome(t, argMax, [floats([1])], { dims: [] }, { attributes: { axis: 1 } }), 'ERR_SHAPE', '"ArgMax"');
  throwsCode(t, () => outcome(t, argMax, [floats([1])], { dims: [] }), 'ERR_MODEL_FORMAT', '"ArgMax"', 'axis');
  throwsCode(
    t,
    () => outcome(t, add, [floats([1]), floats([1])], {}, { attributes: { activation: 'tanh' } }),
    'ERR_MODEL_FORMAT',
    '"tanh"',
  );
  throwsCode(t, () => outcome(t, select, [ints([1]), ints([1]), ints([1])]), 'ERR_DTYPE', '"Select"', 'bool');
});
