/** Values that can be parts of others, byte for byte, so that the operator between them has nothing to copy. */
import type { Operand } from '../ops/op.js';
import { strides } from '../ops/shapes.js';
import { bytesPerElement, sizeBytesOf } from './sizes.js';

export interface StepOperands {
  readonly node: { readonly op: string };
  /** Of the operator's own type: what its `parse` returned. */
  readonly attributes?: unknown;
  readonly inputs: readonly (Operand | undefined)[];
  readonly outputs: readonly Operand[];
}

/** `part` is what stands in `whole` from `offsetBytes` on. One of them is an input of the step, the other an output. */
export interface View {
  readonly part: Operand;
  readonly whole: Operand;
  readonly offsetBytes: number;
}

/** Operators that change the shape and no byte. */
const reshapes: ReadonlySet<string> = new Set([
  'Reshape',
  'Squeeze',
  'ExpandDims',
  'Unsqueeze',
  'Flatten',
  'Identity',
  'Reinterpret',
]);

/** An output that is its input, in another shape. */
export function reshapeOf({ node, inputs, outputs }: StepOperands): View | undefined {
  const [input, output] = [inputs[0], outputs[0]];
  return reshapes.has(node.op) && input && output ? { part: output, whole: input, offsetBytes: 0 } : undefined;
}

/** Inputs that are parts of the output. */
export function partsOfOutput({ node, attributes, inputs, outputs }: StepOperands): readonly View[] {
  const whole = outputs[0];
  if (whole === undefined || (node.op !== 'Concat' && node.op !== 'Pack')) return [];
  if (!isOneBefore(whole.dims, (attributes as { readonly axis: number }).axis)) return [];
  let end = 0;
  return inputs.flatMap((part) => {
    if (part === undefined) return [];
    const offsetBytes = end;
    end += sizeBytesOf(part);
    // A Concat rescales what has another scale
    return node.op === 'Pack' || sameScale(part, whole) ? [{ part, whole, offsetBytes }] : [];
  });
}

/** Outputs that are parts of the input. */
export function partsOfInput({ node, attributes, inputs, outputs }: StepOperands): readonly View[] {
  const whole = inputs[0];
  if (whole === undefined) return [];
  if (node.op === 'Slice') {
    const offsetBytes = sliceOffset(whole, (attributes as { readonly begin: readonly number[] }).begin, outputs[0]!.dims);
    return offsetBytes === undefined ? [] : [{ part: outputs[0]!, whole, offsetBytes }];
  }
  if (node.op !== 'Split' && node.op !== 'Unpack') return [];
  if (!isOneBefore(whole.dims, (attributes as { readonly axis: number }).axis)) return [];
  let end = 0;
  return outputs.map((part) => {
    const offsetBytes = end;
    end += sizeBytesOf(part);
    return { part, whole, offsetBytes };
  });
}

/** Whether slices along `axis`, which counts from the end where it is negative, are one run of memory each. */
function isOneBefore(dims: readonly number[], axis: number): boolean {
  return dims.slice(0, axis < 0 ? axis + dims.length : axis).every((dim) => dim === 1);
}

function sameScale(a: Operand, b: Operand): boolean {
  return a.type === b.type && a.qparams?.scale === b.qparams?.scale && a.qparams?.zeroPoint === b.qparams?.zeroPoint;
}

/** Where a block begins that is one run of memory: whole after the first of its dimensions that is not 1. */
function sliceOffset({ type, dims }: Operand, begin: readonly number[], size: readonly number[]): number | undefined {
  const first = size.findIndex((dim) => dim !== 1);
  if (first !== -1 && size.some((dim, i) => i > first && dim !== dims[i])) return undefined;
  return strides(dims).reduce((sum, stride, i) => sum + stride * begin[i]!, 0) * bytesPerElement[type];
}
