/** Activation functions, by the names that Keras and tfjs give them. */
import { describe } from '../../errors.js';
import type { Attributes } from '../../graph/graph.js';
import type { RecurrentActivation } from '../../ops/recurrent-activations.js';
import type { Ref } from './builder.js';
import { type Fields, isObject, plain } from './fields.js';
import type { LayerCall } from './layer-call.js';

interface Activation {
  readonly op: string;
  readonly attributes?: Attributes;
  /** The same function inside recurrent layers, where they know it, with alpha and beta. */
  readonly recurrent?: readonly [RecurrentActivation, alpha?: number, beta?: number];
}

const activations: ReadonlyMap<string, Activation> = new Map(
  Object.entries({
    elu: { op: 'Elu', recurrent: ['Elu', 1] },
    exponential: { op: 'Exp' },
    gelu: { op: 'Gelu' },
    gelunew: { op: 'Gelu', attributes: { approximate: 'tanh' } },
    hardsigmoid: { op: 'HardSigmoid', attributes: { alpha: 0.2, beta: 0.5 }, recurrent: ['HardSigmoid', 0.2, 0.5] },
    linear: { op: 'Identity', recurrent: ['Affine', 1, 0] },
    logsoftmax: { op: 'LogSoftmax' },
    mish: { op: 'Mish' },
    relu: { op: 'Relu', recurrent: ['Relu'] },
    relu6: { op: 'Relu6' },
    selu: { op: 'Selu' },
    sigmoid: { op: 'Logistic', recurrent: ['Sigmoid'] },
    softmax: { op: 'Softmax' },
    softplus: { op: 'Softplus', recurrent: ['Softplus'] },
    softsign: { op: 'Softsign', recurrent: ['Softsign'] },
    swish: { op: 'Swish', attributes: { alpha: 1 } },
    silu: { op: 'Swish', attributes: { alpha: 1 } },
    tanh: { op: 'Tanh', recurrent: ['Tanh'] },
  } satisfies Record<string, Activation>),
);

/** `x` behind the function that `key` of the layer's configuration names; x itself where there is none. */
export function activated(call: LayerCall, x: Ref, key = 'activation'): Ref {
  if (!call.config.has(key)) return x;
  const { op, attributes = {} } = activationOf(call.config, key);
  return op === 'Identity' ? x : call.add(op, attributes, [x]);
}

/** What the gates of a recurrent layer apply. */
export function recurrentActivation(config: Fields, key: string, otherwise: RecurrentActivation) {
  const recurrent = config.has(key) ? activationOf(config, key).recurrent : ([otherwise, 0.2, 0.5] as const);
  if (recurrent === undefined) throw config.unsupported(`${key} ${describe(config.raw(key))} in a recurrent layer`);
  const [name, alpha = 0, beta = 0] = recurrent;
  return { name, alpha, beta };
}

function activationOf(config: Fields, key: string): Activation {
  const given = config.raw(key);
  const name = isObject(given) ? config.object(key).raw('class_name') : given;
  if (typeof name !== 'string') throw config.wrong(key, 'the name of an activation function', name);
  const found = activations.get(plain(name));
  if (found === undefined) throw config.unsupported(`${key} ${describe(name)}`);
  return found;
}
