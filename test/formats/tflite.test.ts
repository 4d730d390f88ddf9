import test from 'ava';
import { builder as flexBuilder } from 'flatbuffers/js/flexbuffers.js';
import { OctensorError, Tensor } from 'octensor';
import { readFlexMap } from '#lib/formats/tflite/flex-map.js';
import { importTflite } from '#lib/formats/tflite/import.js';
import {
  ActivationFunctionType,
  addOptions,
  BuiltinOperator,
  buildModel,
  convOptions,
  float32Data,
  int32Data,
  type ModelSpec,
  type OperatorSpec,
  svdfOptions,
  type TensorSpec,
  TensorType,
} from '../support/tflite-model.js';
import { throwsCode } from '../support/throws.js';

type Constants = ReadonlyMap<string, Tensor>;

const quantizedConv: ModelSpec = {
  tensors: [
    { name: 'x', type: TensorType.INT8, shape: [1, 4, 4, 2], scale: [0.5], zeroPoint: [-3] },
    {
      name: 'w',
      type: TensorType.INT8,
      shape: [3, 1, 1, 2],
      data: Uint8Array.of(1, 2, 3, 4, 5, 255),
      scale: [1, 2, 3],
      zeroPoint: [0, 0, 0],
    },
    {
      name: 'b',
      type: TensorType.INT32,
      shape: [3],
      data: int32Data(7, -8, 9),
      scale: [0.5, 1, 1.5],
      zeroPoint: [0, 0, 0],
      axis: 3,
    },
    { name: 'y', type: TensorType.INT8, shape: [1, 2, 2, 3], scale: [0.25], zeroPoint: [4] },
  ],
  operators: [
    {
      code: BuiltinOperator.CONV_2D,
      version: 3,
      inputs: [0, 1, 2],
      outputs: [3],
      options: convOptions(ActivationFunctionType.RELU6, 2),
    },
  ],
  inputs: [0],
  outputs: [3],
  description: 'a test',
  metadata: ['min_runtime_version'],
};

test('a quantized convolution, with its parameters, constants and options', (t) => {
  const graph = importTflite(buildModel(quantizedConv));
  t.is(graph.numerics, 'tflite');
  t.deepEqual(graph.inputs, ['x']);
  t.deepEqual(graph.outputs, ['y']);
  const attributes = { padding: 'same', strides: [2, 2], dilations: [1, 1], activation: 'relu6' };
  t.deepEqual(graph.nodes, [{ name: 'y', op: 'Conv2D', attributes, inputs: ['x', 'w', 'b'], outputs: ['y'] }]);
  t.deepEqual(graph.values.get('x')?.qparams, { dtype: 'int8', scale: 0.5, zeroPoint: -3 });
  const perChannel = { dtype: 'int8', scale: Float32Array.of(1, 2, 3), zeroPoint: new Int32Array(3), axis: 0 } as const;
  t.deepEqual(graph.values.get('w')?.qparams, perChannel);
  t.is(graph.values.get('b')?.qparams?.axis, 0, 'the only axis a bias has');
  t.deepEqual(graph.constants.get('w')?.data, Int8Array.of(1, 2, 3, 4, 5, -1));
  t.deepEqual(graph.constants.get('b')?.data, Int32Array.of(7, -8, 9));
  t.deepEqual(graph.metadata, { format: 'tflite', version: '3', description: 'a test', entries: 'min_runtime_version' });
});

test('constants are copies, whatever array the file is in', (t) => {
  const bytes = Buffer.from(buildModel(quantizedConv));
  const graph = importTflite(bytes);
  bytes.fill(0);
  t.deepEqual(graph.constants.get('b')?.data, Int32Array.of(7, -8, 9));
});

/** One operator on float tensors; the first tensor is the input, the last the output. */
function single(operator: Omit<OperatorSpec, 'inputs' | 'outputs'>, ...tensors: readonly TensorSpec[]): ModelSpec {
  const last = tensors.length - 1;
  const inputs = Array.from({ length: last }, (_, i) => i);
  return { tensors, operators: [{ ...operator, inputs, outputs: [last] }], inputs: [0], outputs: [last] };
}

function onlyNode(spec: ModelSpec) {
  const { nodes } = importTflite(buildModel(spec));
  if (nodes.length !== 1) throw new Error(`expected one node, got ${nodes.length}`);
  return nodes[0]!;
}

test('inputs that describe others are attributes, and no constants of the graph', (t) => {
  const pads: TensorSpec = { name: 'pads', type: TensorType.INT32, shape: [2, 2], data: int32Data(1, 2, 0, 3) };
  const spec = single({ code: BuiltinOperator.PAD }, { name: 'x', shape: [2, 3] }, pads, { name: 'y', shape: [5, 6] });
  t.deepEqual(onlyNode(spec), { name: 'y', op: 'Pad', attributes: { pads: [1, 2, 0, 3] }, inputs: ['x'], outputs: ['y'] });
  const graph = importTflite(buildModel(spec));
  t.deepEqual([...graph.values.keys()], ['x', 'y']);
  t.is(graph.constants.size, 0);
});

test('an operator code may stand in the old field, the new one, or both', (t) => {
  const y: TensorSpec = { name: 'y', shape: [2] };
  for (const isOldCode of [true, false]) {
    t.is(onlyNode(single({ code: BuiltinOperator.TANH, isOldCode }, { shape: [2] }, y)).op, 'Tanh');
  }
  const fields = single({ code: BuiltinOperator.BROADCAST_TO, version: 2 }, { shape: [2] }, intConstant(3, 2), {
    shape: [3, 2],
  });
  t.is(onlyNode(fields).op, 'BroadcastTo', 'a code above 127');
});

function intConstant(...values: readonly number[]): TensorSpec {
  return { type: TensorType.INT32, shape: [values.length], data: int32Data(...values) };
}

test('shapes that are computed from static shapes are attributes', (t) => {
  const int32 = TensorType.INT32;
  const graph = importTflite(
    buildModel({
      tensors: [
        { name: 'x', shape: [2, 3, 4] },
        { name: 'shape', type: int32, shape: [3] },
        intConstant(1),
        intConstant(2),
        intConstant(1),
        { name: 'slice', type: int32, shape: [1] },
        { name: 'packed', type: int32, shape: [1, 1] },
        intConstant(-1),
        { name: 'target', type: int32, shape: [2] },
        { name: 'y', shape: [1, 1] },
      ],
      operators: [
        { code: BuiltinOperator.SHAPE, inputs: [0], outputs: [1] },
        { code: BuiltinOperator.STRIDED_SLICE, inputs: [1, 2, 3, 4], outputs: [5] },
        { code: BuiltinOperator.CONCATENATION, inputs: [5, 7], outputs: [8] },
        { code: BuiltinOperator.RESHAPE, inputs: [0, 8], outputs: [9] },
      ],
      inputs: [0],
      outputs: [9],
    }),
  );
  t.deepEqual(graph.nodes, [{ name: 'y', op: 'Reshape', attributes: { shape: [3, -1] }, inputs: ['x'], outputs: ['y'] }]);
  t.deepEqual(graph.values.get('y')?.dims, [3, 8], 'inferred, not as the file says');
});

test('a shape that depends on data is refused, with node, operator and version', (t) => {
  const shape: TensorSpec = { name: 'shape', type: TensorType.INT32, shape: [1] };
  const spec = single({ code: BuiltinOperator.RESHAPE }, { name: 'x', shape: [4] }, shape, { name: 'y', shape: [4] });
  const bytes = buildModel({ ...spec, inputs: [0, 1] });
  throwsCode(t, () => importTflite(bytes), 'ERR_UNSUPPORTED_OP', '"y"', 'RESHAPE, version 1', '"shape"');
});

test('operators that are not known, or newer, are refused with node, operator and version', (t) => {
  const tensors: readonly TensorSpec[] = [
    { name: 'x', shape: [2] },
    { name: 'y', shape: [2] },
  ];
  const refuse = (operator: Omit<OperatorSpec, 'inputs' | 'outputs'>, ...texts: readonly string[]) =>
    throwsCode(t, () => importTflite(buildModel(single(operator, ...tensors))), 'ERR_UNSUPPORTED_OP', 'node "y"', ...texts);
  refuse({ code: BuiltinOperator.WHILE }, 'WHILE, version 1');
  refuse({ code: BuiltinOperator.TANH, version: 9 }, 'TANH, version 9');
  refuse({ code: BuiltinOperator.CUSTOM, custom: 'FlexErf' }, 'FlexErf, version 1');
  refuse({ code: 999 as typeof BuiltinOperator.ADD }, 'operator 999');
});

test('float16 constants stay as they are, before the operator that makes float32 of them', (t) => {
  const half: TensorSpec = { name: 'h', type: TensorType.FLOAT16, shape: [2], data: Uint8Array.of(0, 0x3c, 0, 0xc0) };
  const graph = importTflite(
    buildModel({
      tensors: [{ name: 'x', shape: [2] }, half, { name: 'd', shape: [2] }, { name: 'y', shape: [2] }],
      operators: [
        { code: BuiltinOperator.DEQUANTIZE, version: 3, inputs: [1], outputs: [2] },
        { code: BuiltinOperator.ADD, inputs: [0, 2], outputs: [3], options: addOptions(ActivationFunctionType.NONE) },
      ],
      inputs: [0],
      outputs: [3],
    }),
  );
  t.is(graph.constants.get('h')?.type, 'float16');
  t.deepEqual(graph.constants.get('h')?.data, Uint16Array.of(0x3c00, 0xc000));
  t.deepEqual(
    graph.nodes.map(({ op }) => op),
    ['Dequantize', 'Add'],
  );
});

test('data behind the FlatBuffer is found', (t) => {
  const constant: TensorSpec = { name: 'c', shape: [2], data: float32Data(1.5, -2), isExternal: true };
  const options = addOptions(ActivationFunctionType.NONE);
  const spec = single({ code: BuiltinOperator.ADD, options }, { name: 'x', shape: [2] }, constant, { name: 'y', shape: [2] });
  const bytes = buildModel(spec);
  t.deepEqual(importTflite(bytes).constants.get('c')?.data, Float32Array.of(1.5, -2));
  throwsCode(t, () => importTflite(bytes.subarray(0, bytes.length - 1)), 'ERR_MODEL_FORMAT', 'offsets inside the file');
});

test('a fused tanh is a node of its own; a quantized one and a sign bit are refused', (t) => {
  const tensors = (type: TensorSpec): ModelSpec['tensors'] => [
    { ...type, name: 'a' },
    { ...type, name: 'b' },
    { ...type, name: 'y' },
  ];
  const add = (activation: Parameters<typeof addOptions>[0], type: TensorSpec) => {
    const spec = single({ code: BuiltinOperator.ADD, options: addOptions(activation) }, ...tensors(type));
    return importTflite(buildModel({ ...spec, inputs: [0, 1] }));
  };
  const graph = add(ActivationFunctionType.TANH, { shape: [2] });
  t.deepEqual(
    graph.nodes.map(({ op, outputs }) => [op, ...outputs]),
    [
      ['Add', 'y/linear'],
      ['Tanh', 'y'],
    ],
  );
  t.is(graph.nodes[0]?.attributes.activation, 'none');
  const int8: TensorSpec = { type: TensorType.INT8, shape: [2], scale: [1], zeroPoint: [0] };
  throwsCode(t, () => add(ActivationFunctionType.TANH, int8), 'ERR_UNSUPPORTED_OP', 'tanh');
  throwsCode(t, () => add(ActivationFunctionType.SIGN_BIT, { shape: [2] }), 'ERR_UNSUPPORTED_OP', 'SIGN_BIT');
});

test('names are made unique, and none is empty', (t) => {
  const tanh = (from: number, to: number): OperatorSpec => ({ code: BuiltinOperator.TANH, inputs: [from], outputs: [to] });
  const names = ['a', 'a', '', 'a#2', 'a'];
  const graph = importTflite(
    buildModel({
      tensors: names.map((name) => ({ name, shape: [1] })),
      operators: [tanh(0, 1), tanh(1, 2), tanh(2, 3), tanh(3, 4)],
      inputs: [0],
      outputs: [4],
    }),
  );
  t.deepEqual(graph.inputs, ['a']);
  t.is(graph.values.size, names.length);
  t.false(graph.values.has(''));
  t.is(new Set(graph.nodes.map(({ name }) => name)).size, graph.nodes.length);
});

const svdf: ModelSpec = {
  tensors: [
    { name: 'x', shape: [1, 2] },
    { name: 'feature', shape: [2, 2], data: float32Data(1, 2, 3, 4) },
    { name: 'time', shape: [2, 3], data: float32Data(1, 2, 3, 4, 5, 6) },
    { name: 'state', shape: [1, 6], isVariable: true },
    { name: 'y', shape: [1, 2] },
  ],
  operators: [{ code: BuiltinOperator.SVDF, inputs: [0, 1, 2, -1, 3], outputs: [4], options: svdfOptions(1) }],
  inputs: [0],
  outputs: [4],
};

test('a variable tensor is a state, of one operator', (t) => {
  const graph = importTflite(buildModel(svdf));
  t.deepEqual(graph.nodes[0]?.inputs, ['x', 'feature', 'time', '', 'state']);
  t.deepEqual(graph.nodes[0]?.outputs, ['y', 'state/next']);
  t.deepEqual(graph.states, [
    { current: 'state', next: 'state/next', initial: new Tensor('float32', new Float32Array(6), [1, 6]) },
  ]);
  t.true(graph.values.has('state') && graph.values.has('state/next'));
  const tensors = svdf.tensors.map((tensor) => (tensor.name === 'state' ? { ...tensor, isVariable: false } : tensor));
  throwsCode(t, () => importTflite(buildModel({ ...svdf, tensors })), 'ERR_UNSUPPORTED_OP', 'variable tensor');
});

test('tensors are checked', (t) => {
  const tanh = (x: TensorSpec, y: TensorSpec = { name: 'y', shape: [2] }) => single({ code: BuiltinOperator.TANH }, x, y);
  const refuse = (x: TensorSpec, ...texts: readonly string[]) =>
    throwsCode(t, () => importTflite(buildModel(tanh({ name: 'x', ...x }))), 'ERR_MODEL_FORMAT', '"x"', ...texts);
  refuse({ shape: [-1, 2] }, 'dimensions >= 0', '[-1, 2]');
  refuse({ shape: [65536, 65536] }, 'product');
  refuse({ shape: [0, 65536, 65536] }, 'product');
  refuse({ shape: new Array(17).fill(1) }, '16 dimensions, got 17');
  refuse({ shape: [2], buffer: 99 }, 'buffer from 0 to');
  const int8 = { type: TensorType.INT8, shape: [2] };
  refuse({ ...int8, scale: [0] }, 'scale');
  refuse({ ...int8, scale: [NaN] }, 'scale');
  refuse({ ...int8, scale: [1], zeroPoint: [128] }, 'zero point from -128 to 127', '128');
  refuse({ ...int8, scale: [1, 1], zeroPoint: [0, 0, 0] }, '2 zero points');
  refuse({ ...int8, scale: [1, 1, 1], zeroPoint: [0, 0, 0] }, 'scale');
  const constant = (tensor: Partial<TensorSpec>): ModelSpec => ({ ...tanh({ name: 'x', shape: [2], ...tensor }), inputs: [] });
  throwsCode(t, () => importTflite(buildModel(constant({}))), 'ERR_MODEL_FORMAT', 'nothing before it produces');
  throwsCode(
    t,
    () => importTflite(buildModel(constant({ data: float32Data(1) }))),
    'ERR_MODEL_FORMAT',
    '2 elements',
    'got a buffer of 1',
  );
  throwsCode(
    t,
    () => importTflite(buildModel(constant({ data: new Uint8Array(7) }))),
    'ERR_MODEL_FORMAT',
    'whole float32',
    '7 bytes',
  );
  throwsCode(t, () => importTflite(buildModel(constant({ type: TensorType.STRING }))), 'ERR_UNSUPPORTED_OP', 'STRING');
  throwsCode(t, () => importTflite(buildModel(constant({ isSparse: true }))), 'ERR_UNSUPPORTED_OP', 'sparse');
});

test('the structure of a graph is checked', (t) => {
  const refuse = (change: Partial<ModelSpec>, ...texts: readonly string[]) =>
    throwsCode(t, () => importTflite(buildModel({ ...quantizedConv, ...change })), 'ERR_MODEL_FORMAT', ...texts);
  const [conv] = quantizedConv.operators as readonly [OperatorSpec];
  refuse({ inputs: [4] }, 'subgraph input', 'from 0 to 3', 'got 4');
  refuse({ inputs: [0, 0] }, 'subgraph input', '"x"');
  refuse({ inputs: [0, 3] }, '"y"');
  refuse({ inputs: [0, 1] }, '"w"');
  refuse({ outputs: [-2] }, 'subgraph output', 'got -2');
  refuse({ operators: [] }, '"y"', 'nothing before it produces');
  refuse({ operators: [{ ...conv, outputs: [] }] }, 'expected an output');
  refuse({ operators: [conv, conv] }, 'the only one that produces', '"y"');
  refuse({ operators: [{ ...conv, inputs: [0, 7] }] }, 'got 7');
  refuse({ operators: [{ ...conv, options: addOptions(0) }] }, 'Conv2DOptions', 'AddOptions');
  refuse({ version: 2 }, 'schema version', '3', '2');
});

test('options that are absent are the defaults of the schema', (t) => {
  const { options: _, ...code } = { ...quantizedConv.operators[0]! };
  // Strides of 0 among them.
  throwsCode(t, () => importTflite(buildModel({ ...quantizedConv, operators: [code] })), 'ERR_MODEL_FORMAT', 'strides');
  const leaky = single({ code: BuiltinOperator.LEAKY_RELU }, { name: 'x', shape: [2] }, { name: 'y', shape: [2] });
  t.deepEqual(onlyNode(leaky).attributes, { alpha: 0 });
});

test('what is no TFLite file is refused', (t) => {
  throwsCode(t, () => importTflite(new Uint8Array()), 'ERR_MODEL_FORMAT', 'identifier');
  throwsCode(t, () => importTflite(new TextEncoder().encode('any model at all')), 'ERR_MODEL_FORMAT', 'TFL3', '"mode"');
});

function flexMap(entries: Readonly<Record<string, number | boolean | string>>): Uint8Array {
  const flex = flexBuilder();
  flex.startMap();
  for (const [key, value] of Object.entries(entries)) {
    flex.addKey(key);
    flex.add(value);
  }
  flex.end();
  return flex.finish().slice();
}

test('options of custom operators', (t) => {
  const maps = [
    { a: 1, b: -2, c: true },
    { a: -3, c: 70_000, d: 0.5 },
    { d: 0.1, e: false, f: 2 ** 40 },
  ];
  for (const options of maps) t.deepEqual(Object.fromEntries(readFlexMap(flexMap(options))), options);
  t.deepEqual([...readFlexMap(flexMap({ text: 'is left out', n: 3 }))], [['n', 3]]);
});

test('options of custom operators, cut off and changed', (t) => {
  const valid = flexMap({ a: 1, b: -2, c: 70_000, d: 0.5, e: true });
  throwsCode(t, () => readFlexMap(new Uint8Array()), 'ERR_MODEL_FORMAT');
  const survives = (bytes: Uint8Array) => {
    try {
      t.true(readFlexMap(bytes).size <= bytes.length);
    } catch (error) {
      t.true(error instanceof OctensorError, String(error));
    }
  };
  for (let length = 0; length < valid.length; length++) survives(valid.subarray(0, length));
  for (let i = 0; i < valid.length; i++) {
    for (let value = 0; value < 256; value++) survives(valid.with(i, value));
  }
});

test('constants are copies of the file, or parts of it where it is given away', (t) => {
  const bytes = buildModel(quantizedConv);
  const [copies, parts] = [false, true].map((keepsBytes) => importTflite(bytes, { keepsBytes }).constants) as [
    Constants,
    Constants,
  ];
  const isPart = ({ data }: Tensor) => (data as Uint8Array).buffer === bytes.buffer;
  t.false([...copies.values()].some(isPart));
  t.true([...parts.values()].some(isPart));
  t.deepEqual([...parts], [...copies]);
  bytes.fill(0);
  t.notDeepEqual([...parts], [...copies]);
});
