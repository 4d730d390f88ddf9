/** Runs that work on the memory of feeds and outputs, wherever in a buffer it stands, give what runs with copies give. */
import test from 'ava';
import { type Graph, InferenceSession, Tensor } from 'octensor';
import { float, graphOf } from '../support/graphs.js';

const dims = [3, 37];
const size = dims[0]! * dims[1]!;

/** Two inputs; an output, its reshaped form, one that is an input and one that is read by another step. */
const graph: Graph = graphOf({
  values: [...['a', 'b', 'sum', 'square'].map((name) => float(name, dims)), float('flat', [size])],
  inputs: ['a', 'b'],
  outputs: ['sum', 'square', 'flat', 'b'],
  nodes: [
    { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
    { op: 'Square', inputs: ['sum'], outputs: ['square'] },
    { op: 'Reshape', inputs: ['a'], outputs: ['flat'], attributes: { shape: [size] } },
  ],
});

/** A tensor in the middle of a buffer of 99s. */
function tensorAt(byteOffset: number, shape: readonly number[], fill: (i: number) => number): Tensor<'float32'> {
  const all = new Float32Array(size + 40).fill(99);
  const data = all.subarray(byteOffset / 4, byteOffset / 4 + size);
  data.set(Float32Array.from({ length: size }, (_, i) => fill(i)));
  return new Tensor('float32', data, shape);
}

for (const [from, to] of [
  [0, 0],
  [16, 4],
  [12, 64],
  [4, 20],
] as const) {
  test(`feeds at byte ${from} of their buffers, outputs at byte ${to}`, async (t) => {
    const session = await InferenceSession.create(graph, { threads: 2 });
    const feeds = { a: tensorAt(from, dims, (i) => i - 50), b: tensorAt(from, dims, (i) => i / 8) };
    const expected = await session.run(feeds);
    t.deepEqual(session.runSync(feeds), expected);
    const outputs = Object.fromEntries(
      Object.entries(expected).map(([name, tensor]) => [name, tensorAt(to, tensor.dims, () => -1)]),
    );
    const results = session.runSync(feeds, { outputs });
    for (const [name, { data }] of Object.entries(expected)) {
      const own = outputs[name]!.data;
      t.is(results[name], outputs[name]);
      t.deepEqual(Float32Array.from(own), data);
      const around = new Float32Array(own.buffer);
      t.is(around.filter((value) => value === 99).length, 40 + own.filter((value) => value === 99).length);
    }
    t.deepEqual(feeds.a.data[3], 3 - 50);
  });
}
