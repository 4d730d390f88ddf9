/** Functions of one float32, or float64 where that is exact, that have no vector form: native/ops/real_function.cc. */
import { product } from '../../ops/shapes.js';
import { elementCode } from './elements.js';
import { defineLowering, type Lowering, type Lowerings } from './lowering.js';

/** In the order of kFunctions. Those that vector code has for float32 are here for float64. */
const functions = (
  'Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Exp Floor Log Mish Reciprocal Round Rsqrt Sign Sin Sinh Softplus Softsign Sqrt ' +
  'Tan Tanh Logistic Elu Celu HardSigmoid Selu Shrink ThresholdedRelu'
).split(' ');

/** What every library computes alike. Of float64 others differ in the last place; of float32, where they are rounded, seldom and by one. */
const exact = new Set('Ceil Floor Reciprocal Round Rsqrt Sign Softsign Sqrt HardSigmoid Shrink ThresholdedRelu'.split(' '));

/** Names of what the function calls alpha and beta. */
const parameters: Readonly<Record<string, readonly [alpha: string, beta?: string]>> = {
  Celu: ['alpha'],
  HardSigmoid: ['alpha', 'beta'],
  Selu: ['alpha', 'gamma'],
  Shrink: ['bias', 'lambda'],
  ThresholdedRelu: ['alpha'],
};

export const realFunctionLowerings: Lowerings = Object.fromEntries(functions.map((name, i) => [name, lowerFunction(name, i)]));

function lowerFunction(name: string, code: number): Lowering {
  return defineLowering<Readonly<Record<string, number>>>(({ inputs, outputs, attributes }, context) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    if (x.type !== 'float32' && !(x.type === 'float64' && exact.has(name))) return undefined;
    const [alpha, beta] = (parameters[name] ?? []).map((key) => attributes[key!]);
    const places = { x: context.place(x), y: context.place(y) };
    const fields = { ...places, function: code, alpha: alpha ?? 0, beta: beta ?? 0, type: elementCode(x.type) };
    return [{ kind: 'real-function', fields: { ...fields, count: product(x.dims) } }];
  });
}
