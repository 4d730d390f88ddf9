/** Operators that work element by element, on numbers that are not quantized: what ONNX says of each type. */
import test, { type ExecutionContext } from 'ava';
import { abs } from '#lib/ops/abs.js';
import { celu, gelu, hardSigmoid, selu, shrink, swish, thresholdedRelu } from '#lib/ops/activation-functions.js';
import { add, sub } from '#lib/ops/add-sub.js';
import { fmod, maximum, minimum, mod } from '#lib/ops/binary.js';
import { bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor, shiftLeft, shiftRight } from '#lib/ops/bitwise.js';
import { affine, type CaseInput, caseGraph } from '#lib/ops/cases.js';
import { cast, castLike } from '#lib/ops/cast.js';
import { clip } from '#lib/ops/clip.js';
import { equal } from '#lib/ops/comparison.js';
import { div } from '#lib/ops/div.js';
import { dropout } from '#lib/ops/dropout.js';
import { isInf, isNan } from '#lib/ops/float-class.js';
import { mul } from '#lib/ops/mul.js';
import type { Op } from '#lib/ops/op.js';
import { pow } from '#lib/ops/pow.js';
import { prelu } from '#lib/ops/prelu.js';
import { relu, relu6 } from '#lib/ops/relu.js';
import { acosh, atanh, erf, exp, mish, neg, round, sign, softplus, softsign } from '#lib/ops/unary-float.js';
import type { DataType } from '#lib/tensor.js';
import { runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

type Attributes = Readonly<Record<string, number | string | boolean>>;

const vector = (type: DataType, data: readonly (number | bigint)[]): CaseInput => {
  return { type, dims: [data.length], data: data as readonly number[] };
};

/** The elements, BigInts as they are. */
function outcome(
  t: ExecutionContext,
  op: Op,
  inputs: readonly CaseInput[],
  attributes: Attributes = {},
  type = inputs[0]!.type,
) {
  const outputs = [{ type, dims: inputs[0]!.dims }];
  const [y] = runCase(t, op, caseGraph({ op: op.name, attributes, inputs, outputs, numerics: 'onnx' }));
  return Array.from(y!.data as ArrayLike<number | bigint>);
}

function of(t: ExecutionContext, op: Op, type: DataType, ...operands: readonly (readonly (number | bigint)[])[]) {
  const inputs = operands.map((data) => vector(type, data));
  return outcome(t, op, inputs);
}

function near(t: ExecutionContext, actual: readonly (number | bigint)[], expected: readonly number[], tolerance = 1e-14) {
  t.is(actual.length, expected.length);
  for (const [i, value] of expected.entries()) {
    t.true(Math.abs((actual[i] as number) - value) <= tolerance * Math.max(Math.abs(value), 1), `${actual[i]} is not ${value}`);
  }
}

test('integers wrap around', (t) => {
  t.deepEqual(of(t, add, 'uint8', [250, 1], [10, 2]), [4, 3]);
  t.deepEqual(of(t, sub, 'uint16', [0, 5], [1, 2]), [65535, 3]);
  t.deepEqual(of(t, mul, 'int8', [100, -128], [3, -1]), [44, -128]);
  t.deepEqual(of(t, mul, 'uint32', [65537, 3], [65537, 4]), [131073, 12]);
  t.deepEqual(of(t, add, 'uint64', [2n ** 64n - 1n, 2n ** 60n], [2n, 1n]), [1n, 2n ** 60n + 1n]);
  t.deepEqual(of(t, sub, 'int64', [-(2n ** 63n), 2n ** 60n], [1n, 1n]), [2n ** 63n - 1n, 2n ** 60n - 1n]);
  t.deepEqual(of(t, mul, 'int64', [2n ** 62n, -3n], [2n, 5n]), [-(2n ** 63n), -15n]);
  t.deepEqual(of(t, abs, 'int8', [-128, -3]), [-128, 3]);
  t.deepEqual(of(t, abs, 'int64', [-(2n ** 60n) - 1n, 2n]), [2n ** 60n + 1n, 2n]);
  t.deepEqual(of(t, neg, 'int16', [-32768, 7]), [-32768, -7]);
  t.deepEqual(of(t, sign, 'int64', [-9n, 0n, 9n]), [-1n, 0n, 1n]);
  t.deepEqual(of(t, sign, 'uint8', [0, 200]), [0, 1]);
});

test('division is toward zero, and by zero gives the limit of the dividend', (t) => {
  t.deepEqual(of(t, div, 'int8', [-7, 7, -128, 5, -5, 0], [2, -2, -1, 0, 0, 0]), [-3, -3, -128, 127, -128, 0]);
  t.deepEqual(of(t, div, 'uint32', [2 ** 32 - 1, 9, 0], [2, 0, 0]), [2147483647, 2 ** 32 - 1, 0]);
  t.deepEqual(of(t, div, 'int64', [-7n, 7n, -1n, 0n], [2n, 0n, 0n, 0n]), [-3n, 2n ** 63n - 1n, -(2n ** 63n), 0n]);
  t.deepEqual(of(t, div, 'float64', [1, 1], [3, 0]), [1 / 3, Infinity]);
});

test('Mod has the sign of the divisor, Fmod of the dividend', (t) => {
  const [a, b] = [
    [-4, 7, 5, 4, -7, 8, 4, 3],
    [2, -3, 8, -2, 3, 5, -4, 0],
  ] as const;
  const rests = [0, -2, 5, 0, 2, 3, 0, 0];
  for (const type of ['int8', 'int16', 'int32'] as const) {
    t.deepEqual(of(t, mod, type, a, b), rests);
    t.deepEqual(of(t, fmod, type, a, b), [0, 1, 5, 0, -1, 3, 0, 0]);
  }
  t.deepEqual(of(t, mod, 'int64', a.map(BigInt), b.map(BigInt)), rests.map(BigInt));
  t.deepEqual(of(t, fmod, 'int64', [-7n], [3n]), [-1n]);
  t.deepEqual(of(t, fmod, 'float64', [-4.3, 5.75, 7], [2.1, -3.5, 0]), [-4.3 % 2.1, 2.25, NaN]);
});

test('Pow keeps the type of the base', (t) => {
  const mixed = (base: CaseInput, exponent: CaseInput) => outcome(t, pow, [base, exponent]);
  t.deepEqual(mixed(vector('float32', [2, 9]), vector('int64', [-1, 2])), [0.5, 81]);
  t.deepEqual(mixed(vector('int64', [2, 9]), vector('float32', [0.5, 0.5])), [1n, 3n]);
  t.deepEqual(mixed(vector('int32', [3, -3]), vector('uint64', [20, 2])), [-808182895, 9]);
  t.deepEqual(of(t, pow, 'int64', [3n, -1n, -1n, 2n, 0n], [40n, -3n, -2n, -1n, -1n]), [
    12157665459056928801n - 2n ** 64n,
    -1n,
    1n,
    0n,
    0n,
  ]);
  t.deepEqual(of(t, pow, 'uint64', [3n, 2n], [2n ** 62n, 64n]), [BigInt.asUintN(64, powerOfTwoPower(3n, 62)), 0n]);
  t.deepEqual(of(t, pow, 'uint8', [2, 3], [7, 6]), [128, 729 % 256]);
});

/** base ^ (2 ^ exponent), modulo 2^64. */
function powerOfTwoPower(base: bigint, exponent: number): bigint {
  let power = base;
  for (let i = 0; i < exponent; i++) power = BigInt.asUintN(64, power * power);
  return power;
}

test('bits', (t) => {
  t.deepEqual(of(t, bitwiseAnd, 'uint32', [0xf0f0f0f0], [0xff00ff00]), [0xf000f000]);
  t.deepEqual(of(t, bitwiseOr, 'int8', [-128], [1]), [-127]);
  t.deepEqual(of(t, bitwiseXor, 'uint64', [2n ** 63n + 5n], [2n ** 63n + 1n]), [4n]);
  t.deepEqual(of(t, bitwiseNot, 'uint16', [1]), [65534]);
  t.deepEqual(of(t, bitwiseNot, 'int64', [0n]), [-1n]);
  t.deepEqual(of(t, shiftLeft, 'uint8', [16, 4, 1], [1, 7, 8]), [32, 0, 0]);
  t.deepEqual(of(t, shiftRight, 'uint8', [16, 4, 1], [1, 1, 8]), [8, 2, 0]);
  t.deepEqual(of(t, shiftLeft, 'uint32', [3, 3], [31, 32]), [2 ** 31, 0]);
  t.deepEqual(of(t, shiftRight, 'uint32', [2 ** 32 - 1, 9], [31, 40]), [1, 0]);
  t.deepEqual(of(t, shiftLeft, 'uint64', [3n, 3n, 3n], [63n, 64n, 2n ** 63n]), [2n ** 63n, 0n, 0n]);
  throwsCode(t, () => of(t, bitwiseAnd, 'float32', [1], [1]), 'ERR_DTYPE', '"BitwiseAnd"', 'float32');
  throwsCode(t, () => of(t, shiftLeft, 'int32', [1], [1]), 'ERR_DTYPE', '"ShiftLeft"', 'int32');
});

test('clamps', (t) => {
  t.deepEqual(of(t, relu, 'int64', [-5n, 2n ** 60n + 1n]), [0n, 2n ** 60n + 1n]);
  t.deepEqual(of(t, relu6, 'uint8', [3, 9]), [3, 6]);
  const x = vector('int8', [-9, 2, 90]);
  t.deepEqual(outcome(t, clip, [x], { min: -1, max: 7 }), [-1, 2, 7]);
  t.deepEqual(outcome(t, clip, [x], { min: 5, max: 1 }), [1, 1, 1]);
  t.deepEqual(outcome(t, clip, [x]), [-9, 2, 90]);
  t.deepEqual(outcome(t, clip, [vector('uint64', [1, 2n ** 63n])], { min: 3 }), [3n, 2n ** 63n]);
  t.deepEqual(outcome(t, clip, [vector('float64', [-Infinity, NaN, Infinity])], { max: 0.1 }), [-Infinity, NaN, 0.1]);
  throwsCode(t, () => outcome(t, clip, [x], { min: 0.5 }), 'ERR_DTYPE', '"Clip"', 'int8', '0.5');
  throwsCode(t, () => outcome(t, clip, [x], { max: 128 }), 'ERR_DTYPE', '"Clip"', 'int8', '128');
  t.deepEqual(of(t, prelu, 'int64', [-3n, 3n], [7n, 7n]), [-21n, 3n]);
  t.deepEqual(of(t, maximum, 'uint64', [2n ** 63n, 1n], [2n ** 63n + 1n, 0n]), [2n ** 63n + 1n, 1n]);
  t.deepEqual(of(t, minimum, 'float64', [1, -2], [0.5, 7]), [0.5, -2]);
});

test('inputs are all quantized, or none is', (t) => {
  const plain = vector('int8', [1]);
  const quantized = { ...plain, qparams: affine('int8', 0.1) };
  for (const op of [add, mul, div, equal, maximum, prelu]) {
    throwsCode(t, () => outcome(t, op, [plain, quantized]), 'ERR_QUANTIZATION', `"${op.name}"`, 'x0');
    throwsCode(t, () => outcome(t, op, [quantized, plain]), 'ERR_QUANTIZATION', `"${op.name}"`, 'x1');
  }
  throwsCode(t, () => outcome(t, exp, [plain]), 'ERR_QUANTIZATION', '"Exp"', 'x0');
});

test('casts', (t) => {
  const x = vector('float32', [-1.9, 300.5, NaN, Infinity]);
  t.deepEqual(outcome(t, cast, [x], { to: 'uint8' }, 'uint8'), [0, 255, 0, 255]);
  t.deepEqual(outcome(t, castLike, [x, vector('int64', [1])], {}, 'int64'), [-1n, 300n, 0n, 2n ** 63n - 1n]);
  t.deepEqual(outcome(t, castLike, [vector('int64', [2n ** 32n + 5n, -1n]), vector('uint16', [])], {}, 'uint16'), [5, 65535]);
  t.deepEqual(outcome(t, cast, [vector('float64', [1e30, -1e30])], { to: 'int32' }, 'int32'), [2 ** 31 - 1, -(2 ** 31)]);
});

test('64-bit integers round once to float32', (t) => {
  const between = 2n ** 60n + 2n ** 36n;
  const [below, above] = [2 ** 60, 2 ** 60 + 2 ** 37];
  const x = [between - 1n, between, between + 1n, -between - 1n, 2n ** 53n + 1n, 3n];
  const expected = [below, below, above, -above, 2 ** 53, 3];
  t.deepEqual(outcome(t, cast, [vector('int64', x)], { to: 'float32' }, 'float32'), expected);
  const largest = [2n ** 64n - 1n, 2n ** 63n + 2n ** 39n + 1n];
  t.deepEqual(outcome(t, cast, [vector('uint64', largest)], { to: 'float32' }, 'float32'), [2 ** 64, 2 ** 63 + 2 ** 40]);
});

test('functions of one real', (t) => {
  // Abramowitz and Stegun, table 7.1, and further digits
  near(
    t,
    of(t, erf, 'float64', [0, 0.5, 1, -2, 3, 9]),
    [0, 0.5204998778130465, 0.8427007929497149, -0.9953222650189527, 0.9999779095030014, 1],
  );
  near(t, of(t, erf, 'float64', [1e-10, -1e-300]), [1.1283791670955126e-10, -1.1283791670955126e-300], 1e-24);
  near(t, of(t, acosh, 'float64', [10]), [2.993222846126381]);
  near(t, of(t, atanh, 'float64', [0.5]), [0.5493061443340549]);
  near(t, of(t, softplus, 'float64', [0, 1, 800, -800]), [Math.LN2, 1.3132616875182228, 800, 0]);
  near(t, of(t, softsign, 'float64', [-1, 3, Infinity]), [-0.5, 0.75, 1]);
  near(t, of(t, mish, 'float64', [-1, 0, 1]), [-0.3034014613741089, 0, 0.8650983882673103]);
  t.deepEqual(of(t, round, 'float64', [0.5, 1.5, -2.5, 2 ** 51 + 0.5, 2 ** 51 + 1.5, -(2 ** 51) - 0.5, 1e300]), [
    ...[0, 2, -2, 2 ** 51, 2 ** 51 + 2, -(2 ** 51), 1e300],
  ]);
  t.deepEqual(outcome(t, isNan, [vector('float32', [1, NaN, Infinity])], {}, 'bool'), [0, 1, 0]);
  const infinite = vector('float64', [Infinity, -Infinity, NaN, 1e308]);
  t.deepEqual(outcome(t, isInf, [infinite], {}, 'bool'), [1, 1, 0, 0]);
  t.deepEqual(outcome(t, isInf, [infinite], { negative: false }, 'bool'), [1, 0, 0, 0]);
});

test('activation functions', (t) => {
  const x = vector('float64', [-2, 0, 1]);
  const e = (power: number) => Math.exp(power);
  near(t, outcome(t, celu, [x], { alpha: 2 }), [2 * (e(-1) - 1), 0, 1]);
  near(t, outcome(t, selu, [x], { alpha: 2, gamma: 3 }), [6 * (e(-2) - 1), 0, 3]);
  near(t, outcome(t, hardSigmoid, [x], { alpha: 0.5, beta: 0.6 }), [0, 0.6, 1]);
  near(t, outcome(t, shrink, [x], { bias: 0.5, lambda: 1 }), [-1.5, 0, 0]);
  near(t, outcome(t, swish, [x], { alpha: 2 }), [-2 / (1 + e(4)), 0, 1 / (1 + e(-2))]);
  near(t, outcome(t, thresholdedRelu, [x], { alpha: 1 }), [0, 0, 0]);
  // x · Φ(x) with Φ(1) and Φ(-2) of the normal distribution's table
  near(t, outcome(t, gelu, [x]), [-2 * 0.02275013194817921, 0, 0.8413447460685429]);
  near(t, outcome(t, gelu, [x], { approximate: 'tanh' }), [-0.04540230591222494, 0, 0.8411919906082768]);
  throwsCode(t, () => outcome(t, gelu, [x], { approximate: 'erf' }), 'ERR_MODEL_FORMAT', 'approximate', 'erf');
});

test('quantized elements go through the function as reals', (t) => {
  const x = { ...vector('int8', [-128, -20, 0, 20]), qparams: affine('int8', 0.125, 0) };
  const outputs = [{ type: 'int8', dims: [4], qparams: affine('int8', 0.015625, -128) }] as const;
  const graph = (numerics: 'onnx' | 'tflite') => caseGraph({ op: 'HardSigmoid', inputs: [x], outputs, numerics });
  const [y] = runCase(t, hardSigmoid, graph('onnx'));
  // 0.2 · x + 0.5 at -16, -2.5, 0 and 2.5, on the grid of 1/64
  t.deepEqual([...(y!.data as Int8Array)], [-128, -128, -96, -64]);
  throwsCode(t, () => runCase(t, hardSigmoid, graph('tflite')), 'ERR_DTYPE', '"HardSigmoid"', 'int8');
});

test('Dropout is what it is in inference, or refused', (t) => {
  const x = vector('float32', [1, 2]);
  const flags = (ratio: number, training: number): CaseInput[] => [vector('float32', [ratio]), vector('bool', [training])];
  t.deepEqual(outcome(t, dropout, [x, ...flags(0.5, 0)]), [1, 2]);
  t.deepEqual(outcome(t, dropout, [x, ...flags(0, 1)]), [1, 2]);
  throwsCode(t, () => outcome(t, dropout, [x, ...flags(0.5, 1)]), 'ERR_UNSUPPORTED_OP', '"Dropout"', '0.5');
});
