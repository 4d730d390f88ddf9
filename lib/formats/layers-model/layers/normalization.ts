/** BatchNormalization, LayerNormalization, Rescaling. */
import { Tensor } from '../../../tensor.js';
import type { Ref } from '../builder.js';
import { isInteger } from '../fields.js';
import type { LayerCall, LayerRules } from '../layer-call.js';

/** Of both, in Keras and tfjs. */
const defaultEpsilon = 1e-3;

export const normalizationRules: LayerRules = {
  BatchNormalization(call) {
    const x = call.input();
    const [axis, ...rest] = axesOf(call, x);
    if (rest.length > 0) throw call.unsupported('more than one axis');
    const mean = call.parameter('moving_mean', 1);
    const channels = call.weight('moving_mean', 1).dims[0]!;
    const filled = (value: number) => constantVector(call, channels, value);
    const gamma = call.config.boolean('scale', true) ? call.parameter('gamma', 1) : filled(1);
    const beta = call.config.boolean('center', true) ? call.parameter('beta', 1) : filled(0);
    const attributes = { axis: axis!, epsilon: call.config.number('epsilon', defaultEpsilon) };
    return call.add('BatchNorm', attributes, [x, gamma, beta, mean, call.parameter('moving_variance', 1)]);
  },

  LayerNormalization(call) {
    const x = call.input();
    const axes = [...axesOf(call, x)].sort((a, b) => a - b);
    const [first] = axes;
    if (axes.length !== x.rank - first!) throw call.unsupported('normalization over axes that are not the last ones');
    const gamma = call.config.boolean('scale', true) ? call.parameter('gamma', axes.length) : constantVector(call, 1, 1);
    const beta = call.config.boolean('center', true) ? call.parameter('beta', axes.length) : undefined;
    const attributes = { axis: first!, epsilon: call.config.number('epsilon', defaultEpsilon) };
    return call.add('LayerNorm', attributes, [x, gamma, beta]);
  },

  Rescaling(call) {
    const scaled = call.add('Mul', {}, [call.input(), scalar(call, call.config.number('scale'))]);
    return call.add('Add', {}, [scaled, scalar(call, call.config.number('offset', 0))]);
  },
};

/** Without the batch, which nothing is normalized over; each once. */
function axesOf(call: LayerCall, x: Ref): readonly number[] {
  const given = call.config.raw('axis') ?? -1;
  const list: unknown = Array.isArray(given) ? given : [given];
  const axes = (list as readonly unknown[]).map((axis) => {
    if (!isInteger(axis, -x.rank, x.rank - 1)) throw call.config.wrong('axis', `axes of ${x.rank} dimensions`, axis);
    return axis < 0 ? axis + x.rank : axis;
  });
  if (axes.length === 0 || new Set(axes).size !== axes.length || axes.includes(0)) {
    throw call.config.wrong('axis', 'different axes behind the batch', given);
  }
  return axes;
}

function constantVector(call: LayerCall, length: number, value: number): Ref {
  return call.constant(`${length} times ${value}`, () => new Tensor('float32', new Float32Array(length).fill(value), [length]));
}

export function scalar(call: LayerCall, value: number): Ref {
  return call.literal('float32', [value], []);
}
