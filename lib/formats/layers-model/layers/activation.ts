/** Layers that are a function of each element. */
import { activated } from '../activations.js';
import { isInteger } from '../fields.js';
import type { LayerRules } from '../layer-call.js';
import { scalar } from './normalization.js';

export const activationRules: LayerRules = {
  Activation: (call) => activated(call, call.input()),
  ELU: (call) => call.add('Selu', { alpha: call.config.number('alpha', 1), gamma: 1 }, [call.input()]),
  LeakyReLU: (call) =>
    call.add('LeakyRelu', { alpha: call.config.number(call.config.has('alpha') ? 'alpha' : 'negative_slope', 0.3) }, [
      call.input(),
    ]),
  ThresholdedReLU: (call) => call.add('ThresholdedRelu', { alpha: call.config.number('theta', 1) }, [call.input()]),

  PReLU(call) {
    const x = call.input();
    return call.add('PRelu', {}, [x, call.parameter('alpha', x.rank - 1)]);
  },

  ReLU(call) {
    const x = call.input();
    const { config } = call;
    if (config.number('threshold', 0) !== 0) throw call.unsupported('a threshold');
    const slope = config.number('negative_slope', 0);
    const bounded = slope === 0 ? x : call.add('LeakyRelu', { alpha: slope }, [x]);
    const max = config.has('max_value') ? config.number('max_value') : undefined;
    if (slope !== 0) return max === undefined ? bounded : call.add('Minimum', {}, [bounded, scalar(call, max)]);
    if (max === undefined) return call.add('Relu', {}, [x]);
    return max === 6 ? call.add('Relu6', {}, [x]) : call.add('Clip', { min: 0, max }, [x]);
  },

  /** tfjs takes the first axis behind the batch where none is given; it always writes one. */
  Softmax(call) {
    const x = call.input();
    const given = call.config.raw('axis') ?? 1;
    const axis: unknown = Array.isArray(given) && given.length === 1 ? given[0] : given;
    if (!isInteger(axis, -x.rank, x.rank - 1)) throw call.config.wrong('axis', `one axis of ${x.rank} dimensions`, given);
    return call.add('Softmax', { axis: axis < 0 ? axis + x.rank : axis }, [x]);
  },
};
