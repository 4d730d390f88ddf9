/** Whatever the bytes are, import ends soon, in a graph or a typed error. */
import test, { type ExecutionContext } from 'ava';
import { InferenceSession, OctensorError, Tensor } from 'octensor';
import { importOnnx } from '#lib/formats/onnx/import.js';
import {
  type GraphInit,
  graph,
  int,
  ints,
  type NodeInit,
  node,
  type OnnxSketch,
  onnxModel,
  tensor,
  value,
} from '../support/onnx-file.js';
import { Random } from '../support/random.js';
import { smallOnnxModel } from '../support/small-onnx-model.js';
import { throwsCode } from '../support/throws.js';
import { rejectsCode } from '../support/throws-async.js';

const valid = smallOnnxModel;
const long = (...data: readonly number[]) => new Tensor('int64', data.map(BigInt));

/** Imports, and returns whether there was a graph; fails the test for any error that is not typed. */
function survives(t: ExecutionContext, bytes: Uint8Array, what: string): boolean {
  try {
    importOnnx(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof OctensorError)) t.fail(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
    return false;
  }
}

test('files cut off anywhere', (t) => {
  for (let length = 0; length < valid.length; length++) survives(t, valid.subarray(0, length), `${length} bytes`);
  t.true(survives(t, valid, 'all of it'));
});

test('a file in the middle of other bytes is read as if it were alone', (t) => {
  const around = new Uint8Array(valid.length + 200).fill(1);
  around.set(valid, 100);
  t.deepEqual(importOnnx(around.subarray(100, 100 + valid.length)), importOnnx(valid));
});

test('any byte, changed', (t) => {
  const random = new Random(1);
  const bytes = valid.slice();
  let graphs = 0;
  for (let offset = 0; offset < bytes.length; offset++) {
    for (const changed of [0, 0x7f, 0x80, 0xff, random.integer(0, 255)]) {
      bytes[offset] = changed;
      if (survives(t, bytes, `byte ${offset} is ${changed}`)) graphs++;
    }
    bytes[offset] = valid[offset]!;
  }
  t.true(graphs > 0, 'data and names may be anything');
});

const load = (nodes: readonly NodeInit[], more: Partial<OnnxSketch> = {}) => {
  const xy = { inputs: [value('x', 'float32', [2])], outputs: [value('y')] };
  return onnxModel({ ...xy, nodes, ...more });
};

test('graphs in graphs, as deep as the format allows and deeper', (t) => {
  const nested = (depth: number): GraphInit => {
    const inner = depth === 0 ? [node('z = Relu x')] : [node('z = If c', graph('then_branch', nested(depth - 1)), other)];
    return { node: inner, output: [value('z')] };
  };
  const other = graph('else_branch', { node: [node('z = Abs x')], output: [value('z')] });
  const at = (depth: number) =>
    load([...nested(depth).node!, node('y = Neg z')] as readonly NodeInit[], {
      initializers: { c: new Tensor('bool', [true], []) },
    });
  t.is(importOnnx(at(15)).nodes.length, 2);
  throwsCode(t, () => importOnnx(at(40)), 'ERR_MODEL_FORMAT', '64 deep');
});

test('long names do not grow with every round that has them', async (t) => {
  const name = 'n'.repeat(2 ** 16);
  const body: GraphInit = {
    input: [value('i', 'int64', []), value('going', 'bool', []), value('s')],
    node: [node('still = Identity going'), { ...node(`${name} = Neg s`), name }],
    output: [value('still', 'bool', []), value(name)],
  };
  const loop = { ...node(`y = Loop rounds - x`, graph('body', body)), name };
  const session = await InferenceSession.create(load([loop], { initializers: { rounds: new Tensor('int64', [5000n], []) } }));
  t.deepEqual([...(session.runSync({ x: new Tensor('float32', [1, 2]) }).y!.data as Float32Array)], [1, 2]);
});

for (const [what, nodes, initializers] of [
  ['Expand', [node('y = Expand x n')], { n: long(2 ** 40, 2) }],
  ['Tile', [node('y = Tile x n')], { n: long(2 ** 62) }],
  [
    'ConstantOfShape',
    [node('y = ConstantOfShape n', tensor('value', new Tensor('float32', [1])))],
    { n: long(2 ** 20, 2 ** 20) },
  ],
  [
    'Range',
    [node('y = Range a b c')],
    { a: new Tensor('float32', [0], []), b: new Tensor('float32', [1e30], []), c: new Tensor('float32', [1], []) },
  ],
  [
    'OneHot',
    [node('y = OneHot n d v')],
    { n: long(0, 1), d: new Tensor('int64', [2n ** 62n], []), v: new Tensor('float32', [0, 1]) },
  ],
  ['Pad', [node('y = Pad x n')], { n: long(2 ** 40, 2 ** 40) }],
  ['Resize', [node('y = Resize x - - n')], { n: long(2 ** 40) }],
  ['TopK', [node('y i = TopK x n')], { n: long(2 ** 40) }],
  ['Split', [node('y z = Split x n')], { n: long(2 ** 53, -(2 ** 53) + 2) }],
  ['Unsqueeze', [node('y = Unsqueeze x n')], { n: long(2 ** 40) }],
  ['Reshape', [node('y = Reshape x n')], { n: long(-1, 0, 2 ** 40) }],
  ['DepthToSpace', [node('f = Reshape x n'), node('y = DepthToSpace f', int('blocksize', 2 ** 30))], { n: long(1, 2, 1, 1) }],
  ['MaxPool', [node('f = Reshape x n'), node('y = MaxPool f', ints('kernel_shape', 2 ** 40, 1))], { n: long(1, 1, 2, 1) }],
  [
    'Einsum',
    [node('y = Einsum x x x x x x', { name: 'equation', type: 3, s: new TextEncoder().encode(`${'a,'.repeat(99)}->a`) })],
    {},
  ],
] as const) {
  test(`${what} of absurd sizes`, async (t) => {
    const bytes = load(nodes, { initializers });
    for (const backend of ['reference', 'native'] as const) {
      const error = await t.throwsAsync(InferenceSession.create(bytes, { backend }), { instanceOf: OctensorError });
      t.true(error?.message.startsWith(`node "${what}_`), error?.message);
    }
  });
}

test('external data is looked for in the folder of the model alone', async (t) => {
  for (const location of ['/etc/passwd', '../w.bin', 'a/../../w.bin', 'C:\\w.bin', '']) {
    const externalData = [{ key: 'location', value: location }];
    const w = { name: 'w', dataType: 1, dims: [2n], dataLocation: 1, externalData };
    const model = {
      graph: { input: [value('x', 'float32', [2])], output: [value('y')], node: [node('y = Mul x w')], initializer: [w] },
    };
    throwsCode(t, () => importOnnx(load([], { model }), { path: '/tmp/model.onnx' }), 'ERR_MODEL_FORMAT', 'external data');
  }
  await rejectsCode(t, InferenceSession.create('/nowhere/model.onnx'), 'ERR_MODEL_FORMAT');
});
