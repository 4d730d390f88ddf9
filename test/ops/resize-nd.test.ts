/** Resize and GridSample against values that ONNX's documentation and ONNX Runtime give. */
import test, { type ExecutionContext } from 'ava';
import { affine, type CaseInput, type CaseOptions, caseGraph } from '#lib/ops/cases.js';
import { ops } from '#lib/ops/index.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

type Attributes = NonNullable<CaseOptions['attributes']>;

const square: CaseInput = { type: 'float32', dims: [4, 4], data: Array.from({ length: 16 }, (_, i) => i + 1) };
const scales = (constant: readonly number[]): CaseInput => ({ type: 'float32', dims: [constant.length], constant });
const sizes = (constant: readonly number[]): CaseInput => ({ type: 'int64', dims: [constant.length], constant });

function resized(
  t: ExecutionContext,
  x: CaseInput,
  attributes: Attributes,
  inputs: CaseOptions['inputs'],
  dims: readonly number[],
): readonly number[] {
  const opCase = caseGraph({ op: 'Resize', attributes, inputs: [x, ...inputs], outputs: [{ ...x, dims }] });
  return elements(runCase(t, ops.get('Resize')!, opCase))[0]!.map(Number);
}

function near(t: ExecutionContext, actual: readonly number[], expected: readonly number[]) {
  t.is(actual.length, expected.length);
  for (const [i, value] of expected.entries())
    t.true(Math.abs(actual[i]! - value) < 2e-6 * 16, `${actual[i]} at ${i}, ${value}`);
}

test('an antialiased Resize is the mean of a wider neighbourhood', (t) => {
  const shrunk = (mode: string) => resized(t, square, { mode, antialias: true }, [undefined, scales([0.6, 0.6])], [2, 2]);
  near(t, shrunk('linear'), [2.875, 4.5, 9.375, 11]);
  near(t, shrunk('cubic'), [2.5180721, 4.2858863, 9.589329, 11.357142]);
});

test('half_pixel_symmetric keeps the middle in the middle', (t) => {
  const x: CaseInput = { type: 'float32', dims: [1, 2], data: [1, 2] };
  const attributes = { mode: 'linear', coordinates: 'half_pixel_symmetric' };
  near(t, resized(t, x, attributes, [undefined, scales([1, 2.94])], [1, 5]), [1, 1.15986395, 1.5, 1.84013605, 2]);
});

test('sizes may keep the aspect ratio', (t) => {
  const x: CaseInput = { type: 'float32', dims: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] };
  const kept = (aspect: string, dims: readonly number[]) =>
    resized(t, x, { aspect }, [undefined, undefined, sizes([7, 8])], dims);
  t.deepEqual(kept('not_larger', [4, 8]).slice(0, 8), [1, 1, 2, 2, 3, 3, 4, 4]);
  t.is(kept('not_smaller', [7, 14]).length, 98);
});

test('before opset 11 the nearest element is above where an axis becomes shorter', (t) => {
  const x: CaseInput = { type: 'float32', dims: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] };
  const attributes = { coordinates: 'asymmetric', nearest: 'simple' };
  t.deepEqual(resized(t, x, attributes, [undefined, scales([0.6, 0.6])], [1, 2]), [1, 3]);
});

test('what a crop has outside of the tensor is extrapolated', (t) => {
  const roi: CaseInput = { type: 'float32', dims: [4], data: [0, 0.5, 1, 1.5] };
  const attributes = { mode: 'linear', coordinates: 'tf_crop_and_resize', extrapolation: -1 };
  const x: CaseInput = { type: 'float32', dims: [1, 3], data: [1, 2, 3] };
  t.deepEqual(resized(t, x, attributes, [roi, undefined, sizes([1, 3])], [1, 3]), [2, 3, -1]);
});

test('quantized integers round to the nearest, plain ones toward zero', (t) => {
  const x: CaseInput = { type: 'int8', dims: [2], data: [-1, -8] };
  const attributes = { mode: 'linear', coordinates: 'align_corners' };
  const inputs = [undefined, undefined, sizes([4])]; // -1, -3.33, -5.67, -8
  t.deepEqual(resized(t, x, attributes, inputs, [4]), [-1, -3, -5, -8]);
  t.deepEqual(resized(t, { ...x, qparams: affine('int8', 0.1) }, attributes, inputs, [4]), [-1, -3, -6, -8]);
});

test('Resize needs one of scales and sizes, and elements', (t) => {
  const both = () => resized(t, square, {}, [undefined, scales([1, 1]), sizes([4, 4])], [4, 4]);
  throwsCode(t, both, 'ERR_MODEL_FORMAT', 'expected either scales or sizes, got both');
  const none = () => resized(t, square, {}, [undefined, scales([])], [4, 4]);
  throwsCode(t, none, 'ERR_MODEL_FORMAT', 'got none');
  for (const wrong of [[1], [1, 0], [1, -2]]) {
    throwsCode(t, () => resized(t, square, {}, [undefined, scales(wrong)], [4, 4]), 'ERR_SHAPE', '2 scales above 0');
  }
  const empty: CaseInput = { type: 'float32', dims: [0, 4], data: [] };
  const grown = () => resized(t, empty, {}, [undefined, undefined, sizes([2, 4])], [2, 4]);
  throwsCode(t, grown, 'ERR_SHAPE', 'expected elements to resize');
  throwsCode(
    t,
    () => resized(t, square, {}, [undefined, undefined, sizes([2 ** 20, 2 ** 20])], [1, 1]),
    'ERR_SHAPE',
    '2^31 - 1',
  );
});

test('GridSample looks between elements, and beyond them', (t) => {
  const x: CaseInput = { type: 'float32', dims: [1, 1, 2, 2], data: [1, 2, 3, 4] };
  const sampled = (attributes: Attributes, place: readonly number[]) => {
    const grid: CaseInput = { type: 'float32', dims: [1, 1, 1, 2], data: place };
    const outputs = [{ type: 'float32', dims: [1, 1, 1, 1] }] as const;
    return elements(
      runCase(t, ops.get('GridSample')!, caseGraph({ op: 'GridSample', attributes, inputs: [x, grid], outputs })),
    )[0];
  };
  t.deepEqual(sampled({}, [0, 0]), [2.5]);
  t.deepEqual(sampled({}, [-1, -1]), [0.25]);
  t.deepEqual(sampled({ alignCorners: true }, [1, -1]), [2]);
  t.deepEqual(sampled({ padding: 'border' }, [-3, 1]), [3]);
  t.deepEqual(sampled({ padding: 'reflection', alignCorners: true }, [3, -1]), [1]);
  t.deepEqual(sampled({ mode: 'nearest' }, [0.6, -0.6]), [2]);
  t.deepEqual(sampled({}, [NaN, 0]), [0]);
});
