/**
 * Pow: a ^ b in the type of a, broadcast as in NumPy; the exponents may be of another type.
 *
 * - reals: in float64, rounded once
 * - integers to integers: modulo 2^bits; 0 for a negative exponent, unless the base is 1 or -1
 * - integers to reals: in float64, then cast
 */
import { caseGraph } from './cases.js';
import { converter } from './cast.js';
import { checkedOperand, type Element, isWide, mapBinary, plainTypes } from './elementwise.js';
import { defineOp, type RunContext, requiredInput } from './op.js';
import { broadcast } from './shapes.js';
import type { StoredType } from './storage.js';

export const pow = defineOp<Record<string, never>>({
  name: 'Pow',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const [a, b] = [checkedOperand(context, 0, [], plainTypes), checkedOperand(context, 1, [], plainTypes)];
    return [{ type: a.type, dims: broadcast(context.node, a.dims, b.dims) }];
  },
  run: (context) => mapBinary<unknown, Element>(context, powerOf(context)),
  *cases() {
    for (const [base, exponent] of [
      ['float32', 'float32'],
      ['int32', 'int32'],
      ['float64', 'float64'],
      ['uint8', 'uint8'],
      ['int64', 'int64'],
      ['float32', 'int64'],
      ['int64', 'float32'],
      ['int32', 'uint64'],
      ['int8', 'float64'],
    ] as const) {
      for (const [a, b, dims] of [
        [
          [2, 3],
          [2, 3],
          [2, 3],
        ],
        [
          [2, 1, 3],
          [4, 1],
          [2, 4, 3],
        ],
        [[], [5], [5]],
      ] as const) {
        const inputs = [
          { type: base, dims: a, range: [1, 4] },
          { type: exponent, dims: b, range: [1, 4] },
        ] as const;
        yield caseGraph({ op: 'Pow', inputs, outputs: [{ type: base, dims }] });
      }
    }
    for (const type of ['int32', 'int64'] as const) {
      const inputs = [
        { type, dims: [9], data: [3, -3, 0, 0, 1, -1, -1, 2, 2] },
        { type, dims: [9], data: [25, 41, 0, -1, -9, -9, -8, -1, 100] },
      ];
      yield caseGraph({ op: 'Pow', inputs, outputs: [{ type, dims: [9] }], name: `Pow of ${type}, edges` });
    }
  },
});

function powerOf(context: RunContext<unknown>): (a: Element, b: Element) => Element {
  const [base, exponent] = [requiredInput(context, 0).type, requiredInput(context, 1).type];
  if (base.startsWith('float')) return (a, b) => Number(a) ** Number(b);
  if (exponent.startsWith('float')) {
    const cast = converter('float64', base as StoredType);
    return (a, b) => cast(Number(a) ** Number(b));
  }
  if (isWide(base)) return (a, b) => widePower(a as bigint, BigInt(b));
  if (isWide(exponent)) {
    return (a, b) => Number(BigInt.asIntN(32, widePower(BigInt(a), b as bigint)));
  }
  return (a, b) => power(a as number, b as number);
}

/** Modulo 2^32, which leaves smaller types what they would have. */
function power(base: number, exponent: number): number {
  if (exponent < 0) return Math.abs(base) === 1 ? base ** (exponent & 1) : 0;
  let result = 1;
  for (let square = base, rest = exponent; rest > 0; rest >>>= 1, square = Math.imul(square, square)) {
    if ((rest & 1) === 1) result = Math.imul(result, square);
  }
  return result;
}

/** Modulo 2^64. */
function widePower(base: bigint, exponent: bigint): bigint {
  if (exponent < 0n) return base === 1n || (base === -1n && exponent % 2n === 0n) ? 1n : base === -1n ? -1n : 0n;
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n, square = BigInt.asUintN(64, square * square)) {
    if ((rest & 1n) === 1n) result = BigInt.asUintN(64, result * square);
  }
  return result;
}
