/**
 * SliceAxes: x[start:end:step] along some axes, all integers from inputs: x, starts, ends, axes (by default the first ones), steps
 * (by default 1). Positions below 0 count from the end, and what is out of range is clamped: starts to [0, n] and ends to [0, n]
 * where the step is positive, to [0, n - 1] and [-1, n - 1] where it is negative. (ONNX Slice)
 */
import { type CaseOptions, caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { normalizeAxis, shapeText, strides } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';
import { gatherStrided, offsetOf } from './strided-copy.js';

export const sliceAxes = defineOp<object>({
  name: 'SliceAxes',
  inputs: [3, 5],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    return [{ type: x.type, dims: slicedRanges(context).map(({ size }) => size) }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const own = strides(x.dims);
    const ranges = slicedRanges(context);
    const from = {
      data: inputData(context, 0),
      offset: offsetOf(
        ranges.map(({ start }) => start),
        own,
      ),
      strides: ranges.map(({ step }, axis) => step * own[axis]!),
    };
    return [outputTensor(context, 0, gatherStrided(x.type, context.outputs[0]!.dims, from))];
  },
  *cases() {
    yield* cases(
      [
        [0, 1],
        [2, 4],
      ],
      [2, 3, 5],
    );
    yield* cases(
      [
        [1, -4],
        [1000, -1],
        [-1, 1],
      ],
      [3, 3, 4],
    );
    yield* cases(
      [
        [20, -1, 1],
        [-100, 0, 4],
        [2, 0, 1],
        [-1, -2, 2],
      ],
      [1, 2, 5],
    );
    yield* cases([[-100], [-100], [1], [-1]], [3, 1, 5]);
    yield* cases([[3], [1], [2]], [3, 4, 0]);
  },
});

function* cases(lists: readonly (readonly number[])[], dims: readonly number[]) {
  for (const type of ['float32', 'int8', 'int64'] as const) {
    for (const index of ['int32', 'int64'] as const) {
      const constants = lists.map((constant) => ({ type: index, dims: [constant.length], constant }));
      const inputs: CaseOptions['inputs'] = [{ type, dims: [3, 4, 5] }, ...constants];
      const name = `SliceAxes ${type} ${index} ${lists.map((list) => `[${list}]`).join(' ')}`;
      yield caseGraph({ op: 'SliceAxes', inputs, outputs: [{ type, dims }], name });
    }
  }
}

export interface AxisRange {
  readonly start: number;
  readonly step: number;
  readonly size: number;
}

/** What is taken along each axis of x. */
export function slicedRanges(context: NodeContext<unknown>): readonly AxisRange[] {
  const { node } = context;
  const { dims } = requiredInput(context, 0);
  const starts = constantIntegers(context, requiredInput(context, 1));
  const ends = constantIntegers(context, requiredInput(context, 2));
  const [axesInput, stepsInput] = [context.inputs[3], context.inputs[4]];
  const given = axesInput === undefined ? [...starts.keys()] : constantIntegers(context, axesInput);
  const steps = stepsInput === undefined ? starts.map(() => 1) : constantIntegers(context, stepsInput);
  if (ends.length !== starts.length || given.length !== starts.length || steps.length !== starts.length || steps.includes(0)) {
    const found = [starts, ends, given, steps].map(shapeText).join(', ');
    throw nodeError('ERR_SHAPE', node, `expected starts, ends, axes and steps (not 0) of one length, got ${found}`);
  }
  const axes = given.map((axis) => normalizeAxis(context, axis, dims.length));
  if (new Set(axes).size !== axes.length) {
    throw nodeError('ERR_SHAPE', node, `expected axes that differ, got ${shapeText(given)}`);
  }
  return dims.map((dim, axis) => {
    const i = axes.indexOf(axis);
    return i < 0 ? { start: 0, step: 1, size: dim } : rangeOf(dim, starts[i]!, ends[i]!, steps[i]!);
  });
}

function rangeOf(dim: number, from: number, to: number, step: number): AxisRange {
  const position = (value: number, low: number, high: number) => Math.min(Math.max(value < 0 ? value + dim : value, low), high);
  if (dim === 0) return { start: 0, step: 1, size: 0 };
  const start = step > 0 ? position(from, 0, dim) : position(from, 0, dim - 1);
  const end = step > 0 ? position(to, 0, dim) : position(to, -1, dim - 1);
  const size = Math.max(0, Math.ceil((end - start) / step));
  // What takes one element or none never steps; the stride stays small then
  return { start, step: size > 1 ? step : 1, size };
}
