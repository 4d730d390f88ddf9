/**
 * BatchNorm: x, scale[C], bias[C], mean[C], variance[C] -> (x - mean) / √(variance + epsilon) · scale + bias, C being the
 * dimension `axis` of x, in float64 with one factor and one summand for each channel (Ioffe and Szegedy 2015, as at inference).
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product, shapeText } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface BatchNormAttributes {
  readonly axis: number;
  readonly epsilon: number;
}

const types = ['float32', 'float64'] as const;
const maxRank = 32;

export const batchNorm = defineOp<BatchNormAttributes>({
  name: 'BatchNorm',
  inputs: [5, 5],
  outputs: [1, 1],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -maxRank, maxRank - 1, 1),
    epsilon: attributes.number('epsilon', 1e-5),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, types);
    checkedSize(context.node, x.dims);
    const channels = x.dims[normalizeAxis(context, context.attributes.axis, x.dims.length)];
    for (const index of [1, 2, 3, 4]) {
      const parameter = requiredInput(context, index);
      expectType(context, parameter, types);
      if (parameter.dims.length !== 1 || parameter.dims[0] !== channels) {
        const found = shapeText(parameter.dims);
        throw nodeError('ERR_SHAPE', context.node, `expected shape [${channels}] for ${parameter.name}, got ${found}`);
      }
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const { dims, type } = context.inputs[0]!;
    const axis = normalizeAxis(context, context.attributes.axis, dims.length);
    const [channels, inner] = [dims[axis]!, product(dims.slice(axis + 1))];
    const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => inputData(context, i) as Float32Array) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const factors = Float64Array.from(scale, (value, c) => value / Math.sqrt(variance[c]! + context.attributes.epsilon));
    const summands = Float64Array.from(bias, (value, c) => value - mean[c]! * factors[c]!);
    const y = allocate(type, x.length);
    for (let start = 0, c = 0; start < x.length; start += inner, c = c + 1 === channels ? 0 : c + 1) {
      for (let i = start; i < start + inner; i++) y[i] = x[i]! * factors[c]! + summands[c]!;
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const [axis, dims] of [
      [1, [2, 3, 4, 5]],
      [-1, [2, 3, 3, 7]],
      [0, [6]],
      [1, [2, 3, 0]],
    ] as const) {
      for (const type of types) {
        const channels = [dims.at(axis)!];
        const parameter = { type, dims: channels, constant: true } as const;
        const variance = { ...parameter, range: [0.1, 2] } as const;
        const inputs = [{ type, dims }, parameter, parameter, parameter, variance];
        const attributes = { axis, epsilon: 1e-3 };
        yield caseGraph({ op: 'BatchNorm', attributes, inputs, outputs: [{ type, dims }] });
      }
    }
  },
});
