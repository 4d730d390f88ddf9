/**
 * PadAxes: x[..., d, ...] -> [..., before + d + after, ...] along some axes; below 0, so many elements are taken away. Inputs: x;
 * pads = [before of each axis..., after of each axis...]; an element of x's type that `constant` pads with, 0 by default: of a
 * quantized x the integer as it stands; axes (by default all). (ONNX Pad)
 *
 * - `constant`: the element
 * - `reflect`: the mirror stands on the edge element, which is not repeated: [1 2 3] -> [3 2 1 2 3 2 1 2 ...]
 * - `edge`: the edge element
 * - `wrap`: the tensor again: [1 2 3] -> [2 3 1 2 3 1 2]
 *
 * Elements that are taken away are neither mirrored nor repeated.
 */
import { type CaseOptions, caseGraph } from './cases.js';
import { type AxisMap, copyMapped } from './mapped-copy.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product, shapeText } from './shapes.js';
import { constantIntegers, inputData, outputTensor, storedTypes } from './storage.js';

const modes = ['constant', 'reflect', 'edge', 'wrap'] as const;

export interface PadAxesAttributes {
  readonly mode: (typeof modes)[number];
}

export const padAxes = defineOp<PadAxesAttributes>({
  name: 'PadAxes',
  inputs: [2, 4],
  outputs: [1, 1],
  parse: (attributes) => ({ mode: attributes.oneOf('mode', modes, 'constant') }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const value = context.inputs[2];
    if (value !== undefined) {
      expectType(context, value, [x.type]);
      if (product(value.dims) !== 1) {
        throw nodeError('ERR_SHAPE', node, `expected one element for ${value.name}, got shape ${shapeText(value.dims)}`);
      }
    }
    const dims = axisPads(context).map(([before, after], axis) => before + x.dims[axis]! + after);
    checkedSize(node, dims);
    const hasSource = axisPads(context).every(([before, after], axis) => keptRange(x.dims[axis]!, before, after).size > 0);
    if (attributes.mode !== 'constant' && product(dims) > 0 && !hasSource) {
      throw nodeError('ERR_SHAPE', node, `expected elements to pad with, got shape ${shapeText(x.dims)}`);
    }
    return [{ type: x.type, dims }];
  },
  run(context) {
    const { mode } = context.attributes;
    const x = requiredInput(context, 0);
    const { dims } = context.outputs[0]!;
    const maps = padMaps(context, dims);
    const value = mode === 'constant' && context.inputs[2] !== undefined ? inputData(context, 2)[0] : undefined;
    return [
      outputTensor(
        context,
        0,
        copyMapped(x.type, inputData(context, 0), x.dims, dims, (axis) => maps[axis]!, value),
      ),
    ];
  },
  *cases() {
    for (const mode of modes) {
      yield* cases(mode, [0, 2, 1, 0, 1, 5], undefined, [2, 6, 10]);
      yield* cases(mode, [0, -1, 2, 0, 1, -2], undefined, [2, 3, 4]);
      yield* cases(mode, [3, 1], [-1], [2, 3, 8]);
    }
  },
});

function* cases(
  mode: PadAxesAttributes['mode'],
  pads: readonly number[],
  axes: readonly number[] | undefined,
  dims: readonly number[],
) {
  for (const type of ['float32', 'int8', 'int64', 'bool'] as const) {
    const inputs: CaseOptions['inputs'] = [
      { type, dims: [2, 3, 4] },
      { type: 'int64', dims: [pads.length], constant: pads },
      { type, dims: [], data: [1] },
      axes && { type: 'int32', dims: [axes.length], constant: axes },
    ];
    const name = `PadAxes ${mode} ${type} [${pads}] [${axes ?? ''}]`;
    yield caseGraph({ op: 'PadAxes', attributes: { mode }, inputs, outputs: [{ type, dims }], name });
    if (mode === 'constant' && axes === undefined) {
      const padded = inputs.slice(0, 2);
      yield caseGraph({ op: 'PadAxes', inputs: padded, outputs: [{ type, dims }], name: `${name}, with 0` });
    }
  }
}

/** For each axis of a result of shape `dims`, the index in x of each of its own; -1: the element to pad with. */
export function padMaps(context: NodeContext<PadAxesAttributes>, dims: readonly number[]): readonly AxisMap[] {
  const x = requiredInput(context, 0);
  const pads = axisPads(context);
  return dims.map((size, axis) => padMap(context.attributes.mode, x.dims[axis]!, pads[axis]!, size));
}

/** What is added before and after each axis of x. */
function axisPads(context: NodeContext<PadAxesAttributes>): readonly (readonly [before: number, after: number])[] {
  const { node } = context;
  const { dims } = requiredInput(context, 0);
  const pads = constantIntegers(context, requiredInput(context, 1));
  const given = context.inputs[3] === undefined ? [...dims.keys()] : constantIntegers(context, context.inputs[3]);
  if (pads.length !== 2 * given.length) {
    throw nodeError('ERR_SHAPE', node, `expected ${2 * given.length} pads for shape ${shapeText(dims)}, got ${pads.length}`);
  }
  const axes = given.map((axis) => normalizeAxis(context, axis, dims.length));
  if (new Set(axes).size !== axes.length) {
    throw nodeError('ERR_SHAPE', node, `expected axes that differ, got ${shapeText(given)}`);
  }
  return dims.map((_, axis) => {
    const i = axes.indexOf(axis);
    return i < 0 ? [0, 0] : [pads[i]!, pads[i + axes.length]!];
  });
}

/** The elements of x that stay. */
function keptRange(dim: number, before: number, after: number): { readonly begin: number; readonly size: number } {
  const begin = Math.max(-before, 0);
  return { begin, size: Math.max(dim - begin - Math.max(-after, 0), 0) };
}

function padMap(mode: PadAxesAttributes['mode'], dim: number, pads: readonly [number, number], size: number): AxisMap {
  const [before, after] = pads;
  const kept = keptRange(dim, before, after);
  const offset = Math.max(before, 0);
  const last = kept.size - 1;
  const period = mode === 'wrap' ? kept.size : Math.max(2 * last, 1);
  return Int32Array.from({ length: size }, (_, i) => {
    const place = i - offset;
    if (place >= 0 && place <= last) return kept.begin + place;
    if (mode === 'constant') return -1;
    if (mode === 'edge') return kept.begin + (place < 0 ? 0 : last);
    const phase = ((place % period) + period) % period;
    return kept.begin + (mode === 'wrap' ? phase : Math.min(phase, period - phase, last));
  });
}
