/**
 * GroupNorm: x[N, C, ...], scale, bias -> (x - mean) / √(variance + epsilon) · scale + bias, with the mean and the variance of
 * each batch's groups of channels, which are neighbours (Wu and He 2018). 0 groups: each channel is one (instance
 * normalisation). Scale and bias are one for each channel or one for each group. In float64.
 */
import { caseGraph } from './cases.js';
import { momentsOf } from './layer-norm.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, product, shapeText } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface GroupNormAttributes {
  readonly groups: number;
  readonly epsilon: number;
}

const types = ['float32', 'float64'] as const;

export const groupNorm = defineOp<GroupNormAttributes>({
  name: 'GroupNorm',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: (attributes) => ({
    groups: attributes.integer('groups', 0, 2 ** 31 - 1, 0),
    epsilon: attributes.number('epsilon', 1e-5),
  }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, types);
    checkedSize(node, x.dims);
    const [, channels] = x.dims;
    if (channels === undefined) {
      throw nodeError('ERR_SHAPE', node, `expected a batch and channels in ${x.name}, got ${shapeText(x.dims)}`);
    }
    const groups = attributes.groups || channels;
    if (channels % groups > 0)
      throw nodeError('ERR_SHAPE', node, `expected ${groups} groups of channels, got ${channels} channels`);
    for (const index of [1, 2]) {
      const parameter = requiredInput(context, index);
      expectType(context, parameter, types);
      if (parameter.dims.length !== 1 || (parameter.dims[0] !== channels && parameter.dims[0] !== groups)) {
        const found = shapeText(parameter.dims);
        throw nodeError('ERR_SHAPE', node, `expected shape [${channels}] or [${groups}] for ${parameter.name}, got ${found}`);
      }
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const { dims, type } = context.inputs[0]!;
    const channels = dims[1]!;
    const groups = context.attributes.groups || channels;
    const [x, scale, bias] = [0, 1, 2].map((i) => inputData(context, i)) as [Float32Array, Float32Array, Float32Array];
    const y = allocate(type, x.length);
    const [inner, perGroup] = [product(dims.slice(2)), channels / groups];
    const length = perGroup * inner;
    // One of `channels` parameters or of `groups`
    const at = (parameter: Float32Array, c: number) => parameter[parameter.length === channels ? c : Math.floor(c / perGroup)]!;
    for (let start = 0, group = 0; start < x.length; start += length, group = (group + 1) % groups) {
      const { mean, inverse } = momentsOf(x, start, length, { epsilon: context.attributes.epsilon, center: true });
      for (let k = 0; k < perGroup; k++) {
        const c = group * perGroup + k;
        const [factor, summand] = [inverse * at(scale, c), at(bias, c)];
        const from = start + k * inner;
        for (let i = from; i < from + inner; i++) y[i] = (x[i]! - mean) * factor + summand;
      }
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of types) {
      for (const [groups, dims, parameters] of [
        [0, [2, 3, 4, 5], 3],
        [2, [2, 6, 3], 6],
        [2, [2, 6, 3], 2],
        [1, [3, 4], 4],
      ] as const) {
        const parameter = { type, dims: [parameters] };
        const inputs = [{ type, dims }, parameter, parameter];
        const attributes = { groups, epsilon: 1e-3 };
        yield caseGraph({ op: 'GroupNorm', attributes, inputs, outputs: [{ type, dims }] });
      }
    }
  },
});
