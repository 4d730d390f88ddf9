/** What an ONNX file's graph becomes: names, definitions, versions, float16, data beside it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, Tensor } from 'octensor';
import { fromFloat16Bits } from '#lib/float16.js';
import { importOnnx } from '#lib/formats/onnx/import.js';
import { TensorProto_DataLocation as Location, TensorProto_DataType as OnnxType } from '#lib/formats/onnx/schema/onnx_pb.js';
import { type GraphInit, graph, int, ints, node, onnxModel, tensor, value } from '../support/onnx-file.js';
import { bool, branch, branches, floats, imported, results, xy } from '../support/onnx-runs.js';
import { smallOnnxModel } from '../support/small-onnx-model.js';
import { throwsCode } from '../support/throws.js';
import { rejectsCode } from '../support/throws-async.js';

const halves = (...bits: readonly number[]) => new Tensor('float16', Uint16Array.from(bits));

test('nodes without names are named after what they are and where they stand', (t) => {
  const nodes = [node('a = Relu x'), { ...node('b = Relu a'), name: 'second' }, node('y = Relu b')];
  t.deepEqual(
    imported({ ...xy, nodes }).nodes.map(({ name }) => name),
    ['Relu_0', 'second', 'Relu_2'],
  );
});

test('nodes of one name get several', (t) => {
  const nodes = ['a = Relu x', 'b = Abs a', 'y = Neg b'].map((each) => ({ ...node(each), name: 'n' }));
  const names = imported({ ...xy, nodes }).nodes.map(({ name }) => name);
  t.is(new Set(names).size, 3);
  t.is(names[0], 'n');
});

test('what rules add has names that nothing in the file has', async (t) => {
  // The rule of Mean adds these two, were they free
  const nodes = [node('y/Add = Neg x'), node('y/constant = Abs x'), node('y = Mean y/Add y/constant x')];
  t.deepEqual(await results({ ...xy, nodes }, { x: floats(-3, 6) }), { y: [1, 2] });
});

for (const [what, sketch] of [
  ['by two nodes', { nodes: [node('y = Relu x'), node('y = Abs x')] }],
  ['by a node that is named as its input', { nodes: [node('x = Relu x'), node('y = Relu x')] }],
  ['twice by one node', { nodes: [node('y y = Split x')] }],
  ['by an initializer and a node', { nodes: [node('y = Relu x')], initializers: { y: floats(1, 2) } }],
  ['by two inputs', { inputs: [value('x'), value('x')], nodes: [node('y = Relu x')] }],
] as const) {
  test(`a value that is defined ${what}`, (t) => {
    throwsCode(t, () => imported({ ...xy, ...sketch }), 'ERR_MODEL_FORMAT', 'expected a value that nothing before defines');
  });
}

test('values that nothing defines before they are read', (t) => {
  const later = [node('y = Relu a'), node('a = Relu x')];
  throwsCode(t, () => imported({ ...xy, nodes: later }), 'ERR_MODEL_FORMAT', 'node "Relu_0" (Relu)', '"a"');
  throwsCode(t, () => imported({ ...xy, nodes: [node('z = Relu x')] }), 'ERR_MODEL_FORMAT', '"y"');
});

test('operators that nobody knows are named, with the version that the file asks for', (t) => {
  const load = (op: string, more: object = {}) => imported({ ...xy, nodes: [{ ...node(`y = ${op} x`), name: 'n' }], ...more });
  throwsCode(t, () => load('Foo', { opset: 15 }), 'ERR_UNSUPPORTED_OP', 'node "n" (Foo), version 15');
  throwsCode(t, () => load('org.other.Relu'), 'ERR_UNSUPPORTED_OP', '(org.other.Relu), version ?');
  throwsCode(t, () => load('com.microsoft.Relu'), 'ERR_UNSUPPORTED_OP', '(com.microsoft.Relu), version 1');
});

test('the default operator set has two names, and has to be imported', (t) => {
  const nodes = [node('y = ai.onnx.Relu x')];
  t.is(imported({ ...xy, nodes }).nodes[0]!.op, 'Relu');
  const model = { opsetImport: [{ domain: 'com.microsoft', version: 1n }] };
  throwsCode(t, () => imported({ ...xy, nodes, model }), 'ERR_MODEL_FORMAT', 'expected an opset_import of domain');
});

test('an operator means what it means in the version that the file asks for', (t) => {
  // From version 13 on Softmax is along one axis; before it was along all from the axis on, the second by default
  const at = (opset: number) => imported({ ...xy, opset, nodes: [node('y = Softmax x')] }).nodes[0]!.attributes;
  t.like(at(12), { axis: 1, flatten: true });
  t.like(at(13), { axis: -1, flatten: false });
});

test('broadcasting of versions before 7 is refused where it matters', (t) => {
  const load = (broadcast: number) => imported({ ...xy, opset: 6, nodes: [node('y = Add x x', int('broadcast', broadcast))] });
  throwsCode(t, () => load(1), 'ERR_UNSUPPORTED_OP', 'version 6', 'before version 7');
  t.is(load(0).nodes[0]!.op, 'Add');
});

test('a node whose results nobody names', async (t) => {
  const nodes = [node(' = Relu x'), node('- = Relu x'), node('y = Abs x')];
  t.deepEqual(await results({ ...xy, nodes }, { x: floats(-1, 2) }), { y: [1, 2] });
});

test('inputs that initializers give are no inputs', async (t) => {
  const inputs = [value('x', 'float32', [2]), value('w', 'float32', [2])];
  const sketch = { ...xy, inputs, initializers: { w: floats(3, 4) }, nodes: [node('y = Mul x w')] };
  t.deepEqual(imported(sketch).inputs, ['x']);
  t.deepEqual(await results(sketch, { x: floats(1, 2) }), { y: [3, 8] });
});

test('initializers and inputs may be outputs', async (t) => {
  const outputs = [value('x', 'float32', [2]), value('k', 'float32', [1]), value('y', 'float32', [2])];
  const sketch = { ...xy, outputs, initializers: { k: floats(5) }, nodes: [node('y = Add x k')] };
  t.deepEqual(await results(sketch, { x: floats(1, 2) }), { x: [1, 2], k: [5], y: [6, 7] });
});

test('metadata', (t) => {
  const { metadata } = importOnnx(smallOnnxModel);
  t.deepEqual(metadata, { made: 'for tests', format: 'onnx', opset: '17', producer: 'octensor' });
});

test('the model that others are made of runs', async (t) => {
  const session = await InferenceSession.create(smallOnnxModel);
  const { y, seen } = session.runSync({ x: new Tensor('float32', new Float32Array(64).fill(1), [2, 2, 4, 4]) });
  t.deepEqual([y!.dims, seen!.dims], [[2, 48], [3]]);
  // Channels of relu(W x + b) = [-2, 0, 5.5] with x = 1, doubled and halved, 3 rounds of 0.25 more
  t.deepEqual([y!.data[0], y!.data[16], y!.data[32]], [0.75, 0.75, 6.25]);
  t.is(seen!.data[0], 2 * 16 * (0.25 + 0.25 + 5.75));
});

// float16

const [one, two, big] = [0x3c00, 0x4000, 0x7bff];

test('float16 inputs and outputs stay, with float32 between', async (t) => {
  const [inputs, outputs] = [[value('x', 'float16', [2])], [value('y', 'float16', [2])]];
  const sketch = { inputs, outputs, nodes: [node('s = Add x x'), node('y = Add s k')], initializers: { k: halves(one, two) } };
  const { values, nodes } = imported(sketch);
  t.is(values.get('x')?.type, 'float16');
  t.is(values.get('y')?.type, 'float16');
  t.deepEqual(
    nodes.map(({ op }) => op),
    ['Cast', 'Add', 'Add', 'Cast'],
  );
  t.deepEqual(await results(sketch, { x: halves(one, two) }), { y: [0x4200, 0x4600] });
});

test('an input of float16 that is an output, and a constant that is one', async (t) => {
  const sketch = {
    inputs: [value('x', 'float16', [2])],
    outputs: [value('x', 'float16', [2]), value('k', 'float16', [1])],
    nodes: [],
    initializers: { k: halves(two) },
  };
  t.deepEqual(await results(sketch, { x: halves(one, big) }), { x: [one, big], k: [two] });
});

test('a Cast to float16 loses what float16 does not hold', async (t) => {
  const sketch = {
    ...xy,
    nodes: [node('h = Cast x', int('to', OnnxType.FLOAT16)), node('y = Cast h', int('to', OnnxType.FLOAT))],
  };
  t.deepEqual(await results(sketch, { x: floats(1 / 3, 1e-9) }), { y: [fromFloat16Bits(0x3555), 0] });
});

test('a graph inside a node reads a float16 input of the graph around it', async (t) => {
  const branch = (op: string): GraphInit => ({ node: [node(`z = ${op} x x`)], output: [value('z')] });
  const sketch = {
    inputs: [value('x', 'float16', [2]), value('c', 'bool', [])],
    outputs: [value('y', 'float16', [2])],
    nodes: [node('y = If c', graph('then_branch', branch('Add')), graph('else_branch', branch('Sub')))],
  };
  t.deepEqual(await results(sketch, { x: halves(one, two), c: bool(true) }), { y: [two, 0x4400] });
  t.deepEqual(await results(sketch, { x: halves(one, two), c: bool(false) }), { y: [0, 0] });
});

// Data in other files

test('external data beside the model', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'octensor-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const externalData = [
    { key: 'location', value: 'w.bin' },
    { key: 'offset', value: '4' },
  ];
  const w = { name: 'w', dataType: OnnxType.FLOAT, dims: [2n], dataLocation: Location.EXTERNAL, externalData };
  const bytes = onnxModel({
    ...xy,
    nodes: [],
    model: { graph: { node: [node('y = Mul x w')], input: xy.inputs, output: xy.outputs, initializer: [w] } },
  });
  writeFileSync(join(folder, 'model.onnx'), bytes);
  writeFileSync(join(folder, 'w.bin'), Float32Array.of(1, 2, 3));
  const { constants } = await loadModel(join(folder, 'model.onnx'));
  t.deepEqual([...(constants.get('w')!.data as Float32Array)], [2, 3]);
  await rejectsCode(t, loadModel(bytes), 'ERR_OPTION', 'w.bin');
});

// Files that ask for much

test('a value that many read, and many branches under many constants, take no longer for it', (t) => {
  const count = 5000;
  const readers = Array.from({ length: count }, (_, i) => node(`r${i} = Relu x`));
  const ifs = Array.from({ length: 500 }, (_, i) =>
    node(`i${i} = If c`, ...branches(branch('z = Neg x'), branch('z = Abs x'))),
  );
  const constants = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, floats(i)]));
  const initializers = { c: bool(true), ...constants };
  const { nodes } = imported({ ...xy, nodes: [...readers, ...ifs, node('y = Relu x')], initializers });
  t.is(nodes.length, count + 501);
  for (const { op, attributes } of nodes) if (op === 'If') t.is((attributes.thenBranch as Graph).constants.size, 0);
});

test('attributes of the wrong kind and out of range', (t) => {
  const load = (...attributes: Parameters<typeof node>[1][]) =>
    imported({ ...xy, nodes: [node('y = Transpose x', ...attributes)] });
  throwsCode(t, () => load(int('perm', 1)), 'ERR_MODEL_FORMAT', 'attribute perm: expected INTS, got INT');
  throwsCode(t, () => load(ints('perm', 2 ** 60)), 'ERR_MODEL_FORMAT', '53 bits');
  throwsCode(
    t,
    () => imported({ ...xy, nodes: [node('y = Constant', tensor('other', floats(1)))] }),
    'ERR_MODEL_FORMAT',
    'Constant',
  );
});
