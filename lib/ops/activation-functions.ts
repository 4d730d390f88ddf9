/**
 * Activation functions with parameters, on reals (in float64, rounded once), and on quantized elements, through float32. TFLite, which
 * has no such operators or its own way of rounding them, has no quantized ones:
 *
 * - Celu: max(x, 0) + min(alpha · (e^(x / alpha) - 1), 0)
 * - Selu: gamma · (x where x > 0, alpha · (e^x - 1) elsewhere); with gamma = 1 it is ONNX's Elu
 * - HardSigmoid: alpha · x + beta, clamped to [0, 1]
 * - Shrink: x + bias below -lambda, x - bias above lambda, 0 between
 * - Swish: x / (1 + e^(-alpha · x))
 * - ThresholdedRelu: x above alpha, 0 elsewhere
 * - Gelu: x · Φ(x), of which `tanh` is Hendrycks and Gimpel's approximation
 */
import { affine, caseGraph } from './cases.js';
import { floatTypes, inferUnary, isQuantizedNode, mapUnary, quantizedTypes, throughFloat, type Unary } from './elementwise.js';
import { erf } from './erf.js';
import { type AttributeReader, defineOp, type Op } from './op.js';

type Numbers = Readonly<Record<string, number>>;

export const celu = defineActivation(
  'Celu',
  { alpha: 1 },
  ({ alpha }) =>
    (x) =>
      x > 0 ? x : alpha * Math.expm1(x / alpha),
);
export const selu = defineActivation('Selu', { alpha: 1.6732631921768188, gamma: 1.0507010221481323 }, seluOf);
export const hardSigmoid = defineActivation('HardSigmoid', { alpha: 0.2, beta: 0.5 }, ({ alpha, beta }) => {
  return (x) => Math.min(Math.max(alpha * x + beta, 0), 1);
});
export const shrink = defineActivation('Shrink', { bias: 0, lambda: 0.5 }, ({ bias, lambda }) => {
  return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0);
});
export const swish = defineActivation(
  'Swish',
  { alpha: 1 },
  ({ alpha }) =>
    (x) =>
      x / (1 + Math.exp(-alpha * x)),
);
export const thresholdedRelu = defineActivation(
  'ThresholdedRelu',
  { alpha: 1 },
  ({ alpha }) =>
    (x) =>
      x > alpha ? x : 0,
);

export const gelu = defineFamily(
  'Gelu',
  (attributes) => attributes.oneOf('approximate', ['none', 'tanh'], 'none'),
  (approximate): Unary => {
    if (approximate === 'none') return (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2));
    return (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  },
  [{ approximate: 'none' }, { approximate: 'tanh' }],
);

function seluOf({ alpha, gamma }: { readonly alpha: number; readonly gamma: number }): Unary {
  return (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x));
}

function defineActivation<P extends Numbers>(name: string, defaults: P, functionOf: (parameters: P) => Unary): Op {
  const names = Object.keys(defaults);
  const parse = (attributes: AttributeReader) => {
    return Object.fromEntries(names.map((key) => [key, attributes.number(key, defaults[key])])) as P;
  };
  const others = Object.fromEntries(names.map((key, i) => [key, 0.75 + i / 4]));
  return defineFamily(name, parse, functionOf, [{}, others]);
}

function defineFamily<A>(
  name: string,
  parse: (attributes: AttributeReader) => A,
  functionOf: (attributes: A) => Unary,
  examples: readonly Readonly<Record<string, number | string>>[],
): Op {
  return defineOp<A>({
    name,
    inputs: [1, 1],
    outputs: [1, 1],
    parse,
    infer: (context) => inferUnary(context, context.numerics === 'tflite' ? floatTypes : [...floatTypes, ...quantizedTypes]),
    run(context) {
      const f = functionOf(context.attributes);
      return mapUnary(context, isQuantizedNode(context) ? throughFloat(context, f) : f);
    },
    *cases() {
      for (const type of quantizedTypes) {
        const inputs = [{ type, dims: [300], qparams: affine(type, type === 'int16' ? 1e-4 : 0.03, 11) }];
        const outputs = [{ type, dims: [300], qparams: affine(type, type === 'int16' ? 3e-4 : 0.021, 5) }];
        yield caseGraph({ op: name, attributes: examples[1]!, inputs, outputs, numerics: 'onnx' });
      }
      for (const type of floatTypes) {
        for (const attributes of examples) {
          for (const dims of [[60], [2, 3, 4], []]) {
            yield caseGraph({ op: name, attributes, inputs: [{ type, dims }], outputs: [{ type, dims }] });
          }
        }
      }
    },
  });
}
