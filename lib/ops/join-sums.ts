/**
 * JoinSums: sums int32[..., C], low int32[..., C]?, multipliers float32[C] or one, bias int32[C]? -> y[..., C] of type `to`
 *
 *     y = clamp(round half even(f32(256·sums + low + bias) · multiplier) + zy);   without `low`: f32(sums + bias)
 *
 * The output stage of products with int16 (accumulate.ts) behind products of 8 bits. The sum is exact: it has 41 bits.
 */
import { productTypes } from './accumulate.js';
import { affine, caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, type OpCase, perTensor, requiredInput } from './op.js';
import { type Activation, activations, quantizedBounds, requantizer } from './output-stage.js';
import { checkedSize, product, sameShape, shapeText } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface JoinSumsAttributes {
  readonly activation: Activation;
  readonly to: 'int8' | 'uint8' | 'int16';
}

export const joinSums = defineOp<JoinSumsAttributes>({
  name: 'JoinSums',
  inputs: [3, 4],
  outputs: [1, 1],
  parse: (attributes) => ({
    activation: attributes.oneOf('activation', activations, 'none'),
    to: attributes.oneOf('to', productTypes.slice(1) as ['int8', 'uint8', 'int16'], 'int16'),
  }),
  infer(context) {
    const [sums, low] = [requiredInput(context, 0), context.inputs[1]];
    expectType(context, sums, ['int32']);
    checkedSize(context.node, sums.dims);
    if (low !== undefined) expectType(context, low, ['int32']);
    if (low !== undefined && !sameShape(low.dims, sums.dims)) {
      throw nodeError('ERR_SHAPE', context.node, `expected ${shapeText(sums.dims)}, got ${shapeText(low.dims)}`);
    }
    const multipliers = requiredInput(context, 2);
    expectType(context, multipliers, ['float32']);
    const bias = context.inputs[3];
    if (bias !== undefined) expectType(context, bias, ['int32']);
    const channels = sums.dims.at(-1) ?? 1;
    const counts = [checkedSize(context.node, multipliers.dims), bias === undefined ? 1 : checkedSize(context.node, bias.dims)];
    if ((counts[0] !== 1 && counts[0] !== channels) || (bias !== undefined && counts[1] !== channels)) {
      throw nodeError('ERR_SHAPE', context.node, `expected numbers for ${channels} channels, got ${counts.join(' and ')}`);
    }
    return [{ type: context.attributes.to, dims: sums.dims }];
  },
  run(context) {
    const [sums, multipliers] = [inputData(context, 0) as Int32Array, inputData(context, 2) as Float32Array];
    const [low, bias] = [context.data[1], context.data[3]].map((tensor) => tensor?.data as Int32Array | undefined);
    const channels = channelsOf(context);
    const output = perTensor(context, context.outputs[0]!);
    const bounds = quantizedBounds(context.attributes.activation, output, 'onnx');
    const stages = Array.from(multipliers, (multiplier) => requantizer(multiplier, output, bounds, 'onnx'));
    const y = allocate(context.attributes.to, product(context.outputs[0]!.dims)) as Int16Array;
    for (let i = 0; i < y.length; i++) {
      const c = i % channels;
      const sum = low === undefined ? sums[i]! : 256 * sums[i]! + low[i]!;
      y[i] = stages[stages.length === 1 ? 0 : c]!(sum + (bias?.[c] ?? 0));
    }
    return [outputTensor(context, 0, y)];
  },
  cases,
});

function channelsOf<A>(context: NodeContext<A>): number {
  return requiredInput(context, 0).dims.at(-1) ?? 1;
}

function* cases(): Iterable<OpCase> {
  const op = 'JoinSums';
  const any = [-(2 ** 31), 2 ** 31 - 1] as const;
  for (const channels of [1, 5, 16, 37]) {
    const dims = [2, 3, channels];
    const halves = { type: 'int32', dims, range: [-(2 ** 20), 2 ** 20] } as const;
    const bias = { type: 'int32', dims: [channels], constant: true, range: any } as const;
    const multipliers = { type: 'float32', dims: [channels], constant: true, range: [1e-6, 5e-4] } as const;
    const one = { type: 'float32', dims: [1], constant: [0.000123] } as const;
    for (const to of ['int8', 'uint8', 'int16'] as const) {
      const scale = to === 'int16' ? 0.0003 : 0.05;
      const outputs = [{ type: to, dims, qparams: affine(to, scale, { int8: -5, uint8: 130, int16: 0 }[to]) }];
      const attributes = { to, activation: channels === 5 ? 'relu6' : 'none' } as const;
      yield caseGraph({ op, attributes, inputs: [halves, halves, multipliers, bias], outputs });
      yield caseGraph({ op, attributes, inputs: [halves, undefined, one], outputs });
      // The largest of everything
      const extreme = { ...halves, range: any } as const;
      const name = `JoinSums of any int32 ${channels} to ${to}`;
      yield caseGraph({ op, name, attributes, inputs: [extreme, extreme, one, bias], outputs });
    }
  }
}
