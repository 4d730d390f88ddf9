/**
 * BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot of integers; ShiftLeft, ShiftRight of unsigned ones by so many bits, by as many as
 * the type has or more to 0. Broadcast as in NumPy.
 */

import type { DataType } from '../tensor.js';
import { caseGraph } from './cases.js';
import {
  type Element,
  inferBinary,
  inferUnary,
  isWide,
  mapBinary,
  mapUnary,
  plainTypes,
  unsignedTypes,
} from './elementwise.js';
import { defineOp, type Op, type OpCase } from './op.js';

/** Of numbers, and of BigInts. */
interface Functions {
  readonly narrow: (a: number, b: number, bits: number) => number;
  readonly wide: (a: bigint, b: bigint) => bigint;
}

const integerTypes = plainTypes.filter((type) => !type.startsWith('float'));

export const bitwiseAnd = defineBitwise('BitwiseAnd', integerTypes, { narrow: (a, b) => a & b, wide: (a, b) => a & b });
export const bitwiseOr = defineBitwise('BitwiseOr', integerTypes, { narrow: (a, b) => a | b, wide: (a, b) => a | b });
export const bitwiseXor = defineBitwise('BitwiseXor', integerTypes, { narrow: (a, b) => a ^ b, wide: (a, b) => a ^ b });
export const shiftLeft = defineBitwise('ShiftLeft', unsignedTypes, {
  narrow: (a, b, bits) => (b < bits ? a << b : 0),
  wide: (a, b) => (b < 64n ? a << b : 0n),
});
export const shiftRight = defineBitwise('ShiftRight', unsignedTypes, {
  narrow: (a, b, bits) => (b < bits ? a >>> b : 0),
  wide: (a, b) => (b < 64n ? a >> b : 0n),
});

export const bitwiseNot = defineOp<Record<string, never>>({
  name: 'BitwiseNot',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, [], integerTypes),
  // ~ of numbers and of BigInts
  run: (context) => mapUnary<unknown, Element>(context, (x) => ~(x as number)),
  *cases() {
    for (const type of integerTypes) {
      for (const dims of [[300], [2, 3], []]) {
        yield caseGraph({ op: 'BitwiseNot', inputs: [{ type, dims }], outputs: [{ type, dims }] });
      }
    }
  },
});

function defineBitwise(name: string, types: readonly DataType[], { narrow, wide }: Functions): Op {
  return defineOp<Record<string, never>>({
    name,
    inputs: [2, 2],
    outputs: [1, 1],
    parse: () => ({}),
    infer: (context) => inferBinary(context, [], { plain: types }),
    run(context) {
      const { type } = context.outputs[0]!;
      if (isWide(type)) return mapBinary(context, wide);
      const bits = Number(/\d+/.exec(type)![0]);
      return mapBinary(context, (a: number, b: number) => narrow(a, b, bits));
    },
    cases: () => cases(name, types),
  });
}

function* cases(op: string, types: readonly DataType[]): Iterable<OpCase> {
  for (const type of types) {
    for (const [a, b, dims] of [
      [[80], [80], [80]],
      [
        [2, 1, 30],
        [4, 1],
        [2, 4, 30],
      ],
      [[], [5], [5]],
    ] as const) {
      const inputs = [
        { type, dims: a },
        { type, dims: b, range: [0, 70] },
      ] as const;
      yield caseGraph({ op, inputs, outputs: [{ type, dims }] });
    }
  }
}
