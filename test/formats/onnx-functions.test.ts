import { create, type MessageInitShape } from '@bufbuild/protobuf';
import test from 'ava';
import { inlineFunctions } from '#lib/formats/onnx/functions.js';
import {
  type AttributeProtoSchema,
  type FunctionProtoSchema,
  type GraphProto,
  type GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProtoSchema,
} from '#lib/formats/onnx/schema/onnx_pb.js';
import { throwsCode } from '../support/throws.js';

type AttributeInit = Omit<MessageInitShape<typeof AttributeProtoSchema>, '$typeName'>;
type NodeInit = Omit<MessageInitShape<typeof NodeProtoSchema>, '$typeName'>;
type GraphInit = Omit<MessageInitShape<typeof GraphProtoSchema>, '$typeName'>;
type FunctionInit = Omit<MessageInitShape<typeof FunctionProtoSchema>, '$typeName'>;

/** `y z = Op x w`; '-' is an absent name, and an operator `f.Op` is of domain f. */
function node(text: string, attribute: readonly AttributeInit[] = []): NodeInit {
  const [output, [operator, ...input]] = text.split('=').map((side) => side.trim().split(' ')) as [
    string[],
    [string, ...string[]],
  ];
  const [opType, domain = ''] = operator.split('.').reverse() as [string, string?];
  const names = (list: readonly string[]) => list.map((name) => (name === '-' ? '' : name));
  return { opType, domain, input: names(input), output: names(output), attribute: [...attribute] };
}

const int = (name: string, i: number): AttributeInit => ({ name, type: Kind.INT, i: BigInt(i) });
const reference = (name: string, refAttrName: string, type = Kind.INT): AttributeInit => ({ name, refAttrName, type });
const graph = (name: string, nodes: readonly NodeInit[], output: string): AttributeInit => ({
  name,
  type: Kind.GRAPH,
  g: { node: [...nodes], output: [{ name: output }] },
});

function textOf({ node: nodes }: GraphProto): string[] {
  return nodes.map(({ opType, domain, input, output, attribute }) => {
    const names = (list: readonly string[]) => list.map((name) => name || '-').join(' ');
    const attributes = attribute.map(({ name, i, g }) =>
      g === undefined ? ` ${name}:${i}` : ` ${name}:{${textOf(g).join('; ')} -> ${names(g.output.map((each) => each.name))}}`,
    );
    return `${names(output)} = ${domain === '' ? '' : `${domain}.`}${opType} ${names(input)}${attributes.join('')}`;
  });
}

const opsetImport = [{ version: 17n }, { domain: 'f', version: 1n }];

function inlined(functions: readonly FunctionInit[], nodes: readonly NodeInit[], more: GraphInit = {}): GraphProto {
  const init = { irVersion: 8n, opsetImport, functions: functions.map((each) => ({ domain: 'f', opsetImport, ...each })) };
  return inlineFunctions(create(ModelProtoSchema, { ...init, graph: { ...more, node: [...nodes] } }));
}

const square: FunctionInit = { name: 'Square', input: ['x'], output: ['y'], node: [node('y = Mul x x')] };

test('a call becomes the body, with names of inner values that nothing else has', (t) => {
  const norm: FunctionInit = { name: 'Norm', input: ['x'], output: ['y'], node: [node('s = Mul x x'), node('y = Sqrt s')] };
  const result = inlined([norm], [node('s = f.Norm a'), node('y = f.Norm s')]);
  t.deepEqual(textOf(result), ['s_1 = Mul a a', 's = Sqrt s_1', 's_2 = Mul s s', 'y = Sqrt s_2']);
  const names = result.node.map(({ name }) => name);
  t.is(new Set(names).size, 4);
  t.false(names.includes(''));
});

test('functions call functions, whatever their order', (t) => {
  const twice: FunctionInit = {
    name: 'Twice',
    input: ['y'],
    output: ['x'],
    node: [node('z = f.Square y'), node('x = f.Square z')],
  };
  t.deepEqual(textOf(inlined([twice, square], [node('x = f.Twice y')])), ['z = Mul y y', 'x = Mul z z']);
});

test('an overload is a function of its own', (t) => {
  const other: FunctionInit = { ...square, overload: 'o', node: [node('y = Abs x')] };
  const call = { ...node('b = f.Square a'), overload: 'o' };
  t.deepEqual(textOf(inlined([square, other], [node('a = f.Square x'), call])), ['a = Mul x x', 'b = Abs a']);
});

test('a function of the default domain comes before the operator of its name', (t) => {
  const relu: FunctionInit = { name: 'Relu', domain: 'ai.onnx', input: ['x'], output: ['y'], node: [node('y = Max x')] };
  t.deepEqual(textOf(inlined([relu], [node('y = Relu x')])), ['y = Max x']);
});

test('attributes are the callers, the defaults, or left out', (t) => {
  const body = [node('y = Op x', [int('own', 1), reference('a', 'p'), reference('b', 'q'), reference('c', 'r')])];
  const callee: FunctionInit = {
    name: 'F',
    input: ['x'],
    output: ['y'],
    attribute: ['p', 'r'],
    attributeProto: [int('q', 5)],
    node: body,
  };
  t.deepEqual(textOf(inlined([callee], [node('y = f.F x', [int('p', 2)])])), ['y = Op x own:1 a:2 b:5']);
  t.deepEqual(textOf(inlined([callee], [node('y = f.F x', [int('q', 3), int('r', 4)])])), ['y = Op x own:1 b:3 c:4']);
});

test('attributes are passed on from function to function', (t) => {
  const inner: FunctionInit = {
    name: 'In',
    input: ['x'],
    output: ['y'],
    attribute: ['p'],
    node: [node('y = Op x', [reference('a', 'p')])],
  };
  const outer: FunctionInit = {
    name: 'Out',
    input: ['x'],
    output: ['y'],
    attribute: ['q'],
    node: [node('y = f.In x', [reference('p', 'q')])],
  };
  t.deepEqual(textOf(inlined([inner, outer], [node('y = f.Out x', [int('q', 9)])])), ['y = Op x a:9']);
  t.deepEqual(textOf(inlined([inner, outer], [node('y = f.Out x')])), ['y = Op x']);
});

test('absent inputs stay absent, and outputs that nobody reads get a name of their own', (t) => {
  const callee: FunctionInit = { name: 'F', input: ['a', 'b', 'c'], output: ['p', 'q'], node: [node('p q - = Op a b c')] };
  t.deepEqual(textOf(inlined([callee], [node('q = f.F p - ')])), ['q q_1 - = Op p - -']);
  t.deepEqual(textOf(inlined([callee], [node('- y = f.F p q r')])), ['p_1 y - = Op p q r']);
});

test('an output that is an input, or an output again, is copied', (t) => {
  const callee: FunctionInit = { name: 'F', input: ['a'], output: ['a', 'b', 'b'], node: [node('b = Op a')] };
  t.deepEqual(textOf(inlined([callee], [node('p q r = f.F x')])), ['r = Op x', 'p = Identity x', 'q = Identity r']);
  throwsCode(t, () => inlined([callee], [node('p = f.F -')]), 'ERR_MODEL_FORMAT', 'absent input');
});

test('subgraphs of a body read its values under their new names', (t) => {
  const branch: AttributeInit = {
    name: 'then',
    type: Kind.GRAPH,
    g: {
      input: [{ name: 'i' }],
      initializer: [{ name: 'w' }, { name: 'i' }],
      sparseInitializer: [{ values: { name: 's' } }],
      node: [node('v = Op x i w s'), node('x = f.Square v')],
      output: [{ name: 'x' }, { name: 'h' }],
    },
  };
  const body = [node('h = Abs x'), node('y = If h', [branch]), node('z = Op x')];
  const callee: FunctionInit = { name: 'F', input: ['x'], output: ['y', 'z'], node: body };
  const result = inlined([callee, square], [node('h i w s v = Op x'), node('y z = f.F h')]);
  t.deepEqual(textOf(result), [
    'h i w s v = Op x',
    'h_1 = Abs h',
    'y = If h_1 then:{v_1 = Op h i_1 w_1 s_1; x_1 = Mul v_1 v_1 -> x_1 h_1}',
    'z = Op h',
  ]);
  const inner = result.node[2]!.attribute[0]!.g!;
  t.deepEqual(
    inner.input.map(({ name }) => name),
    ['i_1'],
  );
  t.deepEqual(
    inner.initializer.map(({ name }) => name),
    ['w_1', 'i_1'],
  );
  t.is(inner.sparseInitializer[0]!.values!.name, 's_1');
});

test('calls in subgraphs of the graph are expanded, and its own names kept', (t) => {
  const result = inlined([square], [node('y = If c', [graph('then', [node('p = f.Square x'), node('q = f.Square p')], 'q')])]);
  t.deepEqual(textOf(result), ['y = If c then:{p = Mul x x; q = Mul p p -> q}']);
});

test('a graph that the caller passes keeps the names of the caller', (t) => {
  const body = [node('x = Op c'), node('y = If x', [reference('then', 'branch', Kind.GRAPH)])];
  const callee: FunctionInit = { name: 'F', input: ['c'], output: ['y'], attribute: ['branch'], node: body };
  const result = inlined([callee, square], [node('y = f.F c', [graph('branch', [node('p = f.Square x')], 'p')])], {
    input: [{ name: 'x' }],
  });
  t.deepEqual(textOf(result), ['x_1 = Op c', 'y = If x_1 then:{p = Mul x x -> p}']);
});

test('a model without functions keeps its graph', (t) => {
  const model = create(ModelProtoSchema, { graph: { node: [node('y = Relu x')] } });
  t.is(inlineFunctions(model), model.graph!);
});

const bodies: readonly (readonly [string, FunctionInit, string])[] = [
  ['reads what it does not define', { input: ['x'], node: [node('y = Add x a')] }, '"a"'],
  ['reads what it defines later', { input: ['x'], node: [node('y = Abs z'), node('z = Abs x')] }, '"z"'],
  ['does not define its output', { input: ['x'], node: [node('z = Abs x')] }, '"y"'],
  ['defines a value twice', { input: ['x'], node: [node('y = Abs x'), node('y = Abs x')] }, '"y" once'],
  ['defines its input', { input: ['x'], node: [node('x = Abs x'), node('y = Abs x')] }, '"x" once'],
  ['has two inputs of one name', { input: ['x', 'x'], node: [node('y = Abs x')] }, '"x" again'],
  ['refers to an attribute it does not have', { input: ['x'], node: [node('y = Abs x', [reference('a', 'p')])] }, '"p"'],
  ['calls itself', { input: ['x'], node: [node('y = f.F x')] }, 'call themselves'],
  [
    'calls itself in a subgraph',
    { input: ['x'], node: [node('y = If x', [graph('then', [node('z = f.F x')], 'z')])] },
    'call themselves',
  ],
  ['takes fewer inputs', { node: [node('y = Abs -')] }, '0 inputs and 1 outputs'],
  ['is written for another opset', { input: ['x'], opsetImport: [{ version: 13n }] }, 'opset 17'],
];
for (const [what, body, text] of bodies) {
  test(`refused: a function that ${what}`, (t) => {
    const code = body.opsetImport === undefined ? 'ERR_MODEL_FORMAT' : 'ERR_UNSUPPORTED_OP';
    throwsCode(t, () => inlined([{ name: 'F', output: ['y'], ...body }], [node('b = f.F a')]), code, 'function "F"', text);
  });
}

test('refused: calls with attributes that the function does not have, or of another type', (t) => {
  const callee: FunctionInit = { ...square, attribute: ['p'], node: [node('y = Op x', [reference('a', 'p')])] };
  throwsCode(t, () => inlined([callee], [node('b = f.Square a', [int('q', 1)])]), 'ERR_MODEL_FORMAT', '"q"');
  const given: AttributeInit = { name: 'p', type: Kind.FLOAT, f: 1 };
  throwsCode(t, () => inlined([callee], [node('b = f.Square a', [given])]), 'ERR_MODEL_FORMAT', 'expected INT, got FLOAT');
});

test('refused: two functions of one name, and functions that call each other', (t) => {
  throwsCode(t, () => inlined([square, square], []), 'ERR_MODEL_FORMAT', '"Square"');
  const first: FunctionInit = { name: 'A', input: ['x'], output: ['y'], node: [node('y = f.B x')] };
  const second: FunctionInit = { name: 'B', input: ['x'], output: ['y'], node: [node('y = f.A x')] };
  throwsCode(t, () => inlined([first, second], [node('b = f.A a')]), 'ERR_MODEL_FORMAT', 'call themselves');
});

/** F0 calls F1, which calls F2, and so on. */
function chain(length: number, bodyOf: (next: string) => readonly NodeInit[], more: FunctionInit = {}): FunctionInit[] {
  const last: FunctionInit = { name: `F${length}`, input: ['x'], output: ['y'], node: [node('y = Abs x')], ...more };
  const callers = Array.from(
    { length },
    (_, i): FunctionInit => ({ ...last, name: `F${i}`, node: [...bodyOf(`f.F${i + 1}`)] }),
  );
  return [...callers, last];
}

test('refused: expansions that double with each function', (t) => {
  const doubled = chain(40, (next) => [node(`z = ${next} x`), node(`y = ${next} z`)]);
  throwsCode(t, () => inlined(doubled, [node('b = f.F0 a')]), 'ERR_MODEL_FORMAT', 'at most 1048576');
  const branches = [reference('then', 'g', Kind.GRAPH), reference('else', 'g', Kind.GRAPH)];
  const passed = chain(40, (next) => [node(`y = ${next} x`, [graph('g', [node('z = If x', branches)], 'z')])], {
    attribute: ['g'],
  });
  throwsCode(
    t,
    () => inlined(passed, [node('b = f.F0 a', [graph('g', [node('z = Abs a')], 'z')])]),
    'ERR_MODEL_FORMAT',
    'at most 1048576',
  );
});

test('refused: functions that are called too deep', (t) => {
  const deep = (length: number) =>
    inlined(
      chain(length, (next) => [node(`y = ${next} x`)]),
      [node('b = f.F0 a')],
    );
  t.deepEqual(textOf(deep(63)), ['b = Abs a']);
  throwsCode(t, () => deep(64), 'ERR_MODEL_FORMAT', 'at most 64 deep');
});

test('long names do not multiply', (t) => {
  const long = 'x'.repeat(100_000);
  const callee: FunctionInit = {
    name: 'F',
    input: ['x'],
    output: ['y'],
    node: [node(`${long} = Abs x`), node(`y = Abs ${long}`)],
  };
  const result = inlined(
    [callee],
    Array.from({ length: 100 }, (_, i) => node(`y${i} = f.F x`)),
  );
  const lengths = result.node.flatMap(({ output }) => output.map((name) => name.length));
  t.true(lengths.reduce((sum, length) => sum + length) < 2 * long.length);
});
