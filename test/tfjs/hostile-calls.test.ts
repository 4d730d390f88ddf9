/** What the addon makes of eager calls whose sizes do not fit their operands: an error, and nothing else. */
import test from 'ava';
import { eager, eagerKind } from '#lib/tfjs/eager.js';

const window = [2, 6, 5, 3, 3, 3, 1, 1, 1, 1, 1, 1, 6, 5];
const unbounded = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const pixels = 2 * 6 * 5;

interface Call {
  readonly kind: string;
  readonly numbers: readonly number[];
  /** Elements of each operand; the last one is the output. */
  readonly operands: readonly number[];
}

const calls: readonly Call[] = [
  { kind: 'matmul', numbers: [4, 5, 6, 1, 1, 0, 0, 1, ...unbounded, 0], operands: [20, 30, 6, 24] },
  { kind: 'matmul', numbers: [4, 5, 6, 2, 1, 1, 0, 0, ...unbounded, 1, 2, 1, 0], operands: [40, 30, 48] },
  { kind: 'conv', numbers: [...window, 4, 1, ...unbounded], operands: [pixels * 3, 108, 4, pixels * 4] },
  { kind: 'convInputGradient', numbers: [...window, 4], operands: [pixels * 4, 108, pixels * 3] },
  { kind: 'convFilterGradient', numbers: [...window, 4], operands: [pixels * 3, pixels * 4, 108] },
  { kind: 'depthwise', numbers: [...window, 2, 1, ...unbounded], operands: [pixels * 3, 54, 6, pixels * 6] },
  { kind: 'depthwiseInputGradient', numbers: [...window, 2], operands: [pixels * 6, 54, pixels * 3] },
  { kind: 'depthwiseFilterGradient', numbers: [...window, 2], operands: [pixels * 3, pixels * 6, 54] },
  { kind: 'pool', numbers: [...window, 1], operands: [pixels * 3, pixels * 3] },
  { kind: 'poolGradient', numbers: [...window, 0], operands: [pixels * 3, pixels * 3, pixels * 3] },
];

function run({ kind, numbers, operands }: Call): void {
  eager(eagerKind(kind), numbers, ...operands.map((length) => new Float32Array(length)));
}

const values = [-1, 0, 0.5, 7, 65537, 2 ** 31 - 1, 2 ** 31, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY];

for (const call of calls) {
  test(`${call.kind}, ${call.operands.length} operands: numbers that are not what the operands are`, (t) => {
    t.notThrows(() => run(call));
    const isBound = (i: number): boolean => Math.abs(call.numbers[i]!) === Number.POSITIVE_INFINITY;
    // A stride that no output needs, or padding at the other end, changes no size.
    for (const [i, right] of call.numbers.entries()) {
      for (const value of values) {
        const wrong = { ...call, numbers: call.numbers.with(i, value) };
        if (value === right) continue;
        if (Number.isInteger(value) && value >= 0 && value < 2 ** 31 && !isBound(i)) {
          // Where it happens to describe a call of these operands, it is one.
          try {
            run(wrong);
          } catch (error) {
            t.like(error, { code: 'ERR_SHAPE' });
          }
        } else if (!isBound(i)) {
          t.throws(() => run(wrong), { code: 'ERR_SHAPE' }, `${value} at ${i}`);
        }
      }
    }
  });

  test(`${call.kind}, ${call.operands.length} operands: operands and numbers too many, too few, too short`, (t) => {
    const expected = { code: 'ERR_SHAPE' };
    for (const i of call.operands.keys()) {
      t.throws(() => run({ ...call, operands: call.operands.with(i, call.operands[i]! - 1) }), expected);
      t.throws(() => run({ ...call, operands: call.operands.with(i, call.operands[i]! + 1) }), expected);
    }
    t.throws(() => run({ ...call, operands: call.operands.slice(1) }), expected);
    t.throws(() => run({ ...call, operands: [...call.operands, 1] }), expected);
    t.throws(() => run({ ...call, numbers: call.numbers.slice(0, -1) }), expected);
    t.throws(() => run({ ...call, numbers: [...call.numbers, 1] }), expected);
  });
}

test('windows that reach far outside a small image', (t) => {
  const far = [1, 1, 1, 1, 2, 2, 1, 1, 60000, 60000, 30000, 30000, 1, 1];
  const call = { kind: 'conv', numbers: [...far, 1, 0, ...unbounded], operands: [1, 4, 1] };
  t.throws(() => run(call), { code: 'ERR_SHAPE', message: /far outside/ });
});

test('an output that is an input', (t) => {
  const x = new Float32Array(pixels * 3);
  t.throws(() => eager(eagerKind('pool'), [...window, 0], x, x), { code: 'ERR_SHAPE' });
});
