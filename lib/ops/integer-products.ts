/** What ConvInteger and MatMulInteger share: 8-bit operands whose zero points are inputs of their own, and int32 sums, which wrap. */
import type { DataType } from '../tensor.js';
import { expectType, type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import { checkedSize, shapeText } from './shapes.js';

export const byteTypes = ['int8', 'uint8'] as const satisfies readonly DataType[];

/** Inputs 0 and 1 are of 8 bits, 2 and 3 their zero points where there are some: one, or `counts` of them. */
export function checkIntegerProducts<A>(context: NodeContext<A>, counts: readonly [number, number]): void {
  for (const index of [0, 1] as const) {
    const operand = requiredInput(context, index);
    expectType(context, operand, byteTypes);
    const zeroPoint = context.inputs[2 + index];
    if (zeroPoint === undefined) continue;
    expectType(context, zeroPoint, [operand.type]);
    const size = checkedSize(context.node, zeroPoint.dims);
    if (size === 1 || size === counts[index]) continue;
    const expected = `1 zero point for ${operand.name}${counts[index] === 1 ? '' : ` or ${counts[index]}`}`;
    throw nodeError('ERR_SHAPE', context.node, `expected ${expected}, got ${shapeText(zeroPoint.dims)}`);
  }
}

/** One zero point for each of `count`, from a tensor's elements. */
export function zeroPointsOf(data: ArrayLike<number> | undefined, count: number): Int32Array {
  if (data === undefined) return new Int32Array(count);
  return data.length === 1 ? new Int32Array(count).fill(data[0]!) : Int32Array.from(data);
}

/** Those of an operand that is known; undefined where it is computed. */
export function constantZeroPoints(operand: Operand | undefined, count: number): Int32Array | undefined {
  if (operand === undefined) return new Int32Array(count);
  return operand.constant === undefined ? undefined : zeroPointsOf(operand.constant.data as Uint8Array, count);
}
