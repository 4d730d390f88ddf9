/** If and Loop of ONNX files: graphs inside nodes, chosen, unrolled or run as they are. */
import test from 'ava';
import { InferenceSession, Tensor } from 'octensor';
import { TensorProto_DataType as OnnxType } from '#lib/formats/onnx/schema/onnx_pb.js';
import { type GraphInit, graph, int, node, onnxModel, text, value } from '../support/onnx-file.js';
import { bool, branch, branches, floats, imported, long, results, xy } from '../support/onnx-runs.js';
import { throwsCode } from '../support/throws.js';
import { rejectsCode } from '../support/throws-async.js';

// If

test('If with a condition that is constant is the branch, in which shapes may be others', async (t) => {
  const sketch = {
    inputs: [value('x', 'float32', [2])],
    outputs: [value('y')],
    initializers: { c: bool(false), shape: new Tensor('int64', [2n, 1n]) },
    nodes: [node('y = If c', ...branches(branch('z = Relu x'), branch('z = Reshape x shape')))],
  };
  t.deepEqual(await results(sketch, { x: floats(-1, 2) }), { y: [-1, 2] });
});

test('If with a condition that is computed', async (t) => {
  const nodes = [
    node('sum = ReduceSum x', int('keepdims', 0)),
    node('c = Greater sum zero'),
    node('y = If c', ...branches(branch('z = Neg x'), branch('z = Abs x'))),
  ];
  const sketch = { ...xy, nodes, initializers: { zero: new Tensor('float32', [0], []) } };
  t.deepEqual(await results(sketch, { x: floats(-1, 2) }), { y: [1, -2] });
  t.deepEqual(await results(sketch, { x: floats(-3, 2) }), { y: [3, 2] });
});

test('a condition of more elements than one, or of another type', async (t) => {
  for (const c of [new Tensor('bool', [true, false]), floats(1), new Tensor('bool', [])]) {
    const nodes = [node('y = If c', ...branches(branch('z = Neg x'), branch('z = Abs x')))];
    await rejectsCode(
      t,
      InferenceSession.create(onnxModel({ ...xy, nodes, initializers: { c } })),
      'ERR_SHAPE',
      'one element of bool',
    );
  }
});

test('an If without a condition', (t) => {
  const nodes = [node('y = If -', ...branches(branch('z = Neg x'), branch('z = Abs x')))];
  throwsCode(t, () => imported({ ...xy, nodes }), 'ERR_MODEL_FORMAT', 'expected input 0, got none');
});

test('own initializers of a branch hide those around it', async (t) => {
  const own = { name: 'k', dataType: OnnxType.FLOAT, dims: [1n], floatData: [10] };
  const then = { ...branch('z = Add x k'), initializer: [own] };
  const nodes = [node('y = If c', ...branches(then, branch('z = Sub x k')))];
  const sketch = (c: boolean) => ({ ...xy, nodes, initializers: { c: bool(c), k: floats(1) } });
  t.deepEqual(await results(sketch(true), { x: floats(1, 2) }), { y: [11, 12] });
  t.deepEqual(await results(sketch(false), { x: floats(1, 2) }), { y: [0, 1] });
});

test('a branch reads what is computed two graphs further out', async (t) => {
  const inner = { node: [node('z = Add a x')], output: [value('z')] };
  const outer = { node: [node('z = If c', ...branches(inner, branch('z = Neg x')))], output: [value('z')] };
  const nodes = [node('a = Mul x x'), node('y = If c', ...branches(outer, branch('z = Abs x')))];
  const inputs = [...xy.inputs, value('c', 'bool', [])];
  t.deepEqual(await results({ ...xy, inputs, nodes }, { x: floats(2, 3), c: bool(true) }), { y: [6, 12] });
});

// Loop

const body = (lines: readonly string[], outputs: readonly string[], inputs: readonly string[] = ['s']): GraphInit => ({
  input: [value('i', 'int64', []), value('going', 'bool', []), ...inputs.map((name) => value(name))],
  node: lines.map((line) => node(line)),
  output: outputs.map((name) => value(name)),
});

test('Loop with a count that is constant: carried values and stacked ones', async (t) => {
  const inside = body(['more = Add s s', 'still = Identity going', 'at = Identity i'], ['still', 'more', 'more', 'at']);
  const sketch = {
    inputs: xy.inputs,
    outputs: [value('y'), value('all'), value('rounds', 'int64')],
    initializers: { n: long(3) },
    nodes: [node('y all rounds = Loop n - x', graph('body', inside))],
  };
  t.deepEqual(await results(sketch, { x: floats(1, 3) }), { y: [8, 24], all: [2, 6, 4, 12, 8, 24], rounds: [0, 1, 2] });
  const flat = await InferenceSession.create(onnxModel(sketch));
  t.deepEqual(flat.runSync({ x: floats(1, 3) }).all!.dims, [3, 2]);
});

test('Loop goes on while its condition is true, and as long as its shape grows', async (t) => {
  const inside = body(['more = Concat s x', 'size = Size more', 'still = Less size limit'], ['still', 'more']);
  const concat = { ...inside, node: [node('more = Concat s x', int('axis', 0)), ...inside.node!.slice(1)] };
  const sketch = {
    inputs: xy.inputs,
    outputs: [value('y')],
    initializers: { yes: bool(true), limit: long(7) },
    nodes: [node('y = Loop - yes x', graph('body', concat))],
  };
  t.deepEqual(await results(sketch, { x: floats(1, 2) }), { y: [1, 2, 1, 2, 1, 2, 1, 2] });
});

test('Loop whose rounds depend on data', async (t) => {
  const inside = body(['more = Add s s', 'sum = ReduceSum more', 'still = Less sum limit'], ['still', 'more']);
  const sketch = {
    inputs: xy.inputs,
    outputs: [value('y')],
    initializers: { yes: bool(true), limit: floats(100) },
    nodes: [node('y = Loop - yes x', graph('body', inside))],
  };
  t.deepEqual(await results(sketch, { x: floats(1, 2) }), { y: [64, 128] });
  t.deepEqual(await results(sketch, { x: floats(60, 60) }), { y: [120, 120] });
});

test('Loop of no rounds gives what it was given', async (t) => {
  const inside = body(['more = Add s s', 'still = Identity going'], ['still', 'more']);
  for (const [count, condition] of [
    [long(0), undefined],
    [long(-1), undefined],
    [long(5), bool(false)],
  ]) {
    const nodes = [node(`y = Loop n ${condition === undefined ? '-' : 'c'} x`, graph('body', inside))];
    const initializers = { n: count!, ...(condition !== undefined && { c: condition }) };
    t.deepEqual(await results({ ...xy, nodes, initializers }, { x: floats(1, 2) }), { y: [1, 2] });
  }
});

test('names in rounds do not meet those of the file, nor of other rounds', async (t) => {
  const inside = body(
    ['Loop_2/v = Add s s', 'v = Add Loop_2/v one', 'v#2 = Identity v', 'still = Identity going'],
    ['still', 'v#2'],
  );
  const nodes = [
    node('Loop_2/0/v = Neg x'),
    node('v = Abs x'),
    node('a = Loop n - v', graph('body', inside)),
    node('y = Add a Loop_2/0/v'),
  ];
  t.deepEqual(await results({ ...xy, nodes, initializers: { n: long(3), one: floats(1) } }, { x: floats(1, 2) }), {
    y: [14, 21],
  });
});

test('a Loop that never ends, and ones that grow without bound', async (t) => {
  const endless = body(['more = Identity s', 'still = Identity going'], ['still', 'more']);
  const nested = (depth: number): GraphInit => {
    if (depth === 0) return endless;
    const inner = { ...node('more = Loop n - s', graph('body', nested(depth - 1))) };
    return { ...body([], ['still', 'more']), node: [inner, node('still = Identity going')] };
  };
  for (const inside of [endless, nested(2)]) {
    const nodes = [node('y = Loop n - x', graph('body', inside))];
    const model = onnxModel({ ...xy, nodes, initializers: { n: long(2 ** 40) } });
    await rejectsCode(t, InferenceSession.create(model), 'ERR_UNSUPPORTED_OP', '(Loop)', 'expected at most');
  }
});

test('a body that does not fit its Loop', async (t) => {
  const nodes = [node('y z = Loop n - x', graph('body', body(['still = Identity going'], ['still'])))];
  const load = InferenceSession.create(onnxModel({ ...xy, nodes, initializers: { n: long(1) } }));
  await rejectsCode(t, load, 'ERR_MODEL_FORMAT', 'Loop_0');
});

test('graphs that are no graphs', (t) => {
  const nodes = [node('y = If c', text('then_branch', 'x'))];
  throwsCode(t, () => imported({ ...xy, nodes, initializers: { c: bool(true) } }), 'ERR_MODEL_FORMAT', 'then_branch', 'GRAPH');
});
