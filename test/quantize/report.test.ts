import test from 'ava';
import { Tensor, type ValueInfo } from 'octensor';
import { tensorOfPixels } from '#lib/cli/image.js';
import { pageOf } from '#lib/cli/report/page.js';
import { topOfRows } from '#lib/cli/report/rows.js';

const metrics = { sqnrDb: Infinity, cosine: 1, rmseOverScale: NaN, clippedFraction: 0, maxAbsError: 0 };

test('names out of a model end no script and add no elements', (t) => {
  const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(1)>';
  const page = pageOf({
    model: hostile,
    settings: { exclude: hostile },
    outputs: [{ name: hostile, ...metrics }],
    layers: [{ node: hostile, op: 'Add', value: hostile, ...metrics }],
  });
  t.false(page.includes('<script>alert'));
  t.false(page.includes('<img'));
  t.is(page.match(/<script/g)!.length, 3);
  t.is(page.match(/<\/script>/g)!.length, 3);
  const data = JSON.parse(/id="data">(.*?)<\/script>/s.exec(page)![1]!);
  t.is(data.model, hostile);
  t.is(data.layers[0].sqnrDb, null);
});

test('the largest score of each row', (t) => {
  const scores = (dims: readonly number[], ...data: readonly number[]) => topOfRows(new Tensor('float32', data, dims));
  t.deepEqual(scores([2, 3], 1, 5, 2, 7, 7, 0), [1, 0]);
  t.deepEqual(scores([3], 1, 2, 3), [2]);
  t.deepEqual(scores([1, 3, 1, 1], 1, 2, 0), [1]);
  t.deepEqual(scores([2, 2, 1, 1], 1, 2, 4, 3), [1, 0]);
  t.deepEqual(scores([1, 1, 3], 3, 2, 1), [0]);
  for (const dims of [[2, 1], [2, 2, 2], [1], []]) {
    const size = dims.reduce((product, dim) => product * dim, 1);
    t.deepEqual(topOfRows(new Tensor('float32', new Float32Array(size), dims)), []);
  }
});

test('blue first, with the means in that order', (t) => {
  const input: ValueInfo = { name: 'x', type: 'float32', dims: [1, 3, 1, 2] };
  const normalization = { mean: [10, 20, 30], std: [1] };
  const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const { data } = tensorOfPixels(pixels, { height: 1, width: 2 }, input, { normalization, color: 'bgr' });
  t.deepEqual([...(data as Float32Array)], [3 - 10, 6 - 10, 2 - 20, 5 - 20, 1 - 30, 4 - 30]);
});
