/** Functions of each element, and activations that were fused into other operators. */
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ClipAttributes } from '../../ops/clip.js';
import type { Activation } from '../../ops/output-stage.js';
import { Tensor } from '../../tensor.js';
import type { NodeCall, RebuildRule, RebuildRules } from './node-call.js';

type Name = NonNullable<Parameters<typeof layers.activation>[0]['activation']>;

/** What operators with a fused activation compute, behind the layer of the operator itself. */
export function activated(call: NodeCall, y: SymbolicTensor): SymbolicTensor {
  const { activation = 'none' } = call.attributes<{ readonly activation?: Activation }>();
  switch (activation) {
    case 'none':
      return y;
    case 'relu':
      return relu(call, y, undefined, 'relu');
    case 'relu6':
      return relu(call, y, 6, 'relu6');
    default:
      throw call.unsupported(`the activation ${activation}`);
  }
}

export function relu(call: NodeCall, x: SymbolicTensor, maxValue: number | undefined, part?: string): SymbolicTensor {
  const own = maxValue === undefined ? {} : { maxValue };
  return call.apply((name) => layers.reLU({ ...own, name }), x, part === undefined ? {} : { part });
}

const named =
  (activation: Name): RebuildRule =>
  (call) =>
    call.apply((name) => layers.activation({ activation, name }), call.tensor(0));

/** scale · x + offset. */
export function rescaled(call: NodeCall, x: SymbolicTensor, scale: number, offset: number, part?: string): SymbolicTensor {
  return call.apply((name) => layers.rescaling({ scale, offset, name }), x, part === undefined ? {} : { part });
}

export const activationRules: RebuildRules = {
  Identity: (call) => call.tensor(0),
  Relu: (call) => relu(call, call.tensor(0), undefined),
  Relu6: (call) => relu(call, call.tensor(0), 6),
  Elu: named('elu'),
  Gelu: (call) => named(call.attributes<string>() === 'tanh' ? 'gelu_new' : 'gelu')(call),
  Logistic: named('sigmoid'),
  Mish: named('mish'),
  Softplus: named('softplus'),
  Softsign: named('softsign'),
  Tanh: named('tanh'),

  Clip(call) {
    const { min, max } = call.attributes<ClipAttributes>();
    if (min !== 0 || !(Number(max) > 0)) throw call.unsupported(`a clip to ${min} and ${max}`);
    return relu(call, call.tensor(0), Number.isFinite(max) && Number(max) < 3e38 ? Number(max) : undefined);
  },

  LeakyRelu(call) {
    const { alpha } = call.attributes<{ readonly alpha: number }>();
    return call.apply((name) => layers.leakyReLU({ alpha, name }), call.tensor(0));
  },

  ThresholdedRelu(call) {
    const { alpha: theta } = call.attributes<{ readonly alpha: number }>();
    return call.apply((name) => layers.thresholdedReLU({ theta, name }), call.tensor(0));
  },

  /** One slope for each channel. */
  PRelu(call) {
    const { dims } = call.operand(0);
    const { data } = call.vector(1, dims.at(-1)!)!;
    const sharedAxes = dims.slice(1, -1).map((_, i) => i + 1);
    const alpha = new Tensor('float32', data as Float32Array, [...sharedAxes.map(() => 1), data.length]);
    return call.apply((name) => layers.prelu({ sharedAxes, name }), call.tensor(0), { weights: [alpha] });
  },

  /** alpha · x + beta between 0 and 1. */
  HardSigmoid(call) {
    const { alpha, beta } = call.attributes<{ readonly alpha: number; readonly beta: number }>();
    if (Math.fround(alpha) === Math.fround(0.2) && beta === 0.5) return named('hardSigmoid')(call);
    return relu(call, rescaled(call, call.tensor(0), alpha, beta, 'scale'), 1);
  },

  /** x · relu6(x + 3) / 6. */
  HardSwish(call) {
    const x = call.tensor(0);
    const gate = rescaled(call, relu(call, rescaled(call, x, 1, 3, 'shift'), 6, 'relu6'), 1 / 6, 0, 'scale');
    return call.apply((name) => layers.multiply({ name }), [x, gate]);
  },

  Swish(call) {
    const { alpha } = call.attributes<{ readonly alpha: number }>();
    if (alpha !== 1) throw call.unsupported(`a factor of ${alpha}`);
    return named('swish')(call);
  },

  Softmax(call) {
    const { axis, beta, flatten } = call.attributes<{
      readonly axis: number;
      readonly beta: number;
      readonly flatten?: boolean;
    }>();
    const { length } = call.operand(0).dims;
    if ((axis !== -1 && axis !== length - 1) || beta !== 1 || (flatten === true && length > 2)) {
      throw call.unsupported('a softmax that is not along the last axis alone');
    }
    return call.apply((name) => layers.softmax({ axis: -1, name }), call.tensor(0));
  },
};
