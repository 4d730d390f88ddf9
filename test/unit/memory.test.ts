import test from 'ava';
import fc from 'fast-check';
import { planMemory } from '#lib/plan/memory.js';
import { type Lifetime, place } from '#lib/plan/place.js';
import { partsOfInput, partsOfOutput, type View } from '#lib/plan/views.js';

const operand = (name: string, ...dims: number[]) => ({ name, type: 'float32' as const, dims });
type Operand = ReturnType<typeof operand>;
const step = (op: string, inputs: Operand[], outputs: Operand[], attributes: object = {}) => ({
  node: { op },
  attributes,
  inputs,
  outputs,
});

/** Whether the offsets say that the part is in the whole. */
const isInPlace = ({ part, whole, offsetBytes }: View, offsets: ReadonlyMap<string, number>) =>
  offsets.get(part.name) === offsets.get(whole.name)! + offsetBytes;

test('values that are not alive at the same time share memory', (t) => {
  const [x, a, b, y] = [operand('x', 100), operand('a', 100), operand('b', 100), operand('y', 100)];
  const steps = [step('Relu', [x], [a]), step('Relu', [a], [b]), step('Relu', [b], [y])];
  const { offsets, peakBytes } = planMemory(steps, [x], [y]);
  t.is(peakBytes, 2 * 448); // 400 bytes take 7 cache lines
  t.is(offsets.get('x'), offsets.get('b'));
  t.is(offsets.get('a'), offsets.get('y'));
});

test('a reshaped value stands where the original does, and keeps it alive', (t) => {
  const [x, a, r, b] = [operand('x', 16), operand('a', 4, 4), operand('r', 16), operand('b', 16)];
  const steps = [
    step('Relu', [x], [a]),
    step('Reshape', [a], [r]),
    step('Relu', [x], [b]),
    step('Add', [r, b], [operand('y', 16)]),
  ];
  const { offsets } = planMemory(steps, [x], [operand('y', 16)]);
  t.is(offsets.get('a'), offsets.get('r'));
  t.is(new Set(['x', 'a', 'b'].map((name) => offsets.get(name))).size, 3);
});

test('an input or output that is all of its memory owns it, with what stands in it', (t) => {
  const [x, r, a, y] = [operand('x', 4, 4), operand('r', 16), operand('a', 16), operand('y', 16)];
  const { owners } = planMemory([step('Reshape', [x], [r]), step('Relu', [r], [a]), step('Relu', [a], [y])], [x], [y]);
  t.deepEqual(
    [...owners],
    [
      ['x', 'x'],
      ['r', 'x'],
      ['y', 'y'],
    ],
  );
});

test('memory of an input and an output, of two outputs or of more than an output has no owner', (t) => {
  const [x, y, z] = [operand('x', 4, 4), operand('y', 16), operand('z', 2, 8)];
  t.is(planMemory([step('Reshape', [x], [y])], [x], [y]).owners.size, 0);
  t.is(planMemory([], [x], [x]).owners.size, 0);
  const twoOutputs = planMemory([step('Relu', [x], [y]), step('Reshape', [y], [z])], [x], [y, z]);
  t.deepEqual([...twoOutputs.owners.keys()], ['x']);
  const [whole, part] = [operand('whole', 4, 4), operand('part', 2, 4)];
  const sliced = [step('Relu', [x], [whole]), step('Slice', [whole], [part], { begin: [2, 0], size: [2, 4] })];
  t.deepEqual([...planMemory(sliced, [x], [part]).owners.keys()], ['x']);
});

test('constants have no place', (t) => {
  const [x, w, y] = [operand('x', 4), operand('w', 4), operand('y', 4)];
  const { offsets } = planMemory([step('Add', [x, w], [y])], [x], [y]);
  t.deepEqual([...offsets.keys()].sort(), ['x', 'y']);
});

const lifetime = fc
  .record({ sizeBytes: fc.nat(5000), first: fc.integer({ min: -1, max: 20 }), length: fc.nat(10) })
  .map(({ length, ...rest }) => ({ ...rest, last: rest.first + length }));

test('no two values that are alive at the same time overlap', (t) => {
  fc.assert(
    fc.property(fc.array(lifetime, { maxLength: 30 }), (lifetimes) => {
      const { offsets, peakBytes } = place(lifetimes);
      const total = lifetimes.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / 64) * 64, 0);
      t.true(peakBytes <= total);
      for (const [i, a] of lifetimes.entries()) {
        t.is(offsets[i]! % 64, 0);
        t.true(offsets[i]! + a.sizeBytes <= peakBytes);
        for (const [j, b] of lifetimes.entries()) {
          if (i === j || a.last < b.first || b.last < a.first) continue;
          const isApart = offsets[i]! + a.sizeBytes <= offsets[j]! || offsets[j]! + b.sizeBytes <= offsets[i]!;
          t.true(isApart || a.sizeBytes === 0 || b.sizeBytes === 0);
        }
      }
    }),
  );
});

/** The definition of `place`, without any index. */
function placeSlowly(lifetimes: readonly Lifetime[]): readonly number[] {
  const offsets: number[] = [];
  const done: number[] = [];
  const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b]!.sizeBytes - lifetimes[a]!.sizeBytes || a - b);
  const sizeOf = (i: number) => Math.ceil(lifetimes[i]!.sizeBytes / 64) * 64;
  for (const i of order) {
    const { first, last } = lifetimes[i]!;
    const others = done.filter((k) => lifetimes[k]!.first <= last && lifetimes[k]!.last >= first);
    others.sort((a, b) => offsets[a]! - offsets[b]!);
    let [end, best, bestGap] = [0, -1, Infinity];
    for (const k of others) {
      const gap = offsets[k]! - end;
      if (gap >= sizeOf(i) && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, offsets[k]! + sizeOf(k));
    }
    offsets[i] = best === -1 ? end : best;
    done.push(i);
  }
  return offsets;
}

test('values are placed as the definition says', (t) => {
  fc.assert(
    fc.property(fc.array(lifetime, { maxLength: 60 }), (lifetimes) => {
      t.deepEqual(place(lifetimes).offsets, placeSlowly(lifetimes));
    }),
  );
});

const concatOf = (dims: readonly [number, ...number[]], axis: number) => {
  const [x, a, b] = [operand('x', ...dims), operand('a', ...dims), operand('b', ...dims)];
  const y = operand('y', ...dims.with(axis, 2 * dims[axis]!));
  const concat = step('Concat', [a, b], [y], { axis });
  const z = operand('z', ...y.dims);
  const steps = [step('Relu', [x], [a]), step('Tanh', [x], [b]), concat, step('Relu', [y], [z])];
  return { plan: planMemory(steps, [x], [z]), concat };
};

test('what a Concat takes stands in its output where that is one run of memory', (t) => {
  const { plan, concat } = concatOf([1, 3, 7], 1);
  const { offsets } = plan;
  t.is(offsets.get('a'), offsets.get('y'));
  t.is(offsets.get('b'), offsets.get('y')! + 3 * 7 * 4);
  t.deepEqual(
    partsOfOutput(concat).map((view) => isInPlace(view, offsets)),
    [true, true],
  );
});

test('what a Concat takes has a place of its own where the output interleaves it', (t) => {
  const { plan, concat } = concatOf([2, 3, 7], 1);
  t.is(new Set(['a', 'b', 'y'].map((name) => plan.offsets.get(name))).size, 3);
  t.deepEqual(partsOfOutput(concat), []);
});

test('a part of a part stands in the whole, and is alive as long as any reader', (t) => {
  const [x, a, b, ab] = [operand('x', 8), operand('a', 8), operand('b', 8), operand('ab', 16)];
  const [row, c, abc, late] = [operand('row', 1, 16), operand('c', 1, 16), operand('abc', 2, 16), operand('late', 8)];
  const steps = [
    step('Relu', [x], [a]),
    step('Tanh', [x], [b]),
    step('Concat', [a, b], [ab], { axis: 0 }),
    step('Reshape', [ab], [row]),
    step('Tanh', [row], [c]),
    step('Concat', [c, row], [abc], { axis: 0 }),
    step('Relu', [abc], [operand('y', 2, 16)]),
    step('Relu', [b], [late]),
  ];
  const { offsets } = planMemory(steps, [x], [operand('y', 2, 16), late]);
  const base = offsets.get('abc')!;
  t.deepEqual(
    ['c', 'row', 'ab', 'a', 'b'].map((name) => offsets.get(name)! - base),
    [0, 64, 64, 64, 96],
  );
  const [y, end] = [offsets.get('y')!, base + 128];
  t.true(y >= end || y + 128 <= base); // b is read after y is written
});

test('inputs, outputs, constants and what stands elsewhere already do not move into a Concat', (t) => {
  const [x, a, w, y, z] = [operand('x', 4), operand('a', 4), operand('w', 4), operand('y', 20), operand('z', 4)];
  const concat = step('Concat', [x, a, w, a, z], [y], { axis: 0 });
  const steps = [step('Relu', [x], [a]), step('Tanh', [x], [z]), concat];
  const { offsets } = planMemory(steps, [x], [y, z]);
  t.deepEqual(
    partsOfOutput(concat).map((view) => isInPlace(view, offsets)),
    [false, true, false, false, false],
  );
});

test('an input with another scale than the output is rescaled, not moved', (t) => {
  const quantized = (name: string, scale: number, ...dims: number[]) =>
    ({ name, type: 'int8', dims, qparams: { dtype: 'int8', scale, zeroPoint: 0 } }) as const;
  const [a, b, y] = [quantized('a', 0.5, 4), quantized('b', 0.25, 4), quantized('y', 0.5, 8)];
  const views = partsOfOutput({ node: { op: 'Concat' }, attributes: { axis: 0 }, inputs: [a, b], outputs: [y] });
  t.deepEqual(views, [{ part: a, whole: y, offsetBytes: 0 }]);
});

test('what Split, Unpack and Slice give stands in their input', (t) => {
  const [x, a] = [operand('x', 1, 6, 4), operand('a', 1, 6, 4)];
  const parts = [operand('p', 1, 2, 4), operand('q', 1, 4, 4)];
  const split = step('Split', [a], parts, { axis: -2 });
  const slice = step('Slice', [a], [operand('s', 1, 3, 4)], { begin: [0, 2, 0] });
  const y = operand('y', 1, 6, 4);
  const steps = [step('Relu', [x], [a]), split, slice, step('Relu', [a], [y])];
  const { offsets } = planMemory(steps, [x], [y]);
  t.deepEqual(
    ['p', 'q', 's'].map((name) => offsets.get(name)! - offsets.get('a')!),
    [0, 32, 32],
  );
  t.deepEqual(partsOfInput(step('Slice', [a], [operand('s', 1, 3, 2)], { begin: [0, 2, 0] })), []); // gaps between rows
  t.deepEqual(partsOfInput(step('Split', [operand('w', 2, 6)], [], { axis: 1 })), []);
});

test('parts are not shared where the whole would then take more memory', (t) => {
  // Of a large value a small part lives long, while another large value comes and goes.
  const [x, a, part] = [operand('x', 1), operand('a', 1000), operand('part', 10)];
  const [big, y] = [operand('big', 1000), operand('y', 10)];
  const steps = [
    step('Relu', [x], [a]),
    step('Slice', [a], [part], { begin: [0] }),
    step('Relu', [x], [big]),
    step('Sum', [big, part], [y]),
  ];
  const { offsets, peakBytes } = planMemory(steps, [x], [y]);
  t.not(offsets.get('part'), offsets.get('a'));
  t.true(peakBytes < 2 * 4000);
});
