/** Sums, products, joins, and what only moves elements. */
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { ConcatAttributes } from '../../ops/concat.js';
import type { PadAttributes } from '../../ops/pad.js';
import { activated, rescaled } from './activations.js';
import { reshaped } from './images.js';
import type { Layer, NodeCall, RebuildRule, RebuildRules } from './node-call.js';

const shaped: RebuildRule = (call) => {
  if (call.operand(0).dims[0] !== call.outputDims[0])
    throw call.unsupported('a shape that mixes the batch with other dimensions');
  return reshaped(call, call.tensor(0));
};

export const moveRules: RebuildRules = {
  Add: (call) =>
    activated(
      call,
      binary(
        call,
        (name) => layers.add({ name }),
        (x, c) => rescaled(call, x, 1, c),
      ),
    ),
  Sub: (call) => activated(call, difference(call)),
  Mul: (call) =>
    activated(
      call,
      binary(
        call,
        (name) => layers.multiply({ name }),
        (x, c) => rescaled(call, x, c, 0),
      ),
    ),
  Maximum: (call) => binary(call, (name) => layers.maximum({ name })),
  Minimum: (call) => binary(call, (name) => layers.minimum({ name })),

  Concat(call) {
    const { axis } = call.attributes<ConcatAttributes>();
    const { length } = call.operand(0).dims;
    const own = axis < 0 ? axis + length : axis;
    if (own === 0) throw call.unsupported('batches one behind the other');
    const tensors = call.inputs.map((_, i) => call.tensor(i));
    return tensors.length === 1 ? tensors[0]! : call.apply((name) => layers.concatenate({ axis: own, name }), tensors);
  },

  ExpandDims: shaped,
  Reshape: shaped,
  Squeeze: shaped,
  Unsqueeze: shaped,

  Flatten(call) {
    if (call.operand(0).dims[0] !== call.outputDims[0])
      throw call.unsupported('a shape that mixes the batch with other dimensions');
    return call.apply((name) => layers.flatten({ name }), call.tensor(0));
  },

  Pad(call) {
    const { pads, value, mode } = call.attributes<PadAttributes>();
    const [n0, n1, top, bottom, left, right, c0, c1] = pads as readonly number[];
    const isImage = pads.length === 8 && [n0, n1, c0, c1].every((pad) => pad === 0);
    if (!isImage || mode !== 'constant' || value !== 0) throw call.unsupported('padding that is not of zeros around images');
    const padding: [[number, number], [number, number]] = [
      [top!, bottom!],
      [left!, right!],
    ];
    return call.apply((name) => layers.zeroPadding2d({ padding, name }), call.tensor(0));
  },

  Transpose(call) {
    const { perm } = call.attributes<{ readonly perm: readonly number[] }>();
    if (perm[0] !== 0) throw call.unsupported('a batch that is not the first dimension');
    const { dims } = call.operand(0);
    const moved = perm.slice(1).filter((axis) => dims[axis] !== 1);
    // Nothing but dimensions of 1 changes its place
    if (moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)) return reshaped(call, call.tensor(0));
    return call.apply((name) => layers.permute({ dims: perm.slice(1), name }), call.tensor(0));
  },
};

/** Of two tensors, or of one and a number. */
function binary(
  call: NodeCall,
  make: (name: string) => Layer,
  withNumber?: (x: SymbolicTensor, c: number) => SymbolicTensor,
): SymbolicTensor {
  const at = [0, 1].find((index) => call.operand(index).constant !== undefined);
  if (at === undefined) return call.apply(make, [call.tensor(0), call.tensor(1)]);
  const { data } = call.constant(at);
  if (withNumber === undefined || data.length !== 1) throw call.unsupported('arithmetic with constants, other than a number,');
  return withNumber(call.tensor(1 - at), data[0] as number);
}

function difference(call: NodeCall): SymbolicTensor {
  const [a, b] = [call.operand(0), call.operand(1)];
  if (b.constant !== undefined && b.constant.data.length === 1)
    return rescaled(call, call.tensor(0), 1, -call.constant(1).data[0]!);
  if (a.constant !== undefined && a.constant.data.length === 1)
    return rescaled(call, call.tensor(1), -1, call.constant(0).data[0]!);
  const negative = rescaled(call, call.tensor(1), -1, 0, 'negative');
  return call.apply((name) => layers.add({ name }), [call.tensor(0), negative]);
}
