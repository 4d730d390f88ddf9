import test, { type ExecutionContext } from 'ava';
import { abs } from '#lib/ops/abs.js';
import { affine, type CaseInput, type CaseOptions, caseGraph } from '#lib/ops/cases.js';
import { elu } from '#lib/ops/elu.js';
import { fixed16, fixed32, reciprocal } from '#lib/ops/fixed-point.js';
import { hardSwish } from '#lib/ops/hard-swish.js';
import { leakyRelu } from '#lib/ops/leaky-relu.js';
import { logarithm, logSoftmax } from '#lib/ops/log-softmax.js';
import { logistic } from '#lib/ops/logistic.js';
import type { Op } from '#lib/ops/op.js';
import { prelu } from '#lib/ops/prelu.js';
import { relu, relu6, reluN1To1 } from '#lib/ops/relu.js';
import { softmax } from '#lib/ops/softmax.js';
import { tanh } from '#lib/ops/tanh.js';
import { roundingDivideByPot, saturatingRoundingDoublingHighMul } from '../support/gemmlowp.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

for (const op of [relu, relu6, reluN1To1, leakyRelu, prelu, hardSwish, logistic, tanh, elu, softmax, logSoftmax, abs]) {
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

const int32s = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, -(2 ** 30), 123456789, -987654321, 65535, 65536, -65537];

test('int32 products and quotients are those of gemmlowp', (t) => {
  for (const a of int32s) {
    for (const b of int32s)
      t.is(fixed32.multiply(a, b), Number(saturatingRoundingDoublingHighMul(BigInt(a), BigInt(b))), `${a} · ${b}`);
    for (let e = 0; e < 32; e++)
      t.is(fixed32.divideByPot(a, e), Number(roundingDivideByPot(BigInt(a), BigInt(e))), `${a} / 2^${e}`);
  }
});

test('left shifts saturate', (t) => {
  t.deepEqual(
    [3, 2 ** 29, -(2 ** 29) - 1].map((x) => fixed32.multiplyByPot(x, 2)),
    [12, 2 ** 31 - 1, -(2 ** 31)],
  );
  t.deepEqual(
    [3, 8192, -8193].map((x) => fixed16.multiplyByPot(x, 2)),
    [12, 32767, -32768],
  );
  t.is(fixed16.multiply(-32768, -32768), 32767);
});

test('functions have the values that gemmlowp computes', (t) => {
  const q4 = [
    [0, 1073741824, 0],
    [4194304, 1090517706, 67087036],
    [134217728, 1569936226, 1635510876],
    [-134217728, 577547421, -1635510876],
    [335544320, 1984579402, 2118738064],
    [-939524096, 1956465, -2147480080],
    [2013265920, 2147482988, 2147483647],
  ] as const;
  for (const [x, sigmoid, tangent] of q4) t.deepEqual([fixed32.logistic(x, 4), fixed32.tanh(x, 4)], [sigmoid, tangent], `${x}`);
  const q3 = [
    [0, 16384, 0],
    [1024, 18422, 8032],
    [-4096, 8815, -24964],
    [14336, 31806, 32708],
    [-28672, 29, -32767],
  ] as const;
  for (const [x, sigmoid, tangent] of q3) t.deepEqual([fixed16.logistic(x, 3), fixed16.tanh(x, 3)], [sigmoid, tangent], `${x}`);
  const q5 = [
    [0, 2147483647],
    [-8388608, 1895147668],
    [-67108864, 790015308],
    [-251658240, 50503989],
    [-1342177280, 4],
  ] as const;
  for (const [x, y] of q5) t.is(fixed32.expOnNegativeValues(x, 5), y, `${x}`);
  t.deepEqual(
    [0, 2 ** 30, 2 ** 31 - 1].map((x) => fixed32.oneOverOnePlusX(x)),
    [2147483647, 1431655762, 1073741820],
  );
});

test('functions are near the real ones over their whole range', (t) => {
  for (let x = -15.9; x < 16; x += 0.1003) {
    const q = Math.round(x * 2 ** 27);
    t.true(Math.abs(fixed32.logistic(q, 4) / 2 ** 31 - 1 / (1 + Math.exp(-x))) < 1e-6, `logistic ${x}`);
    t.true(Math.abs(fixed32.tanh(q, 4) / 2 ** 31 - Math.tanh(x)) < 1e-6, `tanh ${x}`);
    t.true(Math.abs(fixed16.logistic(Math.round(x * 2 ** 11), 4) / 2 ** 15 - 1 / (1 + Math.exp(-x))) < 2e-3, `16 bits ${x}`);
  }
  for (let x = 1; x < 4095; x *= 1.37) {
    t.true(Math.abs(logarithm(Math.round(x * 2 ** 19)) / 2 ** 26 - Math.log(x)) < 1e-5, `log ${x}`);
    const { scale, bitsOverUnit } = reciprocal(Math.round(x * 2 ** 19), 12);
    t.true(Math.abs((scale / 2 ** 31 / 2 ** bitsOverUnit) * x - 1) < 1e-5, `1 / ${x}`);
  }
});

type Quantization = readonly [scale: number, zeroPoint: number];
type Options = Omit<CaseOptions, 'op' | 'inputs' | 'outputs'>;
const allNumerics = ['tflite', 'single', 'onnx'] as const;

function quantized(
  data: readonly number[],
  [scale, zeroPoint]: Quantization,
  type: 'int8' | 'uint8' | 'int16' = 'int8',
): CaseInput {
  return { type, dims: [data.length], data, qparams: affine(type, scale, zeroPoint) };
}

function outcome(t: ExecutionContext, op: Op, inputs: readonly CaseInput[], output: CaseInput, options: Options = {}) {
  return elements(runCase(t, op, caseGraph({ op: op.name, inputs, outputs: [output], ...options })))[0]!;
}

function realOutcome(t: ExecutionContext, op: Op, data: readonly number[], options: Options = {}) {
  const x: CaseInput = { type: 'float32', dims: [data.length], data };
  return outcome(t, op, [x], x, options);
}

test('activations of reals', (t) => {
  const x = [-4, -0.5, 0, 0.5, 2, 7];
  t.deepEqual(realOutcome(t, relu, x), [0, 0, 0, 0.5, 2, 7]);
  t.deepEqual(realOutcome(t, relu6, x), [0, 0, 0, 0.5, 2, 6]);
  t.deepEqual(realOutcome(t, reluN1To1, x), [-1, -0.5, 0, 0.5, 1, 1]);
  t.deepEqual(realOutcome(t, leakyRelu, x, { attributes: { alpha: 0.25 } }), [-1, -0.125, 0, 0.5, 2, 7]);
  t.deepEqual(realOutcome(t, hardSwish, [-4, -3, 0, 3, 7]), [-0, -0, 0, 3, 7]);
  t.deepEqual(realOutcome(t, logistic, [0, -Infinity, 100]), [0.5, 0, 1]);
  t.deepEqual(realOutcome(t, tanh, [0, -100]), [0, -1]);
  t.deepEqual(realOutcome(t, elu, [2, -100, -1]), [2, -1, Math.fround(Math.exp(-1) - 1)]);
  t.deepEqual(realOutcome(t, softmax, [1000, 1000]), [0.5, 0.5]);
  const [few, many] = realOutcome(t, softmax, [0, Math.log(3)], { attributes: { beta: 2 } });
  t.true(Math.abs(few! - 0.1) < 1e-7 && Math.abs(many! - 0.9) < 1e-7, `${few} and ${many}`);
  t.deepEqual(realOutcome(t, logSoftmax, [0, 0]), [-Math.LN2, -Math.LN2].map(Math.fround));
});

test('the relu family rescales and clamps', (t) => {
  const x = quantized([-128, -10, -9, -4, 0, 127], [0.5, -10]); // -59, 0, 0.5, 3, 5, 68.5
  for (const numerics of allNumerics) {
    const run = (op: Op, y: Quantization) => outcome(t, op, [x], quantized([0, 0, 0, 0, 0, 0], y), { numerics });
    t.deepEqual(run(relu, [0.5, -10]), [-10, -10, -9, -4, 0, 127]);
    t.deepEqual(run(relu6, [0.5, -10]), [-10, -10, -9, -4, 0, 2]);
    t.deepEqual(run(reluN1To1, [0.5, -10]), [-12, -10, -9, -8, -8, -8]);
    t.deepEqual(run(relu6, [0.25, 0]), [0, 0, 2, 12, 20, 24]);
  }
});

test('slopes for negative values, below 0 and per channel too', (t) => {
  const x = quantized([-8, -1, 0, 12], [0.5, 0]); // -4, -0.5, 0, 6
  const y = quantized([0, 0, 0, 0], [0.25, 4]);
  for (const numerics of allNumerics) {
    t.deepEqual(outcome(t, leakyRelu, [x], y, { numerics, attributes: { alpha: 0.5 } }), [-4, 3, 4, 28]);
    t.deepEqual(outcome(t, leakyRelu, [x], y, { numerics, attributes: { alpha: -0.5 } }), [12, 5, 4, 28]);
    t.deepEqual(outcome(t, leakyRelu, [x], y, { numerics, attributes: { alpha: 0 } }), [4, 4, 4, 28]);
    const slopes = quantized([3, -1, 1, 1], [0.5, 1]); // 1, -1, 0, 0
    t.deepEqual(outcome(t, prelu, [x, slopes], y, { numerics }), [-12, 6, 4, 28]);
  }
});

test('curves of int8', (t) => {
  const x = [-128, -40, -1, 0, 8, 33, 127];
  const input = quantized(x, [0.05, 0]);
  for (const numerics of allNumerics) {
    const run = (op: Op, y: Quantization) => outcome(t, op, [input], quantized(x, y), { numerics });
    t.deepEqual(run(logistic, [1 / 256, -128]), [-128, -97, -3, 0, 25, 87, 127]);
    t.deepEqual(run(tanh, [1 / 128, 0]), [-128, -123, -6, 0, 49, 119, 127]);
    t.deepEqual(run(hardSwish, [0.03, -110]), [-110, -121, -111, -110, -102, -67, 102]);
    t.deepEqual(run(elu, [0.05, 0]), [-20, -17, -1, 0, 8, 33, 127]);
    t.deepEqual(run(abs, [0.1, -100]).slice(1, 5), [-80, numerics === 'onnx' ? -100 : -99, -100, -96]);
  }
});

test('softmax of 1, 2, 3 and next to nothing', (t) => {
  const x = quantized([10, 20, 30, -128], [0.1, 0]);
  for (const numerics of allNumerics) {
    t.deepEqual(outcome(t, softmax, [x], quantized([0, 0, 0, 0], [1 / 256, -128]), { numerics }), [-105, -65, 42, -128]);
    const wide = quantized([0, 0, 0, 0], [1 / 65536, -32768], 'int16');
    const options = { numerics, attributes: { to: 'int16' } };
    t.deepEqual(outcome(t, softmax, [x], wide, options), [-26868, -16729, 10829, -32768]);
    t.deepEqual(outcome(t, logSoftmax, [x], quantized([0, 0, 0, 0], [1 / 16, 127]), { numerics }), [88, 104, 120, -128]);
    const bytes = quantized([138, 148, 158, 0], [0.1, 128], 'uint8');
    t.deepEqual(outcome(t, softmax, [bytes], quantized([0, 0, 0, 0], [1 / 256, 0], 'uint8'), { numerics }), [23, 63, 170, 0]);
  }
});

test('scales so large that only the largest element counts', (t) => {
  const y = quantized([0, 0, 0], [1 / 256, -128]);
  for (const scale of [15, 16, 31, 1000]) {
    t.deepEqual(outcome(t, softmax, [quantized([5, 4, 5], [scale, 0])], y), [0, -128, 0]);
    const signs = outcome(t, logistic, [quantized([-1, 0, 1], [scale, 0])], y);
    t.deepEqual([signs[0], signs[2]], [-128, 127]);
  }
});

test('what fixed-point functions cannot give is refused', (t) => {
  const x = quantized([1], [0.1, 0]);
  throwsCode(
    t,
    () => outcome(t, softmax, [x], quantized([0], [1 / 128, -128])),
    'ERR_QUANTIZATION',
    '"Softmax"',
    'y0',
    '0.00390625',
  );
  throwsCode(t, () => outcome(t, tanh, [x], quantized([0], [1 / 128, 1])), 'ERR_QUANTIZATION', '"Tanh"', 'zero point 0');
  throwsCode(t, () => outcome(t, hardSwish, [x], quantized([0], [1e-4, 0])), 'ERR_QUANTIZATION', '"HardSwish"', 'output scale');
  const uint8 = quantized([1], [0.1, 0], 'uint8');
  throwsCode(
    t,
    () => outcome(t, softmax, [uint8], x, { attributes: { to: 'int8' } }),
    'ERR_DTYPE',
    '"Softmax"',
    'uint8',
    'int8',
  );
  throwsCode(t, () => outcome(t, relu, [{ type: 'bool', dims: [1] }], x), 'ERR_DTYPE', '"Relu"', 'bool');
  const scalar: CaseInput = { type: 'float32', dims: [] };
  throwsCode(t, () => outcome(t, softmax, [scalar], scalar), 'ERR_SHAPE', '"Softmax"');
  const wide: CaseInput = { type: 'float32', dims: [2, 3] };
  const slope: CaseInput = { type: 'float32', dims: [4, 2, 3] };
  throwsCode(t, () => outcome(t, prelu, [wide, slope], slope), 'ERR_SHAPE', '"PRelu"', '[4, 2, 3]');
});
