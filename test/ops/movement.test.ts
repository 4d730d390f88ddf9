/** Operators that move elements, against values worked out by hand. */
import test, { type ExecutionContext } from 'ava';
import { type CaseInput, type CaseOptions, caseGraph } from '#lib/ops/cases.js';
import { ops } from '#lib/ops/index.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

type Attributes = NonNullable<CaseOptions['attributes']>;

const vector: CaseInput = { type: 'int32', dims: [3], data: [1, 2, 3] };
const matrix: CaseInput = { type: 'int32', dims: [2, 3], data: [0, 1, 2, 10, 11, 12] };
const known = (constant: readonly number[]): CaseInput => ({ type: 'int64', dims: [constant.length], constant });
const given = (data: readonly number[], dims = [data.length]): CaseInput => ({ type: 'int64', dims, data });

function outcome(
  t: ExecutionContext,
  op: string,
  attributes: Attributes,
  inputs: CaseOptions['inputs'],
  dims: readonly number[],
  type: CaseInput['type'] = inputs[0]!.type,
) {
  return elements(runCase(t, ops.get(op)!, caseGraph({ op, attributes, inputs, outputs: [{ type, dims }] })))[0]!;
}

test('PadAxes mirrors, repeats and takes away', (t) => {
  const padded = (mode: string, pads: readonly number[], size: number) =>
    outcome(t, 'PadAxes', { mode }, [vector, known(pads)], [size]);
  t.deepEqual(padded('constant', [1, 2], 6), [0, 1, 2, 3, 0, 0]);
  t.deepEqual(padded('reflect', [5, 3], 11), [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2]);
  t.deepEqual(padded('edge', [2, 1], 6), [1, 1, 1, 2, 3, 3]);
  t.deepEqual(padded('wrap', [4, 2], 9), [3, 1, 2, 3, 1, 2, 3, 1, 2]);
  t.deepEqual(padded('edge', [-1, 2], 4), [2, 3, 3, 3]);
  t.deepEqual(padded('wrap', [2, -1], 4), [1, 2, 1, 2]);
});

test('PadAxes pads the axes that are named, with an integer as it stands', (t) => {
  const x: CaseInput = { type: 'uint8', dims: [1, 2], data: [5, 6], qparams: { dtype: 'uint8', scale: 0.5, zeroPoint: 128 } };
  const value: CaseInput = { type: 'uint8', dims: [], data: [9] };
  t.deepEqual(outcome(t, 'PadAxes', {}, [x, known([1, 0]), value, known([-1])], [1, 3]), [9, 5, 6]);
  t.deepEqual(outcome(t, 'PadAxes', {}, [x, known([0, 1]), undefined, known([0])], [2, 2]), [5, 6, 0, 0]);
});

test('PadAxes has nothing to repeat where nothing is left', (t) => {
  const take = (mode: string) => outcome(t, 'PadAxes', { mode }, [vector, known([-3, 4])], [4]);
  t.deepEqual(take('constant'), [0, 0, 0, 0]);
  for (const mode of ['reflect', 'edge', 'wrap']) throwsCode(t, () => take(mode), 'ERR_SHAPE', 'expected elements to pad with');
});

test('SliceAxes clamps to the elements that there are', (t) => {
  const slice = (size: number, ...numbers: readonly number[]) =>
    outcome(t, 'SliceAxes', {}, [vector, ...numbers.map((number) => known([number]))], [size]);
  t.deepEqual(slice(3, 0, 2 ** 53 - 1), [1, 2, 3]);
  t.deepEqual(slice(3, 2 ** 40, -(2 ** 40), 0, -1), [3, 2, 1]);
  t.deepEqual(slice(2, -2, 3, -1), [2, 3]);
  t.deepEqual(slice(2, -1, -4, 0, -2), [3, 1]);
  t.deepEqual(slice(1, -9, -9, 0, -1), [1]); // a start is an element where the step is negative
  t.deepEqual(slice(0, 3, 9, 0, 1), []);
  throwsCode(t, () => slice(0, 0, 1, 0, 0), 'ERR_SHAPE', 'steps (not 0)');
  throwsCode(t, () => slice(0, 0, 1, 1), 'ERR_SHAPE', 'expected an axis of a tensor of 1 dimensions, got 1');
});

test('a Reshape copies dimensions that are 0, where it is told to', (t) => {
  const attributes = { zeroCopies: true };
  t.deepEqual(outcome(t, 'Reshape', attributes, [matrix, known([0, -1, 1])], [2, 3, 1]), matrix.data);
  throwsCode(t, () => outcome(t, 'Reshape', attributes, [matrix, known([2, 3, 0])], [2, 3]), 'ERR_SHAPE', 'got [2, 3, 0]');
});

test('a Concat takes integers of another scale as they stand, where it is told to', (t) => {
  const part = (scale: number, data: number) =>
    ({ type: 'int8', dims: [1], data: [data], qparams: { dtype: 'int8', scale, zeroPoint: 3 } }) as const;
  const node = { op: 'Concat', inputs: [part(0.5, 20), part(0.25, 40)], outputs: [{ ...part(1, 0), dims: [2] }] };
  const joined = (rescale: boolean) =>
    elements(runCase(t, ops.get('Concat')!, caseGraph({ ...node, attributes: { axis: 0, rescale } })))[0]!;
  t.deepEqual(joined(false), [20, 40]);
  t.deepEqual(joined(true), [12, 12]);
});

test('ScatterElements and ScatterNd put elements, or reduce them in order', (t) => {
  const updates: CaseInput = { type: 'int32', dims: [1, 3], data: [5, 6, 7] };
  const scatter = (attributes: Attributes) =>
    outcome(t, 'ScatterElements', attributes, [matrix, given([1, 0, -1], [1, 3]), updates], [2, 3]);
  t.deepEqual(scatter({}), [0, 6, 2, 5, 11, 7]);
  t.deepEqual(scatter({ axis: 1 }), [6, 5, 7, 10, 11, 12]);
  t.deepEqual(scatter({ reduction: 'add' }), [0, 7, 2, 15, 11, 19]);
  const rows: CaseInput = { type: 'int32', dims: [2, 3], data: [1, 2, 3, 4, 5, 6] };
  const nd = (reduction: string) => outcome(t, 'ScatterNd', { reduction }, [matrix, given([1, -1], [2, 1]), rows], [2, 3]);
  t.deepEqual(nd('none'), [0, 1, 2, 4, 5, 6]);
  t.deepEqual(nd('mul'), [0, 1, 2, 40, 110, 216]);
  t.deepEqual(nd('min'), [0, 1, 2, 1, 2, 3]);
  throwsCode(t, () => outcome(t, 'ScatterNd', {}, [matrix, given([2], [1, 1]), updates], [2, 3]), 'ERR_SHAPE', 'got 2');
});

test('Range counts without rounding 64-bit integers, and ends', (t) => {
  const scalars = (type: CaseInput['type'], numbers: readonly number[]): CaseInput[] =>
    numbers.map((number) => ({ type, dims: [], constant: [number] }));
  const max = 2 ** 53 - 1;
  const numbers = outcome(t, 'Range', {}, scalars('int64', [max - 3, max, 2]), [2]);
  t.deepEqual(numbers.map(Number), [max - 3, max - 1]);
  throwsCode(t, () => outcome(t, 'Range', {}, scalars('float32', [0, Infinity, 1]), [0]), 'ERR_SHAPE', 'a range that ends');
  throwsCode(t, () => outcome(t, 'Range', {}, scalars('int64', [0, max, 1]), [0]), 'ERR_SHAPE', 'at most 2^31 - 1');
  throwsCode(t, () => outcome(t, 'Range', {}, scalars('int32', [0, 1, 0]), [0]), 'ERR_SHAPE', 'got 0');
});

test('what depends on data needs data', (t) => {
  throwsCode(t, () => outcome(t, 'NonZero', {}, [vector], [1, 3], 'int64'), 'ERR_UNSUPPORTED_OP', 'expected a constant x0');
});
