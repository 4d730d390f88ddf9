/**
 * StridedSlice: x[begin0:end0:stride0, begin1:end1:stride1, ...] with Python's rules: negative positions count from the end, and
 * what is out of range is clamped. Dimensions that are not mentioned are taken whole.
 *
 * Bit i of a mask is about entry i of begin, end and strides: `beginMask`, `endMask`: from the first, to the last element;
 * `ellipsisMask`: all dimensions that the other entries leave; `newAxisMask`: a new dimension of 1; `shrinkAxisMask`: the element
 * at begin, without the dimension. (tf.strided_slice)
 */
import { type CaseOptions, caseGraph } from './cases.js';
import { type AttributeReader, defineOp, expectType, type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import { shapeText, strides as stridesOf } from './shapes.js';
import { inputData, outputTensor, storedTypes } from './storage.js';
import { gatherStrided } from './strided-copy.js';

export interface StridedSliceAttributes {
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly strides: readonly number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

export const stridedSlice = defineOp<StridedSliceAttributes>({
  name: 'StridedSlice',
  inputs: [1, 1],
  outputs: [1, 1],
  parse(attributes) {
    const positions = (name: string) => attributes.integers(name, -(2 ** 31), 2 ** 31 - 1);
    const mask = (name: string) => attributes.integer(name, -(2 ** 31), 2 ** 31 - 1, 0);
    const [begin, end, strides] = [positions('begin'), positions('end'), positions('strides')];
    checkEntries(attributes, begin, end, strides);
    return {
      begin,
      end,
      strides,
      beginMask: mask('beginMask'),
      endMask: mask('endMask'),
      ellipsisMask: mask('ellipsisMask'),
      newAxisMask: mask('newAxisMask'),
      shrinkAxisMask: mask('shrinkAxisMask'),
    };
  },
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    return [{ type: x.type, dims: takenRanges(context, x).flatMap(({ size }) => (size === undefined ? [] : [size])) }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const ranges = takenRanges(context, x);
    const kept = ranges.filter(({ size }) => size !== undefined);
    const from = {
      data: inputData(context, 0),
      offset: ranges.reduce((sum, range) => sum + range.offset, 0),
      strides: kept.map(({ stride }) => stride),
    };
    return [outputTensor(context, 0, gatherStrided(x.type, context.outputs[0]!.dims, from))];
  },
  *cases() {
    const make = (attributes: CaseOptions['attributes'], dims: readonly number[]) =>
      (['float32', 'int8', 'int64'] as const).map((type) =>
        caseGraph({
          op: 'StridedSlice',
          attributes: attributes!,
          inputs: [{ type, dims: [3, 4, 5] }],
          outputs: [{ type, dims }],
        }),
      );
    yield* make({ begin: [0, 1, 0], end: [2, 4, 5], strides: [1, 2, 3] }, [2, 2, 2]);
    yield* make({ begin: [-1, 3, 4], end: [-4, 0, -6], strides: [-1, -2, -1] }, [3, 2, 5]);
    yield* make({ begin: [1, 0], end: [0, 3], strides: [1, 1], shrinkAxisMask: 1 }, [3, 5]);
    yield* make({ begin: [0, -2], end: [0, 0], strides: [1, 1], ellipsisMask: 1, shrinkAxisMask: 2 }, [3, 4]);
    yield* make(
      { begin: [9, 0, 1], end: [9, 0, 9], strides: [1, 1, 2], newAxisMask: 1, beginMask: 2, endMask: 2 },
      [1, 3, 2, 5],
    );
    yield* make({ begin: [2], end: [1], strides: [1] }, [0, 4, 5]);
  },
});

function checkEntries(
  attributes: AttributeReader,
  begin: readonly number[],
  end: readonly number[],
  strides: readonly number[],
): void {
  // As many as a mask has bits.
  if (begin.length > 32) throw attributes.wrong('begin', 'at most 32 integers', begin);
  if (end.length !== begin.length) throw attributes.wrong('end', `${begin.length} integers`, end);
  if (strides.length !== begin.length || strides.includes(0)) {
    throw attributes.wrong('strides', `${begin.length} integers that are not 0`, strides);
  }
}

/** What one entry takes: its share of the first element's position, the step and the number of elements. */
export interface Range {
  readonly offset: number;
  readonly stride: number;
  /** Undefined where the dimension goes away. */
  readonly size: number | undefined;
}

/** One for each dimension of x, and for new ones. */
export function takenRanges(context: NodeContext<StridedSliceAttributes>, x: Operand): readonly Range[] {
  const { node, attributes } = context;
  const own = stridesOf(x.dims);
  const ranges: Range[] = [];
  const has = (mask: number, entry: number) => ((mask >> entry) & 1) === 1;
  const whole = (axis: number): Range => ({ offset: 0, stride: own[axis]!, size: x.dims[axis]! });
  const entries = attributes.begin.length;
  const named = attributes.begin.filter((_, i) => !has(attributes.ellipsisMask, i) && !has(attributes.newAxisMask, i)).length;
  if (named > x.dims.length) {
    throw nodeError('ERR_SHAPE', node, `expected at most ${x.dims.length} dimensions in begin, got ${named}`);
  }
  let axis = 0;
  let left = x.dims.length - named; // dimensions that no entry names
  for (let entry = 0; entry < entries; entry++) {
    if (has(attributes.ellipsisMask, entry)) {
      for (; left > 0; left--) ranges.push(whole(axis++));
    } else if (has(attributes.newAxisMask, entry)) {
      ranges.push({ offset: 0, stride: 0, size: 1 });
    } else {
      const dim = x.dims[axis]!;
      const range = has(attributes.shrinkAxisMask, entry)
        ? { start: elementAt(context, entry, x, axis), step: 1, size: undefined }
        : entryRange(attributes, entry, dim);
      ranges.push({ offset: range.start * own[axis]!, stride: range.step * own[axis]!, size: range.size });
      axis++;
    }
  }
  while (axis < x.dims.length) ranges.push(whole(axis++));
  return ranges;
}

function elementAt({ node, attributes }: NodeContext<StridedSliceAttributes>, entry: number, x: Operand, axis: number): number {
  const dim = x.dims[axis]!;
  const begin = ((attributes.beginMask >> entry) & 1) === 1 ? 0 : attributes.begin[entry]!;
  if (begin < -dim || begin >= dim) {
    throw nodeError('ERR_SHAPE', node, `expected an index along axis ${axis} of shape ${shapeText(x.dims)}, got ${begin}`);
  }
  return begin < 0 ? begin + dim : begin;
}

function entryRange({ begin, end, strides, beginMask, endMask }: StridedSliceAttributes, entry: number, dim: number) {
  const step = strides[entry]!;
  // Positions between elements when going forward, elements (and -1 for before the first) when going backward.
  const [low, high] = step > 0 ? [0, dim] : [-1, dim - 1];
  const position = (value: number) => Math.min(Math.max(value < 0 ? value + dim : value, low), high);
  const start = ((beginMask >> entry) & 1) === 1 ? (step > 0 ? low : high) : position(begin[entry]!);
  const stop = ((endMask >> entry) & 1) === 1 ? (step > 0 ? high : low) : position(end[entry]!);
  return { start, step, size: Math.max(0, Math.ceil((stop - start) / step)) };
}
