/** Layers models on disk, and models that are not what they should be. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { InferenceSession, loadModel, OctensorError, Tensor } from 'octensor';
import { fromFloat16Bits, toFloat16Bits } from '#lib/float16.js';
import { type Artifacts, artifactsOf, randomizeWeights, writeModel } from '../support/layers-models.js';
import { Random } from '../support/random.js';
import { rejectsCode } from '../support/throws-async.js';

const folder = mkdtempSync(join(tmpdir(), 'octensor-layers-'));
test.after.always(() => rmSync(folder, { recursive: true }));

async function smallModel(): Promise<Artifacts> {
  const { layers } = tfl;
  const x = tfl.input({ shape: [6], name: 'x' });
  const hidden = layers.dense({ units: 5, activation: 'relu', name: 'hidden' }).apply(x) as tfl.SymbolicTensor;
  const y = layers.dense({ units: 3, name: 'y' }).apply(hidden) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: x, outputs: y });
  randomizeWeights(model, 1);
  return artifactsOf(model);
}

test('model.json with shards that cut weights in the middle', async (t) => {
  const artifacts = await smallModel();
  const inMemory = await loadModel(artifacts);
  for (const [i, shardBytes] of [13, 64, 10_000].entries()) {
    const path = writeModel(artifacts, join(folder, `shards${i}`), shardBytes);
    t.deepEqual(await loadModel(path), inMemory);
    t.deepEqual(await loadModel(pathToFileURL(path)), inMemory);
  }
  const chunks = [artifacts.weightData.slice(0, 50), artifacts.weightData.slice(50)];
  t.deepEqual(await loadModel({ ...artifacts, weightData: chunks }), inMemory);
  await rejectsCode(t, loadModel(readFileSync(join(folder, 'shards0', 'model.json'))), 'ERR_OPTION', 'folder');
});

test('a session takes model.json', async (t) => {
  const path = writeModel(await smallModel(), join(folder, 'session'));
  const session = await InferenceSession.create(path, { format: 'layers' });
  const { y } = await session.run({ x: new Tensor('float32', new Float32Array(6), [1, 6]) });
  t.deepEqual(y!.dims, [1, 3]);
  await session.release();
});

test('groups of weights with files of their own', async (t) => {
  const { modelTopology, weightSpecs, weightData } = await smallModel();
  const into = join(folder, 'groups');
  mkdirSync(into);
  const split = (6 * 5 + 5) * 4;
  writeFileSync(join(into, 'a.bin'), new Uint8Array(weightData, 0, split));
  writeFileSync(join(into, 'b.bin'), new Uint8Array(weightData, split));
  const weightsManifest = [
    { paths: ['a.bin'], weights: weightSpecs.slice(0, 2) },
    { paths: ['b.bin'], weights: weightSpecs.slice(2) },
  ];
  writeFileSync(join(into, 'model.json'), JSON.stringify({ modelTopology, weightsManifest }));
  t.deepEqual(await loadModel(join(into, 'model.json')), await loadModel({ modelTopology, weightSpecs, weightData }));
});

test('weights that are quantized for transport: scale · integer + min, and halves', async (t) => {
  const { modelTopology, weightSpecs, weightData } = await smallModel();
  const given = weightSpecs.map(({ shape }, i) => {
    const offset = weightSpecs.slice(0, i).reduce((sum, { shape: [a, b = 1] }) => sum + a! * b, 0);
    return new Float32Array(
      weightData,
      offset * 4,
      shape.reduce((size, dim) => size * dim, 1),
    );
  });
  const scale = 0.004;
  const min = -0.5;
  const kinds = ['uint8', 'uint16', 'float16', undefined] as const;
  const parts = given.map((values, i) => {
    const kind = kinds[i];
    if (kind === undefined) return { bytes: new Uint8Array(values.slice().buffer), expected: values, spec: weightSpecs[i]! };
    const spec = { ...weightSpecs[i]!, quantization: kind === 'float16' ? { dtype: kind } : { dtype: kind, scale, min } };
    const codes = Array.from(values, (v) => (kind === 'float16' ? toFloat16Bits(v) : Math.round((v - min) / scale)));
    const stored = kind === 'uint8' ? Uint8Array.from(codes) : Uint16Array.from(codes);
    const expected = Float32Array.from(codes, (q) => (kind === 'float16' ? fromFloat16Bits(q) : q * scale + min));
    return { bytes: new Uint8Array(stored.buffer), expected, spec };
  });
  const data = Buffer.concat(parts.map(({ bytes }) => bytes));
  const specs = parts.map(({ spec }) => spec);
  const graph = await loadModel({ modelTopology, weightSpecs: specs, weightData: new Uint8Array(data) });
  t.deepEqual(graph.constants.get('hidden/bias')!.data, parts[1]!.expected);
  t.deepEqual(graph.constants.get('y/bias')!.data, parts[3]!.expected);
  const kernel = graph.constants.get('hidden/kernel')!;
  t.deepEqual(kernel.dims, [5, 6]);
  t.is(kernel.data[1], parts[0]!.expected[5], 'the transpose of [6, 5]');
});

test('files outside of the folder, missing ones and wrong sizes', async (t) => {
  const artifacts = await smallModel();
  const path = writeModel(artifacts, join(folder, 'escape'));
  const model = JSON.parse(readFileSync(path, 'utf8')) as { weightsManifest: { paths: string[] }[] };
  writeFileSync(join(folder, 'outside.bin'), new Uint8Array(artifacts.weightData));
  symlinkSync(join(folder, 'outside.bin'), join(folder, 'escape', 'link.bin'));
  const tries = {
    '../outside.bin': "in the model's folder",
    [join(folder, 'outside.bin')]: "in the model's folder",
    'link.bin': 'a link out of it',
    'C:\\weights.bin': "in the model's folder",
    'missing.bin': 'ENOENT',
    '.': 'a regular file',
  };
  for (const [name, message] of Object.entries(tries)) {
    model.weightsManifest[0]!.paths = [name];
    writeFileSync(path, JSON.stringify(model));
    await rejectsCode(t, loadModel(path), 'ERR_MODEL_FORMAT', message);
  }
  const short = writeModel(artifacts, join(folder, 'short'));
  truncateSync(join(folder, 'short', 'group1-shard1of1.bin'), 20);
  await rejectsCode(t, loadModel(short), 'ERR_MODEL_FORMAT', 'together, got 20');
  writeFileSync(join(folder, 'short', 'group1-shard1of1.bin'), new Uint8Array(artifacts.weightData.byteLength + 1));
  await rejectsCode(t, loadModel(short), 'ERR_MODEL_FORMAT', 'at most');
  await rejectsCode(
    t,
    loadModel({ ...artifacts, weightData: artifacts.weightData.slice(4) }),
    'ERR_MODEL_FORMAT',
    'bytes of weights',
  );
});

test('JSON that is no model', async (t) => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  await rejectsCode(t, loadModel(bytes('{')), 'ERR_MODEL_FORMAT', 'expected JSON');
  await rejectsCode(t, loadModel(bytes('{}')), 'ERR_MODEL_FORMAT', 'modelTopology');
  await rejectsCode(t, loadModel(bytes(' \n{"modelTopology": 3}')), 'ERR_MODEL_FORMAT', 'modelTopology');
  await rejectsCode(t, loadModel(bytes('{"modelTopology": {"node": []}}')), 'ERR_UNSUPPORTED_OP', 'graph model');
  await rejectsCode(t, loadModel(new Uint8Array([0x7b, 0xff, 0xfe])), 'ERR_MODEL_FORMAT', 'expected JSON');
  const deep = `{"modelTopology": ${'['.repeat(1e6)}${']'.repeat(1e6)}}`;
  await rejectsCode(t, loadModel(bytes(deep)), 'ERR_MODEL_FORMAT', 'modelTopology');
  await rejectsCode(t, loadModel({ modelTopology: new ArrayBuffer(3) }), 'ERR_UNSUPPORTED_OP', 'binary');
  const cyclic: { config?: object } = {};
  cyclic.config = cyclic;
  await rejectsCode(t, loadModel({ modelTopology: cyclic }), 'ERR_MODEL_FORMAT', 'what JSON can hold');
  await rejectsCode(
    t,
    loadModel({ modelTopology: { class_name: 'Model', config: { layers: new Array(3) } } }),
    'ERR_MODEL_FORMAT',
  );
});

interface LayerJson {
  readonly name: string;
  readonly class_name: string;
  readonly config: object;
  readonly inbound_nodes?: readonly unknown[];
}

const input = (name = 'x', shape: readonly unknown[] = [null, 4]): LayerJson => {
  return { name, class_name: 'InputLayer', config: { batch_input_shape: shape, name }, inbound_nodes: [] };
};
const layer = (name: string, className: string, config: object, ...from: readonly string[]): LayerJson => {
  return { name, class_name: className, config: { name, ...config }, inbound_nodes: [from.map((one) => [one, 0, 0, {}])] };
};
const modelOf = (list: readonly LayerJson[], output = list.at(-1)!.name, name = 'model') => {
  return { class_name: 'Model', config: { name, layers: list, input_layers: [['x', 0, 0]], output_layers: [[output, 0, 0]] } };
};
const relu = (name: string, ...from: readonly string[]) => layer(name, 'Activation', { activation: 'relu' }, ...from);
const load = (list: readonly LayerJson[], output?: string) => loadModel({ modelTopology: modelOf(list, output) });

test('topologies that are none name the layer', async (t) => {
  t.is((await load([input(), relu('a', 'x')])).nodes.length, 1, 'the same without a fault');
  const wrong: readonly (readonly [Promise<unknown>, ...string[]])[] = [
    [load([input(), relu('a', 'b'), relu('b', 'a')]), '"a"', 'do not depend on it'],
    [load([input(), relu('a', 'a')]), '"a"', 'do not depend on it'],
    [load([input(), relu('a', 'none')]), '"a"', '"none"'],
    [load([input(), relu('a', '__proto__')]), '"__proto__"'],
    [load([input(), relu('a', 'x'), relu('a', 'x')]), 'no other layer'],
    [load([input(), relu('a', 'x')], 'constructor'), 'output_layers', '"constructor"'],
    [load([input('y'), relu('a', 'y')]), 'input_layers', '"x"'],
    [load([input(), input('y'), relu('a', 'y')]), '"y"', 'does not list'],
    [load([input(), { ...relu('a', 'x'), inbound_nodes: [[['x', 0, 7]]] }]), 'output 7'],
    [load([input(), { ...relu('a', 'x'), inbound_nodes: [[['x', 3, 0]]] }]), 'call 3'],
    [load([input(), { ...relu('a', 'x'), inbound_nodes: [[['x', -1, 0]]] }]), 'inbound_nodes'],
    [load([input(), { ...relu('a', 'x'), inbound_nodes: 'x' as never }]), 'a list'],
    [load([input('x', [null, -4]), relu('a', 'x')]), 'batch_input_shape'],
    [load([input('x', [null, 2 ** 40]), relu('a', 'x')]), 'batch_input_shape'],
    [load([input(), layer('d', 'Dense', { units: 3 }, 'x')]), '"d" (Dense)', '"d/kernel"'],
    [
      load([input('x', [null, 9, 9, 2]), layer('p', 'MaxPooling2D', { pool_size: [0, 2] }, 'x')]),
      '"p" (MaxPooling2D)',
      'pool_size',
    ],
    [load([input('x', [null, 9, 9, 2]), layer('p', 'MaxPooling2D', { padding: 'full' }, 'x')]), '"p"', 'padding'],
    [load([input(), layer('f', 'Reshape', { target_shape: [2.5] }, 'x')]), '"f" (Reshape)', 'target_shape'],
    [load([input(), { name: '', class_name: 'Flatten', config: {}, inbound_nodes: [] }]), 'name'],
  ];
  for (const [promise, ...texts] of wrong) await rejectsCode(t, promise, 'ERR_MODEL_FORMAT', ...texts);
});

test('shapes that do not fit name the layer', async (t) => {
  await rejectsCode(t, load([input(), layer('f', 'Reshape', { target_shape: [3] }, 'x')]), 'ERR_SHAPE', '"f"');
  const image = input('x', [null, 4, 4, 2]);
  await rejectsCode(t, load([image, layer('p', 'MaxPooling2D', { pool_size: [9, 9] }, 'x')]), 'ERR_SHAPE', '"p"');
  await rejectsCode(t, load([input(), layer('c', 'MaxPooling2D', {}, 'x')]), 'ERR_SHAPE', '"c" (MaxPooling2D)');
  const huge = layer('r', 'RepeatVector', { n: 2 ** 31 - 1 }, 'x');
  await rejectsCode(t, load([input(), huge]), 'ERR_SHAPE', '"r"');
});

test('what is not implemented names the layer and its class', async (t) => {
  const list: readonly (readonly [LayerJson, ...string[]])[] = [
    [layer('l', 'Conv3D', {}, 'x'), '"l" (Conv3D)'],
    [layer('l', 'Lambda', {}, 'x'), '"l" (Lambda)'],
    [layer('l', 'toString', {}, 'x'), '"toString"'],
    [layer('l', 'Activation', { activation: 'hasOwnProperty' }, 'x'), 'hasOwnProperty'],
    [layer('l', 'ReLU', { threshold: 2 }, 'x'), 'threshold'],
    [layer('l', 'Bidirectional', { layer: { class_name: 'Dense', config: { name: 'd' } } }, 'x'), 'Dense'],
    [{ ...relu('l', 'x'), inbound_nodes: [[['x', 0, 0, { mask: 1 }]]] }, '"mask"'],
  ];
  for (const [one, ...texts] of list) await rejectsCode(t, load([input(), one]), 'ERR_UNSUPPORTED_OP', ...texts);
});

test('models in models: as deep as 32, and not a layer more than a graph can have', async (t) => {
  const nested = (depth: number): { class_name: string; config: object } =>
    depth === 0
      ? modelOf([input(), relu('a', 'x')])
      : modelOf([input(), { ...nested(depth - 1), name: 'm', inbound_nodes: [[['x', 0, 0]]] }]);
  t.is((await loadModel({ modelTopology: nested(20) })).nodes.length, 1);
  await rejectsCode(t, loadModel({ modelTopology: nested(40) }), 'ERR_UNSUPPORTED_OP', '32 deep');
  const doubled = (depth: number): { class_name: string; config: object } => {
    if (depth === 0) return modelOf([input(), relu('a', 'x')]);
    const calls = [[['x', 0, 0]], [['m', 0, 0]]];
    const { config } = modelOf([input(), { ...doubled(depth - 1), name: 'm', inbound_nodes: calls }]);
    return { class_name: 'Model', config: { ...config, output_layers: [['m', 1, 0]] } };
  };
  t.is((await loadModel({ modelTopology: doubled(6) })).nodes.length, 64);
  await rejectsCode(t, loadModel({ modelTopology: doubled(25) }), 'ERR_UNSUPPORTED_OP', 'called more than');
});

test('names of models around a layer do not grow without end', async (t) => {
  const nested = (depth: number): { class_name: string; config: object } =>
    depth === 0
      ? modelOf([input(), relu('a', 'x')])
      : modelOf([input(), { ...nested(depth - 1), name: 'm'.repeat(1000), inbound_nodes: [[['x', 0, 0]]] }], 'm'.repeat(1000));
  t.is((await loadModel({ modelTopology: nested(1) })).nodes.length, 1);
  await rejectsCode(t, loadModel({ modelTopology: nested(3) }), 'ERR_UNSUPPORTED_OP', '1024 characters');
});

test('a chain of ten thousand layers', async (t) => {
  const list = Array.from({ length: 10_000 }, (_, i) => relu(`l${i}`, i === 0 ? 'x' : `l${i - 1}`));
  t.is((await load([input(), ...list])).nodes.length, 10_000);
});

test('names that objects have already are names like others', async (t) => {
  const graph = await load([input(), relu('__proto__', 'x'), relu('toString', '__proto__')]);
  t.deepEqual(graph.outputs, ['toString']);
  t.is(({} as { polluted?: unknown }).polluted, undefined);
});

test('specs of weights that are none', async (t) => {
  const modelTopology = modelOf([input(), relu('a', 'x')]);
  const withSpecs = (...weightSpecs: readonly object[]) =>
    loadModel({ modelTopology, weightSpecs, weightData: new ArrayBuffer(0) });
  const spec = { name: 'w', shape: [0], dtype: 'float32' };
  t.is((await withSpecs(spec)).nodes.length, 1);
  await rejectsCode(t, withSpecs(spec, spec), 'ERR_MODEL_FORMAT', '"w"', 'a name of its own');
  await rejectsCode(t, withSpecs({ ...spec, shape: [2 ** 20, 2 ** 20] }), 'ERR_MODEL_FORMAT', 'elements');
  await rejectsCode(t, withSpecs({ ...spec, shape: [-1] }), 'ERR_MODEL_FORMAT', 'shape');
  await rejectsCode(t, withSpecs({ ...spec, shape: [2 ** 20] }), 'ERR_MODEL_FORMAT', 'bytes of weights');
  await rejectsCode(t, withSpecs({ ...spec, dtype: 'string' }), 'ERR_UNSUPPORTED_OP', 'string');
  await rejectsCode(t, withSpecs({ ...spec, dtype: 'float99' }), 'ERR_MODEL_FORMAT', 'dtype');
  await rejectsCode(
    t,
    withSpecs({ ...spec, quantization: { dtype: 'uint8', scale: 'x', min: 0 } }),
    'ERR_MODEL_FORMAT',
    'scale',
  );
});

test('any byte of a model.json, changed, gives a graph or a typed error', async (t) => {
  const { modelTopology, weightSpecs } = await smallModel();
  const valid = new TextEncoder().encode(
    JSON.stringify({ modelTopology, weightsManifest: [{ paths: [], weights: weightSpecs }] }),
  );
  const random = new Random(2);
  for (let i = 0; i < 1500; i++) {
    const bytes = valid.slice();
    bytes[random.integer(0, bytes.length - 1)] = random.pick([0x22, 0x30, 0x2d, 0x5b, 0x7d, 0x2c, random.integer(0x20, 0x7e)]);
    try {
      await loadModel(bytes);
    } catch (error) {
      if (!(error instanceof OctensorError)) t.fail(error instanceof Error ? error.stack : String(error));
    }
  }
  t.pass();
});
