/** The activation functions of recurrent operators, with ONNX's names; alpha and beta are parameters of some. */
import type { AttributeReader } from './op.js';

type Real = (x: number) => number;

const logistic: Real = (x) => 1 / (1 + Math.exp(-x));

const functions = {
  Affine: (alpha, beta) => (x) => alpha * x + beta,
  Elu: (alpha) => (x) => (x < 0 ? alpha * Math.expm1(x) : x),
  HardSigmoid: (alpha, beta) => (x) => Math.min(Math.max(alpha * x + beta, 0), 1),
  LeakyRelu: (alpha) => (x) => (x < 0 ? alpha * x : x),
  Relu: () => (x) => Math.max(x, 0),
  ScaledTanh: (alpha, beta) => (x) => alpha * Math.tanh(beta * x),
  Sigmoid: () => logistic,
  Softplus: () => (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  Softsign: () => (x) => x / (1 + Math.abs(x)),
  Tanh: () => Math.tanh,
  ThresholdedRelu: (alpha) => (x) => (x > alpha ? x : 0),
} as const satisfies Readonly<Record<string, (alpha: number, beta: number) => Real>>;

export type RecurrentActivation = keyof typeof functions;
export const recurrentActivations = Object.keys(functions) as readonly RecurrentActivation[];

export interface ActivationAttributes {
  /** Those of the first direction, then those of the second. */
  readonly activations: readonly RecurrentActivation[];
  /** One for each activation; none: 0 for all. */
  readonly alphas: readonly number[];
  readonly betas: readonly number[];
  /** Sums of gates that are given to activations have at most this magnitude; 0: no limit. */
  readonly clip: number;
}

/** `defaults`: the activations of one direction. */
export function parseActivations(
  attributes: AttributeReader,
  defaults: readonly RecurrentActivation[],
  directions: number,
): ActivationAttributes {
  const all = Array.from({ length: directions }, () => defaults).flat();
  const activations = attributes.oneOfEach('activations', recurrentActivations, all);
  if (activations.length !== all.length) throw attributes.wrong('activations', `${all.length} names`, activations);
  const [alphas, betas] = (['alphas', 'betas'] as const).map((name) => {
    const values = attributes.numbers(name, []);
    if (values.length > 0 && values.length !== all.length) throw attributes.wrong(name, `${all.length} numbers`, values);
    return values;
  }) as [readonly number[], readonly number[]];
  const clip = attributes.number('clip', 0);
  if (clip < 0) throw attributes.wrong('clip', 'a number from 0 on', clip);
  return { activations, alphas, betas, clip };
}

/** f and g; the third one is of an LSTM's cell, which ONNX Runtime does not clip, though ONNX's text can be read so. */
const gateActivations = 2;

/** The activations of one direction, `count` for each. The first two are those of gates, and clipped. */
export function activationsOf(
  { activations, alphas, betas, clip }: ActivationAttributes,
  direction: number,
  count: number,
): Real[] {
  return Array.from({ length: count }, (_, i) => {
    const at = direction * count + i;
    const f = functions[activations[at]!](alphas[at] ?? 0, betas[at] ?? 0);
    return clip === 0 || i >= gateActivations ? f : (x) => f(Math.min(Math.max(x, -clip), clip));
  });
}
