/**
 * Range: start, limit, delta -> [start, start + delta, start + 2·delta, ...], all of them before limit: a vector of
 * max(ceil((limit - start) / delta), 0) elements. The inputs are scalars of one type that are constant.
 */
import { type CaseOptions, caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, product, shapeText } from './shapes.js';
import { allocate, constantData, outputTensor } from './storage.js';

const types = ['float32', 'float64', 'int16', 'int32', 'int64'] as const;

export const range = defineOp<object>({
  name: 'Range',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const first = requiredInput(context, 0);
    expectType(context, first, types);
    return [{ type: first.type, dims: [rangeOf(context).count] }];
  },
  run(context) {
    const { type } = context.outputs[0]!;
    const { start, delta, count } = rangeOf(context);
    const data = allocate(type, count);
    if (data instanceof BigInt64Array) for (let i = 0; i < count; i++) data[i] = BigInt(start) + BigInt(i) * BigInt(delta);
    else for (let i = 0; i < count; i++) data[i] = Number(start) + i * Number(delta);
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    yield* cases('int64', [3, 9, 3], 2);
    yield* cases('int64', [5, -7, -3], 4);
    yield* cases('int32', [4, 4, 1], 0);
    yield* cases('int16', [9, 4, 2], 0);
    yield* cases('float32', [0.5, 2.25, 0.25], 7);
    yield* cases('float64', [1, -1, -0.75], 3);
  },
});

function* cases(type: (typeof types)[number], numbers: readonly number[], count: number) {
  const inputs: CaseOptions['inputs'] = numbers.map((number) => ({ type, dims: [], constant: [number] }));
  yield caseGraph({ op: 'Range', inputs, outputs: [{ type, dims: [count] }], name: `Range ${type} ${numbers.join(' ')}` });
}

function rangeOf(context: NodeContext<object>): {
  readonly start: number | bigint;
  readonly delta: number | bigint;
  readonly count: number;
} {
  const { node } = context;
  const [start, limit, delta] = [0, 1, 2].map((i) => scalar(context, i)) as [number | bigint, number | bigint, number | bigint];
  if (Number(delta) === 0) throw nodeError('ERR_SHAPE', node, 'expected a step that is not 0, got 0');
  const count = Math.max(steps(start, limit, delta), 0);
  if (!Number.isFinite(count)) {
    throw nodeError('ERR_SHAPE', node, `expected a range that ends, got ${start} to ${limit} by ${delta}`);
  }
  checkedSize(node, [count]);
  return { start, delta, count };
}

/** ceil((limit - start) / delta); of 64-bit integers without rounding the difference. */
function steps(start: number | bigint, limit: number | bigint, delta: number | bigint): number {
  if (typeof start !== 'bigint' || typeof limit !== 'bigint' || typeof delta !== 'bigint') {
    return Math.ceil((Number(limit) - Number(start)) / Number(delta));
  }
  const distance = limit - start;
  const whole = distance / delta;
  return Number(whole * delta !== distance && distance > 0n === delta > 0n ? whole + 1n : whole);
}

function scalar(context: NodeContext<object>, index: number): number | bigint {
  const operand = requiredInput(context, index);
  expectType(context, operand, [context.inputs[0]!.type]);
  if (product(operand.dims) !== 1) {
    throw nodeError('ERR_SHAPE', context.node, `expected a scalar for ${operand.name}, got shape ${shapeText(operand.dims)}`);
  }
  return constantData(context, operand)[0]!;
}
