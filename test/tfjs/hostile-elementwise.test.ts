/** Eager calls of the kinds that are not dense products, with sizes that do not fit: an error, and nothing else. */
import test from 'ava';
import { eager, eagerKind } from '#lib/tfjs/eager.js';

type Element = 'float32' | 'int32' | 'bool';

interface Call {
  readonly kind: string;
  readonly numbers: readonly number[];
  /** Elements of each operand; the last one is the output. */
  readonly operands: readonly (readonly [Element, number])[];
  /** Places of numbers that mean no size: any value is one. */
  readonly free?: readonly number[];
}

const floats = (count: number) => ['float32', count] as const;
const bools = (count: number) => ['bool', count] as const;

const calls: readonly Call[] = [
  { kind: 'unary', numbers: [3, 0, 0, 20], operands: [floats(20), floats(20)], free: [1, 2] },
  { kind: 'binary', numbers: [0, 2, 3, 4, 1, 4], operands: [floats(12), floats(4), floats(12)] },
  { kind: 'binary', numbers: [2, 3, 2, 1, 4, 3, 1, 3, 1], operands: [floats(8), floats(3), floats(24)] },
  { kind: 'compare', numbers: [2, 2, 3, 4, 1, 4], operands: [floats(12), floats(4), bools(12)] },
  { kind: 'pow', numbers: [2, 3, 4, 0], operands: [floats(12), floats(1), floats(12)] },
  { kind: 'function', numbers: [0, 20], operands: [floats(20), floats(20)] },
  { kind: 'cast', numbers: [20], operands: [['int32', 20], floats(20)] },
  { kind: 'cast', numbers: [20], operands: [bools(20), floats(20)] },
  { kind: 'logical', numbers: [1, 20], operands: [bools(20), bools(20), bools(20)] },
  { kind: 'select', numbers: [20], operands: [bools(20), floats(20), floats(20), floats(20)] },
  { kind: 'reduce', numbers: [0, 3, 4, 5, 1], operands: [floats(60), floats(15)], free: [4] },
  { kind: 'reduce', numbers: [1, 3, 4, 1, 1], operands: [floats(12), floats(3)], free: [4] },
  { kind: 'arg', numbers: [1, 3, 4, 5], operands: [floats(60), ['int32', 15]] },
  { kind: 'softmax', numbers: [3, 7], operands: [floats(21), floats(21)] },
  {
    kind: 'normalize',
    numbers: [3, 7, 0.1],
    operands: [floats(21), floats(7), floats(7), floats(7), floats(7), floats(21)],
    free: [2],
  },
  {
    kind: 'gather',
    numbers: [6, 4, 3],
    operands: [
      ['int32', 24],
      ['int32', 3],
      ['int32', 12],
    ],
  },
  { kind: 'clampGradient', numbers: [0, 6, 20], operands: [floats(20), floats(20), floats(20)], free: [0, 1] },
  { kind: 'snap', numbers: [0, 15, 1, 2, 3, 4], operands: [floats(24), floats(8), floats(8), floats(24)], free: [0, 1, 2] },
  {
    kind: 'snapGradient',
    numbers: [1, 1, 0, 15, 1, 2, 3, 4],
    operands: [floats(24), floats(24), floats(8), floats(8), floats(24), floats(8), floats(8)],
    free: [2, 3, 4],
  },
  {
    kind: 'snapGradient',
    numbers: [2, 0, 0, 15, 1, 2, 3, 4],
    operands: [...[24, 24, 8, 8, 8, 24, 8, 8, 8].map(floats)],
    free: [2, 3, 4],
  },
  {
    kind: 'adam',
    numbers: [0.9, 0.999, 0.01, 1e-7, 0.1, 0.1, 20],
    operands: Array(7).fill(floats(20)),
    free: [0, 1, 2, 3, 4, 5],
  },
];

function arrayOf([element, count]: readonly [Element, number]): Float32Array | Int32Array | Uint8Array {
  if (element === 'float32') return new Float32Array(count);
  return element === 'int32' ? new Int32Array(count) : new Uint8Array(count);
}

function run({ kind, numbers, operands }: Call): void {
  eager(eagerKind(kind), numbers, ...operands.map(arrayOf));
}

const values = [-1, 0, 0.5, 7, 65537, 2 ** 31 - 1, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY];
const expected = { code: 'ERR_SHAPE' };

for (const [index, call] of calls.entries()) {
  test(`${index}, ${call.kind}: numbers that are not what the operands are`, (t) => {
    t.notThrows(() => run(call));
    for (const i of call.numbers.keys()) {
      if (call.free?.includes(i)) continue;
      for (const value of values) {
        const wrong = { ...call, numbers: call.numbers.with(i, value) };
        if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) {
          try {
            run(wrong); // another operator, say
          } catch (error) {
            t.like(error, expected);
          }
        } else {
          t.throws(() => run(wrong), expected, `${value} at ${i}`);
        }
      }
    }
  });

  test(`${index}, ${call.kind}: operands of other lengths, types and numbers`, (t) => {
    for (const [i, [element, count]] of call.operands.entries()) {
      for (const length of [count - 1, count + 1, 0]) {
        t.throws(() => run({ ...call, operands: call.operands.with(i, [element, length]) }), expected);
      }
      const isEither = call.kind === 'cast' && i === 0;
      const others = (['float32', 'int32', 'bool'] as const).filter((other) => other !== element && !isEither);
      for (const other of others) {
        t.throws(() => run({ ...call, operands: call.operands.with(i, [other, count]) }), expected);
      }
    }
    t.throws(() => run({ ...call, operands: call.operands.slice(1) }), expected);
    t.throws(() => run({ ...call, operands: [...call.operands, floats(1)] }), expected);
    t.throws(() => run({ ...call, numbers: call.numbers.slice(0, -1) }), expected);
    t.throws(() => run({ ...call, numbers: [...call.numbers, 1] }), expected);
  });
}

test('shapes whose product is beyond all memory', (t) => {
  const huge = Array<number>(8).fill(2 ** 31 - 1);
  t.throws(
    () => eager(eagerKind('binary'), [0, 8, ...huge, 8, ...huge], ...[1, 1, 1].map((n) => new Float32Array(n))),
    expected,
  );
  const outer = [4, 70000, 1, 70000, 1, 4, 1, 70000, 1, 70000]; // each is 70,000 squared, together they are its square
  t.throws(() => eager(eagerKind('binary'), [0, ...outer], ...[1, 1, 1].map((n) => new Float32Array(n))), expected);
  const arrays = [new Float32Array(1), new Float32Array(1)];
  t.throws(() => eager(eagerKind('softmax'), [2 ** 31 - 1, 2 ** 31 - 1], ...arrays), expected);
  t.throws(() => eager(eagerKind('reduce'), [0, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 1], ...arrays), expected);
});

test('rows that are not there, and grids without levels', (t) => {
  const rows = (...indices: number[]) =>
    eager(eagerKind('gather'), [6, 2, 2], new Float32Array(12), Int32Array.from(indices), new Float32Array(4));
  t.notThrows(() => rows(0, 5));
  for (const index of [-1, 6, 2 ** 31 - 1, -(2 ** 31)]) t.throws(() => rows(0, index), expected);
  const grid = (...levels: number[]) =>
    eager(eagerKind('snap'), [...levels, 1, 4, 1], ...[4, 1, 1, 4].map((n) => new Float32Array(n)));
  t.notThrows(() => grid(-1, 1, 2));
  for (const levels of [
    [3, 3, 1],
    [3, -3, 1],
    [0, 1, 2],
    [0, 300, 1],
    [0, 15, 3],
    [0.5, 15, 1],
    [Number.NaN, 15, 1],
  ]) {
    t.throws(() => grid(...levels), expected, `${levels}`);
  }
});

test('copies that leave their arrays', (t) => {
  const kind = eagerKind('copy');
  const run = (numbers: readonly number[], from: number, to: number) => () =>
    eager(kind, numbers, new Float32Array(from), new Float32Array(to));
  t.notThrows(run([2, 3, 4, 0, 4, 1, 0, 4, 1], 12, 12));
  t.notThrows(run([1, 4, 3, -1, 0, 1], 4, 4));
  for (const numbers of [
    [2, 3, 4, 1, 4, 1, 0, 4, 1],
    [2, 3, 4, 0, 4, 1, 1, 4, 1],
    [2, 3, 4, 0, -4, 1, 0, 4, 1],
    [2, 3, 4, 0, 4, 1, 0, 4, -1],
    [2, 3, 5, 0, 4, 1, 0, 4, 1],
    [2, 3, 4, -1, 4, 1, 0, 4, 1],
    [2, 3, 4, 0, 2 ** 31 - 1, 1, 0, 4, 1],
    [2, 2 ** 20, 2 ** 20, 0, 2 ** 31 - 1, 2 ** 31 - 1, 0, 1 - 2 ** 31, 1 - 2 ** 31],
    [8, ...Array<number>(24).fill(2 ** 30), 0, 0],
    [9, ...Array<number>(29).fill(1)],
  ]) {
    t.throws(run(numbers, 12, 12), expected, String(numbers));
  }
  t.throws(() => eager(kind, [1, 4, 0, 1, 0, 1], new Float32Array(4), new Int32Array(4)), expected);
  const x = new Float32Array(8);
  t.throws(() => eager(kind, [1, 4, 0, 1, 0, 1], x.subarray(0, 5), x.subarray(3)), expected);
});

test('an output that shares memory with an input, unless it is that input', (t) => {
  const x = new Float32Array(20).fill(-2);
  eager(eagerKind('unary'), [0, 0, 0, 20], x, x);
  t.true(x.every((value) => value === 2));
  t.throws(() => eager(eagerKind('unary'), [0, 0, 0, 10], x.subarray(0, 10), x.subarray(5, 15)), expected);
  t.throws(() => eager(eagerKind('softmax'), [4, 5], x, x), expected);
});

test('a kind that there is none of, and arrays of other types', (t) => {
  t.throws(() => eagerKind('nothing'), { code: 'ERR_NATIVE' });
  t.throws(() => eager(-1, []), { code: 'ERR_OPTION' });
  t.throws(() => eager(10_000, []), { code: 'ERR_OPTION' });
  t.throws(() => eager(Number.NaN, []), { code: 'ERR_OPTION' });
  const doubles = new Float64Array(4) as unknown as Float32Array;
  t.throws(() => eager(eagerKind('unary'), [0, 0, 0, 4], doubles, new Float32Array(4)), { code: 'ERR_DTYPE' });
  t.throws(() => eager(eagerKind('unary'), Array<number>(1000).fill(0)), expected);
});
