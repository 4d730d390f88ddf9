/**
 * Functions of one number: in float64 and rounded once, so within one unit in the last place of any float32 implementation that
 * is itself within half. Neg, Square and Sign take integers as well, which wrap around. Round's ties go to even.
 * Quantized elements, with `onnx` numerics, go through float32.
 */
import { roundHalfAway, roundHalfEven } from '../rounding.js';
import type { DataType } from '../tensor.js';
import { affine, caseGraph } from './cases.js';
import {
  floatTypes,
  inferUnary,
  isQuantizedNode,
  isWide,
  mapUnary,
  plainTypes,
  quantizedTypes,
  signedTypes,
  throughFloat,
  type Unary,
} from './elementwise.js';
import { erf as errorFunction } from './erf.js';
import { defineOp, type Op } from './op.js';

interface Options {
  /** Types of integers; `wide` is the function of 64-bit ones. */
  readonly types?: readonly DataType[];
  readonly wide?: (x: bigint) => bigint;
  /** Of the cases' inputs: where the function is a real. */
  readonly range?: readonly [min: number, max: number];
}

export const neg = defineUnary('Neg', (x) => -x, { types: signedTypes, wide: (x) => -x });
export const square = defineUnary('Square', (x) => x * x, { types: plainTypes, wide: (x) => x * x });
export const sign = defineUnary('Sign', Math.sign, { types: plainTypes, wide: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n) });
export const sqrt = defineUnary('Sqrt', Math.sqrt, { range: [0.01, 50] });
export const rsqrt = defineUnary('Rsqrt', (x) => 1 / Math.sqrt(x), { range: [0.01, 50] });
export const reciprocal = defineUnary('Reciprocal', (x) => 1 / x, { range: [0.01, 50] });
export const log = defineUnary('Log', Math.log, { range: [0.01, 50] });
export const exp = defineUnary('Exp', Math.exp);
export const erf = defineUnary('Erf', errorFunction);
export const sin = defineUnary('Sin', Math.sin);
export const cos = defineUnary('Cos', Math.cos);
export const tan = defineUnary('Tan', Math.tan, { range: [-1.5, 1.5] });
export const asin = defineUnary('Asin', Math.asin, { range: [-1, 1] });
export const acos = defineUnary('Acos', Math.acos, { range: [-1, 1] });
export const atan = defineUnary('Atan', Math.atan);
export const sinh = defineUnary('Sinh', Math.sinh);
export const cosh = defineUnary('Cosh', Math.cosh);
export const asinh = defineUnary('Asinh', Math.asinh);
export const acosh = defineUnary('Acosh', Math.acosh, { range: [1, 10] });
export const atanh = defineUnary('Atanh', Math.atanh, { range: [-0.99, 0.99] });
export const floor = defineUnary('Floor', Math.floor);
export const ceil = defineUnary('Ceil', Math.ceil);
export const round = defineUnary('Round', roundReal);
export const softplus = defineUnary('Softplus', softplusOf);
export const softsign = defineUnary('Softsign', (x) => (Math.abs(x) === Infinity ? Math.sign(x) : x / (1 + Math.abs(x))));
export const mish = defineUnary('Mish', (x) => x * Math.tanh(softplusOf(x)));

/** Where float32 has no fractions; from 2^52 on, float64 has none. */
const integerFrom = 2 ** 52;

function roundReal(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < integerFrom / 2) return roundHalfEven(x);
  if (!(magnitude < integerFrom)) return x;
  // Here x is a whole number of halves
  const away = roundHalfAway(x);
  return Math.abs(away - x) === 0.5 && away % 2 !== 0 ? away - Math.sign(x) : away;
}

/** log(1 + e^x), in the form that neither overflows nor cancels. */
function softplusOf(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function defineUnary(name: string, f: Unary, { types = floatTypes, wide, range = [-4, 4] }: Options = {}): Op {
  return defineOp<Record<string, never>>({
    name,
    inputs: [1, 1],
    outputs: [1, 1],
    parse: () => ({}),
    infer: (context) => inferUnary(context, context.numerics === 'onnx' ? quantizedTypes : [], types),
    run(context) {
      const { type } = context.outputs[0]!;
      if (wide !== undefined && isWide(type)) return mapUnary(context, wide);
      return mapUnary(context, isQuantizedNode(context) ? throughFloat(context, f) : f);
    },
    *cases() {
      for (const type of types) {
        for (const dims of [[50], [2, 3, 4], []]) {
          const ofFloats = type.startsWith('float') ? { range } : {};
          yield caseGraph({ op: name, inputs: [{ type, dims, ...ofFloats }], outputs: [{ type, dims }] });
        }
      }
      for (const type of quantizedTypes) {
        const inputs = [{ type, dims: [300], qparams: affine(type, type === 'int16' ? 1e-4 : 0.03, 11) }];
        const outputs = [{ type, dims: [300], qparams: affine(type, type === 'int16' ? 3e-4 : 0.021, 5) }];
        yield caseGraph({ op: name, inputs, outputs, numerics: 'onnx' });
      }
      const data = [0, 0.5, 1, 1.5, 2.5, 1e-30, 1e30, 16777216];
      yield caseGraph({
        op: name,
        inputs: [{ type: 'float32', dims: [8], data }],
        outputs: [{ type: 'float32', dims: [8] }],
        name: `${name} edges`,
      });
    },
  });
}
