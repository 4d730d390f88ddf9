import test, { type ExecutionContext } from 'ava';
import { averagePool2d } from '#lib/ops/average-pool2d.js';
import { affine, type CaseInput, type CaseOptions, type CaseValue, caseGraph } from '#lib/ops/cases.js';
import { maxPool2d } from '#lib/ops/max-pool2d.js';
import { mean } from '#lib/ops/mean.js';
import type { Op } from '#lib/ops/op.js';
import { reduceMax } from '#lib/ops/reduce-max.js';
import { sum } from '#lib/ops/sum.js';
import type { Numerics } from '#lib/quant/requant.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

type Attributes = NonNullable<CaseOptions['attributes']>;

function run(
  t: ExecutionContext,
  op: Op,
  attributes: Attributes,
  input: CaseInput,
  output: CaseValue,
  numerics: Numerics = 'tflite',
): readonly number[] {
  return elements(runCase(t, op, caseGraph({ op: op.name, attributes, inputs: [input], outputs: [output], numerics })))[0]!;
}

const float = (dims: readonly number[], data?: readonly number[]): CaseInput => {
  return { type: 'float32', dims, data: data ?? Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i + 1) };
};
const floats = (dims: readonly number[]): CaseValue => ({ type: 'float32', dims });
const int8 = (dims: readonly number[], scale = 1, zeroPoint = 0): CaseValue => {
  return { type: 'int8', dims, qparams: affine('int8', scale, zeroPoint) };
};

for (const op of [averagePool2d, maxPool2d, mean, sum, reduceMax]) {
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

test('pools see what of the window lies inside', (t) => {
  const x = float([1, 3, 3, 1]);
  const same = { size: [2, 2], strides: [2, 2], padding: 'same' };
  t.deepEqual(run(t, averagePool2d, same, x, floats([1, 2, 2, 1])), [3, 4.5, 7.5, 9]);
  t.deepEqual(run(t, maxPool2d, same, x, floats([1, 2, 2, 1])), [5, 6, 8, 9]);
  t.deepEqual(run(t, averagePool2d, { size: [3, 2] }, x, floats([1, 1, 2, 1])), [4.5, 5.5]);
  t.deepEqual(run(t, averagePool2d, { size: [2, 2], pads: [1, 1, 0, 0] }, x, floats([1, 3, 3, 1]))[0], 1);
  t.deepEqual(run(t, maxPool2d, { size: [3, 3], activation: 'relu6' }, x, floats([1, 1, 1, 1])), [6]);
  const negative = { ...int8([1, 1, 2, 1]), data: [-128, -128] };
  t.deepEqual(run(t, maxPool2d, { size: [1, 2] }, negative, int8([1, 1, 1, 1])), [-128]);
});

test('AveragePool2D: halves go away from zero, for onnx to even', (t) => {
  const x: CaseInput = { ...int8([1, 1, 2, 4]), data: [1, 3, -1, -3, 2, 4, -2, -4] }; // means 1.5, 3.5, -1.5, -3.5
  t.deepEqual(run(t, averagePool2d, { size: [1, 2] }, x, int8([1, 1, 1, 4])), [2, 4, -2, -4]);
  t.deepEqual(run(t, averagePool2d, { size: [1, 2] }, x, int8([1, 1, 1, 4]), 'onnx'), [2, 4, -2, -4]);
  const odd: CaseInput = { ...int8([1, 1, 2, 2]), data: [0, 2, 1, 3] }; // 0.5 and 2.5
  t.deepEqual(run(t, averagePool2d, { size: [1, 2] }, odd, int8([1, 1, 1, 2])), [1, 3]);
  t.deepEqual(run(t, averagePool2d, { size: [1, 2] }, odd, int8([1, 1, 1, 2]), 'onnx'), [0, 2]);
});

test('reductions along any axes', (t) => {
  const x = float([2, 3, 2]);
  t.deepEqual(run(t, mean, { axes: [1] }, x, floats([2, 2])), [3, 4, 9, 10]);
  t.deepEqual(run(t, mean, { axes: [0, 2], keepDims: true }, x, floats([1, 3, 1])), [4.5, 6.5, 8.5]);
  t.deepEqual(run(t, sum, { axes: [-1, 1] }, x, floats([2])), [21, 57]);
  t.deepEqual(run(t, sum, { axes: [0, 0] }, x, floats([3, 2])), [8, 10, 12, 14, 16, 18]);
  t.deepEqual(run(t, reduceMax, { axes: [0, 1, 2] }, x, floats([])), [12]);
  t.deepEqual(run(t, reduceMax, { axes: [] }, float([2]), floats([2])), [1, 2]);
  t.deepEqual(run(t, mean, { axes: [0] }, float([0, 2], []), floats([2])), [0, 0]);
  const large: CaseInput = { type: 'int32', dims: [2], data: [2 ** 31 - 1, 1] };
  t.deepEqual(run(t, sum, { axes: [0] }, large, { type: 'int32', dims: [] }), [-(2 ** 31)]);
});

test('Mean and Sum of integers rescale from the input to the output', (t) => {
  const x: CaseInput = { ...int8([1, 4], 0.5, 2), data: [2, 4, 6, 8] }; // real 0, 1, 2, 3
  t.deepEqual(run(t, mean, { axes: [1] }, x, int8([1], 0.25, -1)), [5]); // 1.5 / 0.25 - 1
  t.deepEqual(run(t, sum, { axes: [1] }, x, int8([1], 0.25, -1)), [23]);
  t.deepEqual(run(t, sum, { axes: [1] }, x, int8([1], 0.01, 0)), [127]);
  // 0.5 of a step: away from zero, and to even
  t.deepEqual(run(t, mean, { axes: [1] }, { ...int8([1, 2]), data: [0, 1] }, int8([1])), [1]);
  t.deepEqual(run(t, mean, { axes: [1] }, { ...int8([1, 2]), data: [0, 1] }, int8([1]), 'onnx'), [0]);
});

test('Mean divides the multiplier by the count, truncated', (t) => {
  // 2^31 / 3 truncated makes 3 · 1/3 · 1/2 one part in 2^31 less than 0.5; rounded twice it is 1 and then 0.5 again.
  const third: CaseInput = { ...int8([3]), data: [1, 1, 1] };
  t.deepEqual(run(t, mean, { axes: [0] }, third, int8([], 2), 'single'), [0]);
  t.deepEqual(run(t, mean, { axes: [0] }, third, int8([], 2)), [1]);
  const half: CaseInput = { ...int8([2]), data: [1, 1] };
  t.deepEqual(run(t, mean, { axes: [0] }, half, int8([], 2), 'single'), [1]);
});

test('what does not fit is refused', (t) => {
  const refuses = (
    op: Op,
    attributes: Attributes,
    input: CaseInput,
    code: 'ERR_SHAPE' | 'ERR_DTYPE' | 'ERR_QUANTIZATION' | 'ERR_MODEL_FORMAT',
    output = floats([1, 1, 1, 1]),
  ) => {
    const opCase = caseGraph({ op: op.name, attributes, inputs: [input], outputs: [output] });
    throwsCode(t, () => runCase(t, op, opCase), code, `"${op.name}"`);
  };
  const x = float([1, 3, 3, 1]);
  for (const op of [averagePool2d, maxPool2d]) {
    refuses(op, { size: [2] }, x, 'ERR_MODEL_FORMAT');
    refuses(op, { size: [2, 2], dilations: [2, 2] }, x, 'ERR_MODEL_FORMAT');
    refuses(op, { size: [4, 1] }, x, 'ERR_SHAPE');
    refuses(op, { size: [2, 2], pads: [2, 0, 0, 0] }, x, 'ERR_SHAPE');
    refuses(op, { size: [2, 2] }, float([3, 3, 1]), 'ERR_SHAPE');
    refuses(op, { size: [2, 2] }, { type: 'int32', dims: [1, 3, 3, 1] }, 'ERR_DTYPE');
    const plain = { type: 'int8', dims: [1, 3, 3, 1] } as const;
    refuses(op, { size: [2, 2], activation: 'relu' }, plain, 'ERR_QUANTIZATION');
    if (op === averagePool2d) refuses(op, { size: [2, 2] }, plain, 'ERR_QUANTIZATION');
    refuses(op, { size: [3, 3] }, int8([1, 3, 3, 1], 0.5), 'ERR_QUANTIZATION', int8([1, 1, 1, 1], 0.25));
  }
  for (const op of [mean, sum, reduceMax]) {
    refuses(op, { axes: [4] }, x, 'ERR_SHAPE');
    if (op !== reduceMax) refuses(op, { axes: [0] }, { type: 'bool', dims: [2] }, 'ERR_DTYPE');
  }
});
