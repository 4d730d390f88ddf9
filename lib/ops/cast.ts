/**
 * Cast: the elements of x in the type `to`, quantized integers as they stand. Reals to integers: truncated toward zero and
 * saturated, NaN is 0 (C++ leaves what is out of range undefined). Integers to smaller integers wrap. To bool: whether not 0.
 */
import { fromFloat16Bits, toFloat16Bits } from '../float16.js';
import type { DataType, Tensor } from '../tensor.js';
import { caseGraph } from './cases.js';
import { type Element, isWide } from './elementwise.js';
import { integerRange } from './integers.js';
import { defineOp, expectType, type Op, type RunContext, requiredInput } from './op.js';
import { allocate, inputData, outputTensor, type StoredType, storedTypes } from './storage.js';

export interface CastAttributes {
  readonly to: StoredType;
}

export const cast = defineOp<CastAttributes>({
  name: 'Cast',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({ to: attributes.oneOf('to', storedTypes) }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    return [{ type: context.attributes.to, dims: x.dims }];
  },
  run: convertElements,
  *cases() {
    const data = [0, 1, -1, 0.5, -2.75, 127.5, 128, -129, 255.9, 300, 70000, -3e9, 3e9, NaN, Infinity, -1e30];
    for (const to of storedTypes) {
      yield caseGraph({
        op: 'Cast',
        attributes: { to },
        inputs: [{ type: 'float32', dims: [16], data }],
        outputs: [{ type: to, dims: [16] }],
      });
      for (const type of ['int8', 'uint8', 'int32', 'int64', 'bool', 'float16'] as const) {
        yield caseGraph({
          op: 'Cast',
          attributes: { to },
          inputs: [{ type, dims: [2, 9] }],
          outputs: [{ type: to, dims: [2, 9] }],
        });
      }
    }
  },
});

/** CastLike: the elements of x in the type of `like`, whose elements do not count. */
export const castLike: Op = defineOp<Record<string, never>>({
  name: 'CastLike',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const [x, like] = [requiredInput(context, 0), requiredInput(context, 1)];
    for (const operand of [x, like]) expectType(context, operand, storedTypes);
    return [{ type: like.type, dims: x.dims }];
  },
  run: convertElements,
  *cases() {
    for (const [from, to] of [
      ['float32', 'int8'],
      ['int32', 'float32'],
      ['float64', 'float16'],
      ['int64', 'bool'],
    ] as const) {
      const inputs = [
        { type: from, dims: [3, 4] },
        { type: to, dims: [2] },
      ];
      yield caseGraph({ op: 'CastLike', inputs, outputs: [{ type: to, dims: [3, 4] }] });
    }
  },
});

function convertElements<A>(context: RunContext<A>): readonly Tensor[] {
  const x = inputData(context, 0) as ArrayLike<Element>;
  const to = context.outputs[0]!.type as StoredType;
  const y = allocate(to, x.length) as { [index: number]: Element } & ReturnType<typeof allocate>;
  const convert = converter(context.inputs[0]!.type, to);
  for (let i = 0; i < x.length; i++) y[i] = convert(x[i]!);
  return [outputTensor(context, 0, y)];
}

/** From an element of one type to one that a typed array of the other takes. */
export function converter(from: DataType, to: StoredType): (x: Element) => Element {
  if (to === 'bool') return (x) => ((from === 'float16' ? fromFloat16Bits(x as number) : Number(x)) === 0 ? 0 : 1);
  if (to.startsWith('float')) {
    if (isWide(from) && to === 'float32') return (x) => nearFloat32(x as bigint);
    const real = (x: Element) => (from === 'float16' ? fromFloat16Bits(x as number) : Number(x));
    return to === 'float16' ? (x) => toFloat16Bits(real(x)) : real;
  }
  const is64 = isWide(to);
  // A typed array takes its elements modulo 2^bits
  if (!from.startsWith('float'))
    return is64 ? (x) => BigInt(x) : (x) => (typeof x === 'bigint' ? Number(BigInt.asIntN(32, x)) : x);
  const [min, max] = integerRange(to);
  return (x) => {
    const real = from === 'float16' ? fromFloat16Bits(x as number) : (x as number);
    if (Number.isNaN(real)) return is64 ? 0n : 0;
    // 2^63 - 1 and 2^64 - 1 become the powers of 2 above them
    if (real >= Number(max)) return is64 ? max : Number(max);
    if (real <= Number(min)) return is64 ? min : Number(min);
    return is64 ? BigInt(Math.trunc(real)) : Math.trunc(real);
  };
}

/**
 * A double that rounds to the float32 nearest to x. Number(x) itself is rounded from 2^53 on, perhaps to a tie between two float32;
 * whatever is below the 53 highest bits of 64 is a single bit here, which decides as well as all of them.
 */
function nearFloat32(x: bigint): number {
  const low = BigInt.asUintN(12, x);
  return low === 0n || BigInt.asIntN(54, x) === x ? Number(x) : Number((x - low) | 2048n);
}
