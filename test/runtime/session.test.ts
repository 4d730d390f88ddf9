import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, OctensorError, Tensor } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import { accumulator, chain, float, floats, graphOf } from '../support/graphs.js';
import { throwsCode } from '../support/throws.js';
import { rejectsCode } from '../support/throws-async.js';

for (const backend of tryAddon() === undefined ? (['reference'] as const) : (['reference', 'native'] as const)) {
  const create = (graph: Graph) => InferenceSession.create(graph, { backend });

  test(`${backend}: a session says what goes in and what comes out`, async (t) => {
    const session = await create(chain(2, ['n', 3]));
    t.deepEqual(session.inputNames, ['x']);
    t.deepEqual(session.outputNames, ['y']);
    t.deepEqual(session.inputs, [{ name: 'x', type: 'float32', dims: ['n', 3] }]);
    t.deepEqual(session.outputs, [{ name: 'y', type: 'float32', dims: ['n', 3] }]);
  });

  test(`${backend}: run and runSync give the same`, async (t) => {
    const session = await create(chain(4));
    const feeds = { x: floats(1, 2, 3) };
    t.deepEqual([...(await session.run(feeds)).y!.data], [5, 6, 7]);
    t.deepEqual([...session.runSync(feeds).y!.data], [5, 6, 7]);
  });

  test(`${backend}: runs overlap without mixing, and their feeds may change afterwards`, async (t) => {
    const session = await create(chain(20));
    const runs = Array.from({ length: 10 }, (_, i) => {
      const x = floats(i, i, i);
      const run = session.run({ x });
      x.data.fill(1000);
      return run;
    });
    const results = await Promise.all(runs);
    t.deepEqual(
      results.map(({ y }) => y!.data[0]),
      Array.from({ length: 10 }, (_, i) => i + 20),
    );
  });

  test(`${backend}: a Buffer is as good as a Uint8Array`, async (t) => {
    const uint8 = (name: string) => ({ name, type: 'uint8', dims: [2] }) as const;
    const graph = graphOf({ values: [uint8('x')], inputs: ['x'], outputs: ['x'], nodes: [] });
    const session = await create(graph);
    const x = new Tensor('uint8', Buffer.from([1, 2]));
    const run = session.run({ x });
    x.data.fill(9);
    t.deepEqual([...((await run).x!.data as Uint8Array)], [1, 2]);
  });

  test(`${backend}: a graph without nodes`, async (t) => {
    const values = [float('x', [2]), float('c', [2])];
    const session = await create(graphOf({ values, inputs: ['x'], outputs: ['c'], constants: { c: floats(1, 2) }, nodes: [] }));
    t.deepEqual([...session.runSync({ x: floats(5, 6) }).c!.data], [1, 2]);
    t.deepEqual([...(await session.run({ x: floats(5, 6) })).c!.data], [1, 2]);
  });

  test(`${backend}: outputs share memory with nothing`, async (t) => {
    const graph = graphOf({
      values: [float('x', [2]), float('c', [2]), float('d', [2])],
      inputs: ['x'],
      outputs: ['x', 'c', 'd'],
      constants: { c: floats(1, 2) },
      nodes: [{ op: 'Add', inputs: ['c', 'c'], outputs: ['d'] }],
    });
    const session = await create(graph);
    const x = floats(8, 9);
    for (const result of [await session.run({ x }), session.runSync({ x })]) {
      t.deepEqual([...result.x!.data, ...result.c!.data, ...result.d!.data], [8, 9, 1, 2, 2, 4]);
      for (const { data } of Object.values(result)) (data as Float32Array).fill(-1);
    }
    t.deepEqual([...x.data], [8, 9]);
  });

  test(`${backend}: each shape has its plan; names of dimensions bind`, async (t) => {
    const graph = graphOf({
      values: [float('a', ['n', 2]), float('b', ['n', 2]), float('y', ['n', 2])],
      inputs: ['a', 'b'],
      outputs: ['y'],
      nodes: [{ op: 'Mul', inputs: ['a', 'b'], outputs: ['y'] }],
    });
    const session = await create(graph);
    // More shapes than a session keeps plans for, twice.
    for (const n of [...Array(12).keys(), ...Array(12).keys()]) {
      const a = new Tensor(
        'float32',
        Float32Array.from({ length: 2 * n }, (_, i) => i),
        [n, 2],
      );
      const { y } = await session.run({ a, b: a });
      t.deepEqual(y!.dims, [n, 2]);
      t.deepEqual(
        [...y!.data],
        [...a.data].map((v) => v * v),
      );
    }
    const [one, two] = [1, 2].map((n) => new Tensor('float32', new Float32Array(2 * n), [n, 2])) as [Tensor, Tensor];
    await rejectsCode(t, session.run({ a: one, b: two }), 'ERR_SHAPE', '"b"', '[n, 2]', 'n = 1', '[2, 2]');
  });

  test(`${backend}: feeds are checked`, async (t) => {
    const session = await create(chain(1));
    const x = floats(1, 2, 3);
    const run = (feeds: unknown) => session.run(feeds as Record<string, Tensor>);
    await rejectsCode(t, run({}), 'ERR_OPTION', '"x"', 'got none');
    await rejectsCode(t, run({ x, z: x }), 'ERR_OPTION', 'no input "z"', '"x"');
    await rejectsCode(t, run(null), 'ERR_OPTION', 'feeds');
    await rejectsCode(t, run({ x: [1, 2, 3] }), 'ERR_DTYPE', '"x"', 'Tensor');
    await rejectsCode(t, run({ x: new Tensor('int8', [1, 2, 3]) }), 'ERR_DTYPE', 'float32', 'int8');
    await rejectsCode(t, run({ x: floats(1) }), 'ERR_SHAPE', '[3]', '[1]');
    await rejectsCode(t, run({ x: new Tensor('float32', [1, 2, 3], [1, 3]) }), 'ERR_SHAPE', '[1, 3]');
    const gone = floats(1, 2, 3);
    structuredClone(gone.data, { transfer: [gone.data.buffer as ArrayBuffer] });
    await rejectsCode(t, run({ x: gone }), 'ERR_DTYPE', 'transferred');
    throwsCode(t, () => session.runSync({}), 'ERR_OPTION', 'got none');
  });

  test(`${backend}: fetches select outputs`, async (t) => {
    const graph = graphOf({
      values: [float('x', [1]), float('a', [1]), float('b', [1])],
      inputs: ['x'],
      outputs: ['a', 'b'],
      nodes: [
        { op: 'Add', inputs: ['x', 'x'], outputs: ['a'] },
        { op: 'Mul', inputs: ['x', 'a'], outputs: ['b'] },
      ],
    });
    const session = await create(graph);
    const result = await session.run({ x: floats(3) }, { fetches: ['b'] });
    t.deepEqual(Object.keys(result), ['b']);
    t.is(result.b!.data[0], 18);
    await rejectsCode(t, session.run({ x: floats(3) }, { fetches: ['c'] }), 'ERR_OPTION', '"c"', 'a, b');
    await rejectsCode(t, session.run({ x: floats(3) }, { fetches: 'a' as never }), 'ERR_OPTION', 'fetches');
  });

  test(`${backend}: create is cancelled`, async (t) => {
    await rejectsCode(t, InferenceSession.create(chain(1), { signal: AbortSignal.abort() }), 'ERR_ABORTED');
  });

  test(`${backend}: a profile has one entry for each step`, async (t) => {
    const session = await create(chain(3));
    t.deepEqual(session.lastProfile(), []);
    await session.run({ x: floats(1, 2, 3) }, { profile: true });
    const profile = session.lastProfile();
    t.deepEqual(
      profile.map(({ node, op, macs }) => ({ node, op, macs })),
      ['node0', 'node1', 'node2'].map((node) => ({ node, op: 'Add', macs: 0 })),
    );
    const isReference = ({ kernel }: { kernel: string }) => kernel === 'reference';
    t.true(backend === 'reference' ? profile.every(isReference) : !profile.some(isReference));
    t.true(profile.every(({ microseconds }) => microseconds >= 0));
    await session.run({ x: floats(1, 2, 3) });
    t.is(session.lastProfile(), profile);
  });

  test(`${backend}: intermediates has every value that a node computes, in order`, async (t) => {
    const session = await create(chain(3));
    const found = await session.intermediates({ x: floats(0, 1, 2) });
    t.deepEqual(
      [...found].map(([name, { tensor, node, op }]) => [name, tensor.data[0], node, op]),
      [
        ['v1', 1, 'node0', 'Add'],
        ['v2', 2, 'node1', 'Add'],
        ['y', 3, 'node2', 'Add'],
      ],
    );
  });

  test(`${backend}: states last from run to run, whatever the runs overlap`, async (t) => {
    const session = await create(accumulator());
    const runs = [1, 2, 3].map((v) => session.run({ x: floats(v, 10 * v) }));
    const totals = (await Promise.all(runs)).map(({ total }) => [...total!.data]);
    t.deepEqual(totals, [
      [1, 10],
      [3, 30],
      [6, 60],
    ]);
    t.deepEqual([...session.runSync({ x: floats(1, 1) }).total!.data], [7, 61]);
    session.resetStates();
    t.deepEqual([...session.runSync({ x: floats(1, 1) }).total!.data], [1, 1]);
  });

  test(`${backend}: outputs that are states belong to the caller`, async (t) => {
    const session = await create(accumulator());
    const { total } = session.runSync({ x: floats(1, 2) });
    (total!.data as Float32Array).fill(1000);
    t.deepEqual([...session.runSync({ x: floats(0, 0) }).total!.data], [1, 2]);
  });

  test(`${backend}: a run that fails leaves states as they were; intermediates do not change them`, async (t) => {
    const session = await create(accumulator());
    await session.run({ x: floats(1, 1) });
    await rejectsCode(t, session.run({ x: floats(5, 5) }, { signal: AbortSignal.abort() }), 'ERR_ABORTED');
    await session.intermediates({ x: floats(9, 9) });
    t.deepEqual([...(await session.run({ x: floats(1, 1) })).total!.data], [2, 2]);
  });

  test(`${backend}: runSync of a model with states waits for nobody`, async (t) => {
    const session = await create(accumulator());
    const run = session.run({ x: floats(1, 1) });
    throwsCode(t, () => session.runSync({ x: floats(1, 1) }), 'ERR_OPTION', 'states');
    throwsCode(t, () => session.resetStates(), 'ERR_OPTION', 'not over');
    await run;
  });

  test(`${backend}: sessions of one graph have states of their own`, async (t) => {
    const graph = accumulator();
    const [a, b] = [await create(graph), await create(graph)];
    a.runSync({ x: floats(1, 1) });
    t.deepEqual([...b.runSync({ x: floats(2, 2) }).total!.data], [2, 2]);
  });

  test(`${backend}: release waits for runs under way; nothing runs afterwards`, async (t) => {
    const session = await create(chain(30));
    let isOver = false;
    const run = session.run({ x: floats(1, 2, 3) }).then(() => (isOver = true));
    await session.release();
    await run;
    t.true(isOver);
    await rejectsCode(t, session.run({ x: floats(1, 2, 3) }), 'ERR_OPTION', 'released');
    throwsCode(t, () => session.runSync({ x: floats(1, 2, 3) }), 'ERR_OPTION', 'released');
    await t.notThrowsAsync(session.release());
  });

  test(`${backend}: numerics replaces that of the graph`, async (t) => {
    const int16 = (name: string, scale: number) =>
      ({ name, type: 'int16', dims: [1], qparams: { dtype: 'int16', scale, zeroPoint: 0 } }) as const;
    const graph = graphOf({
      values: [int16('x', 0.5), int16('y', 12.5)],
      inputs: ['x'],
      outputs: ['y'],
      nodes: [{ op: 'Quantize', inputs: ['x'], outputs: ['y'], attributes: { to: 'int16' } }],
    });
    const run = async (options: object) => {
      const session = await InferenceSession.create(graph, options);
      return session.runSync({ x: new Tensor('int16', [-987]) }).y!.data[0];
    };
    // -987 / 25 = -39.48: rounding twice makes it -39.5 first.
    t.is(await run({}), -40);
    t.is(await run({ numerics: 'tflite' }), -40);
    t.is(await run({ numerics: 'single' }), -39);
    t.is(await run({ numerics: 'onnx' }), -39);
  });
}

const create = (graph: Graph) => InferenceSession.create(graph, { backend: 'reference' });

test('the event loop turns between steps, on the reference', async (t) => {
  const session = await create(chain(50));
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await session.run({ x: floats(0, 0, 0) });
  isOver = true;
  t.true(turns >= 49, `${turns} turns`);
});

test('a run is cancelled between its steps, on the reference', async (t) => {
  const session = await create(chain(100));
  const controller = new AbortController();
  const run = session.run({ x: floats(1, 2, 3) }, { signal: controller.signal });
  setImmediate(() => controller.abort(new Error('enough')));
  const error = await t.throwsAsync(run, {
    instanceOf: OctensorError,
    code: 'ERR_ABORTED',
    message: /before node "node\d+"/,
  });
  t.like(error?.cause, { message: 'enough' });
  await rejectsCode(t, session.run({ x: floats(1, 2, 3) }, { signal: controller.signal }), 'ERR_ABORTED');
  t.is((await session.run({ x: floats(1, 2, 3) })).y!.data[0], 101);
});

test('options are checked', async (t) => {
  const make = (options: object) => InferenceSession.create(chain(1), options);
  await rejectsCode(t, make({ backend: 'gpu' }), 'ERR_OPTION', 'backend', 'auto, native, reference');
  await rejectsCode(t, make({ threads: 0 }), 'ERR_OPTION', 'threads');
  await rejectsCode(t, make({ isa: 'mmx' }), 'ERR_OPTION', 'isa');
  await rejectsCode(t, make({ numerics: 'fast' }), 'ERR_OPTION', 'numerics');
  await rejectsCode(t, make({ format: 'caffe' }), 'ERR_OPTION', 'format');
  await rejectsCode(t, make({ signal: 1 }), 'ERR_OPTION', 'signal');
  await rejectsCode(t, InferenceSession.create(1 as never), 'ERR_OPTION', 'model');
});

test('graphs that do not hang together are refused at once', async (t) => {
  const sketch = {
    values: [float('x', [1]), float('y', [1])],
    inputs: ['x'],
    outputs: ['y'],
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  };
  const nodes = (op: string, inputs: string[], outputs: string[]) => graphOf({ ...sketch, nodes: [{ op, inputs, outputs }] });
  await t.notThrowsAsync(create(graphOf(sketch)));
  await rejectsCode(t, create(nodes('Warp', ['x'], ['y'])), 'ERR_UNSUPPORTED_OP', '"node0" (Warp)');
  await rejectsCode(t, create(nodes('Add', ['x', 'z'], ['y'])), 'ERR_MODEL_FORMAT', '"node0" (Add)', '"z"');
  await rejectsCode(t, create(nodes('Add', ['x'], ['y'])), 'ERR_MODEL_FORMAT', 'expected 2 inputs, got 1');
  await rejectsCode(t, create(graphOf({ ...sketch, nodes: [] })), 'ERR_MODEL_FORMAT', '"y"');
  const wrong = [float('x', [1]), float('y', [2])];
  await rejectsCode(t, create(graphOf({ ...sketch, values: wrong })), 'ERR_SHAPE', '"node0"', 'declared as [2], got [1]');
  const wrongType = [float('x', [1]), { ...float('y', [1]), type: 'int8' as const }];
  await rejectsCode(t, create(graphOf({ ...sketch, values: wrongType })), 'ERR_DTYPE', '"node0"', 'declared as int8');
});

test('models that cannot be read are typed errors', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'octensor-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'model.tflite');
  const error = await t.throwsAsync(loadModel(path), {
    instanceOf: OctensorError,
    code: 'ERR_MODEL_FORMAT',
    message: /ENOENT/,
  });
  t.like(error?.cause, { code: 'ENOENT' });
  await rejectsCode(t, loadModel(folder), 'ERR_MODEL_FORMAT', 'cannot read');
  writeFileSync(path, 'not a model at all');
  await rejectsCode(t, loadModel(path), 'ERR_MODEL_FORMAT', 'expected an ONNX or TFLite model', '18 bytes');
  await rejectsCode(t, loadModel(pathToFileURL(path)), 'ERR_MODEL_FORMAT', 'expected an ONNX or TFLite model');
  await rejectsCode(t, loadModel(new Uint8Array()), 'ERR_MODEL_FORMAT', '0 bytes');
  await rejectsCode(t, loadModel(Uint8Array.of(8, 7, 18, 4, 0, 0, 0, 0)), 'ERR_MODEL_FORMAT', 'expected a graph');
  await rejectsCode(t, loadModel(new URL('https://example.com/model.tflite')), 'ERR_OPTION', 'file:');
  await rejectsCode(t, loadModel(1 as never), 'ERR_OPTION', 'model');
  const truncated = Uint8Array.from([28, 0, 0, 0, ...Buffer.from('TFL3'), 0, 0, 0, 0]);
  await rejectsCode(t, loadModel(truncated), 'ERR_MODEL_FORMAT');
});
