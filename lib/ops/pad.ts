/**
 * Pad: x[d0, d1, ...] -> [before0 + d0 + after0, ...]; pads = [before0, after0, before1, after1, ...].
 *
 * - `constant`: `value`, a real number; a quantized tensor is padded with round half away(value / scale) + zeroPoint
 * - `reflect`: the mirror stands on the edge element, which is not repeated: [1 2 3] -> [3 2 1 2 3 2 1]
 * - `symmetric`: the mirror stands beyond the edge element: [1 2 3] -> [2 1 1 2 3 3 2]
 */
import { toFloat16Bits } from '../float16.js';
import { quantizedRanges } from '../quant/qparams.js';
import { roundHalfAway } from '../rounding.js';
import type { DataType } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { affine, caseGraph } from './cases.js';
import { defineOp, expectType, type NodeContext, nodeError, type Operand, perTensor, requiredInput } from './op.js';
import { checkedSize, maxElements, product, shapeText, strides } from './shapes.js';
import { allocate, fillWith, inputData, outputTensor, storedTypes } from './storage.js';
import { copyStrided, offsetOf } from './strided-copy.js';

export interface PadAttributes {
  readonly pads: readonly number[];
  readonly value: number;
  readonly mode: 'constant' | 'reflect' | 'symmetric';
}

export const pad = defineOp<PadAttributes>({
  name: 'Pad',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    pads: attributes.integers('pads', 0, maxElements),
    value: attributes.number('value', 0),
    mode: attributes.oneOf('mode', ['constant', 'reflect', 'symmetric'], 'constant'),
  }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    const dims = paddedDims(context, x.dims, attributes.pads);
    if (x.qparams !== undefined) perTensor(context, x);
    checkMirror(context, x.dims);
    checkedSize(node, dims);
    return [{ type: x.type, dims }];
  },
  run(context) {
    const { attributes, outputs } = context;
    const { pads, mode } = attributes;
    const x = requiredInput(context, 0);
    const { dims } = outputs[0]!;
    const value = mode === 'constant' ? paddingElement(outputs[0]!, attributes.value) : 0;
    const data = padConstant(x.type, inputData(context, 0), x.dims, pads, value);
    if (mode !== 'constant') mirrorEdges(data, x.dims, dims, pads, mode === 'reflect' ? 0 : 1);
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    const pads = [0, 0, 1, 2, 2, 1, 0, 0];
    for (const type of ['float32', 'int32', 'int64'] as const) {
      for (const mode of ['constant', 'reflect', 'symmetric'] as const) {
        const inputs = [{ type, dims: [2, 3, 4, 3] }];
        yield caseGraph({ op: 'Pad', attributes: { pads, mode }, inputs, outputs: [{ type, dims: [2, 6, 7, 3] }] });
      }
    }
    for (const type of ['int8', 'uint8', 'int16'] as const) {
      const qparams = affine(type, 0.1, 7);
      for (const value of [0, 1.26, -1e9]) {
        yield caseGraph({
          op: 'Pad',
          attributes: { pads, value },
          inputs: [{ type, dims: [1, 2, 3, 4], qparams }],
          outputs: [{ type, dims: [1, 5, 6, 4], qparams }],
        });
      }
    }
  },
});

/** ERR_SHAPE unless there are two numbers for each dimension. */
function paddedDims<A>({ node }: NodeContext<A>, dims: readonly number[], pads: readonly number[]): readonly number[] {
  if (pads.length !== 2 * dims.length) {
    throw nodeError('ERR_SHAPE', node, `expected ${2 * dims.length} pads for shape ${shapeText(dims)}, got ${pads.length}`);
  }
  return dims.map((dim, i) => pads[2 * i]! + dim + pads[2 * i + 1]!);
}

function checkMirror({ node, attributes }: NodeContext<PadAttributes>, dims: readonly number[]): void {
  const { mode, pads } = attributes;
  if (mode === 'constant') return;
  const limits = dims.map((dim) => (mode === 'reflect' ? dim - 1 : dim));
  if (pads.some((count, i) => count > Math.max(limits[i >> 1]!, 0))) {
    throw nodeError('ERR_SHAPE', node, `expected pads up to ${shapeText(limits)} for mode ${mode}, got ${shapeText(pads)}`);
  }
}

/** The element that a padding of the real number `value` consists of. */
export function paddingElement({ type, qparams }: Pick<Operand, 'type' | 'qparams'>, value: number): number {
  if (qparams === undefined || typeof qparams.scale !== 'number' || typeof qparams.zeroPoint !== 'number') {
    if (type === 'float16') return toFloat16Bits(value);
    return type.startsWith('float') ? value : Math.trunc(value);
  }
  const [min, max] = quantizedRanges[qparams.dtype];
  const quantized = roundHalfAway(Math.min(Math.max(value / qparams.scale, -(2 ** 33)), 2 ** 33)) + qparams.zeroPoint;
  return Math.min(Math.max(quantized, min), max);
}

/** Also for operators that pad before they move elements. */
export function padConstant(
  type: DataType,
  data: TypedArray,
  dims: readonly number[],
  pads: readonly number[],
  value: number,
): TypedArray {
  const resultDims = dims.map((dim, i) => pads[2 * i]! + dim + pads[2 * i + 1]!);
  const result = allocate(type, product(resultDims));
  if (value !== 0) fillWith(result, value);
  const own = strides(resultDims);
  const begin = dims.map((_, i) => pads[2 * i]!);
  copyStrided(dims, { data, offset: 0, strides: strides(dims) }, { data: result, offset: offsetOf(begin, own), strides: own });
  return result;
}

/**
 * Fills the padding from the inside, one axis after another; slabs of a later axis take the corners along. Position e - i mirrors
 * e + i (reflect, `shift` 0) or e + i - 1 (symmetric, `shift` 1) about the edge element e.
 */
function mirrorEdges(
  data: TypedArray,
  inner: readonly number[],
  dims: readonly number[],
  pads: readonly number[],
  shift: 0 | 1,
): void {
  const own = strides(dims);
  for (const [axis, size] of dims.entries()) {
    const first = pads[2 * axis]!;
    const last = first + inner[axis]! - 1;
    const slab = dims.with(axis, 1);
    for (let i = 0; i < size; i++) {
      if (i >= first && i <= last) continue;
      const mirrored = i < first ? 2 * first - i - shift : 2 * last - i + shift;
      const view = (index: number) => ({ data, offset: index * own[axis]!, strides: own });
      copyStrided(slab, view(mirrored), view(i));
    }
  }
}
