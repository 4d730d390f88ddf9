/** Whatever the bytes are, import ends soon, in a graph or a typed error. */

import test, { type ExecutionContext } from 'ava';
import { Builder } from 'flatbuffers';
import { OctensorError } from 'octensor';
import { importTflite } from '#lib/formats/tflite/import.js';
import { builtinRules } from '#lib/formats/tflite/op-table.js';
import * as fb from '#lib/formats/tflite/schema/tflite_generated.js';
import { Random } from '../support/random.js';
import { smallModel } from '../support/small-model.js';
import { BuiltinOperator, buildModel, float32Data, int32Data, type TensorSpec, TensorType } from '../support/tflite-model.js';
import { throwsCode } from '../support/throws.js';

const valid = smallModel;

/** Imports, and returns whether there was a graph; fails the test for any error that is not typed. */
function survives(t: ExecutionContext, bytes: Uint8Array, what: string): boolean {
  try {
    importTflite(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof OctensorError)) t.fail(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
    return false;
  }
}

test('the file that the others are made of is valid', (t) => {
  t.deepEqual(
    importTflite(valid).nodes.map(({ op }) => op),
    ['Conv2D', 'Reshape', 'Dequantize', 'Add', 'Tanh'],
  );
});

test('files cut off anywhere', (t) => {
  // The last data lies at the very end, so no shorter file is whole.
  for (let length = 0; length < valid.length; length++) {
    t.false(survives(t, valid.subarray(0, length), `${length} bytes`), `${length} bytes`);
  }
});

test('a file in the middle of other bytes is read as if it were alone', (t) => {
  const around = new Uint8Array(valid.length + 200).fill(1);
  around.set(valid, 100);
  t.deepEqual(importTflite(around.subarray(100, 100 + valid.length)), importTflite(valid));
  t.false(survives(t, around.subarray(100, 100 + valid.length - 1), 'one byte less'));
});

test('any byte, changed', (t) => {
  const random = new Random(1);
  let graphs = 0;
  const bytes = valid.slice();
  for (let offset = 0; offset < bytes.length; offset++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff, random.integer(0, 255)]) {
      bytes[offset] = value;
      if (survives(t, bytes, `byte ${offset} is ${value}`)) graphs++;
    }
    bytes[offset] = valid[offset]!;
  }
  t.true(graphs > 0, 'padding and data may be anything');
});

test('several bytes, changed', (t) => {
  const random = new Random(2);
  for (let i = 0; i < 4000; i++) {
    const bytes = valid.slice();
    for (let k = random.integer(2, 6); k > 0; k--) bytes[random.integer(8, bytes.length - 1)] = random.integer(0, 255);
    survives(t, bytes, `seeded file ${i}`);
  }
  t.pass();
});

test('any offset or length, at its extremes or pointing at itself or backwards', (t) => {
  const bytes = valid.slice();
  const view = new DataView(bytes.buffer);
  const extremes = [0, 1, -1, -4, 4, 2 ** 31 - 1, -(2 ** 31), 0x7fff, 0x10000, valid.length];
  for (let offset = 0; offset + 4 <= bytes.length; offset += 4) {
    if (offset === 4) continue; // the identifier
    const original = view.getInt32(offset, true);
    for (const value of [...extremes, -offset, valid.length - offset, original + 1, original - 1]) {
      view.setInt32(offset, value, true);
      survives(t, bytes, `offset ${offset} is ${value}`);
    }
    view.setInt32(offset, original, true);
  }
  t.pass();
});

test('parts that are shared without end cost no more than the file is worth', (t) => {
  const count = 20_000;
  const builder = new Builder(1024);
  const name = builder.createString('x'.repeat(1000));
  fb.Tensor.startTensor(builder);
  fb.Tensor.addName(builder, name);
  const tensor = fb.Tensor.endTensor(builder);
  // As many tensors, all of them the same table, with the same long name.
  const tensors = fb.SubGraph.createTensorsVector(builder, new Array<number>(count).fill(tensor));
  const inputs = fb.SubGraph.createInputsVector(
    builder,
    Array.from({ length: count }, (_, i) => i),
  );
  fb.SubGraph.startSubGraph(builder);
  fb.SubGraph.addTensors(builder, tensors);
  fb.SubGraph.addInputs(builder, inputs);
  const subgraph = fb.SubGraph.endSubGraph(builder);
  const subgraphs = fb.Model.createSubgraphsVector(builder, [subgraph]);
  fb.Model.startModel(builder);
  fb.Model.addVersion(builder, 3);
  fb.Model.addSubgraphs(builder, subgraphs);
  fb.Model.finishModelBuffer(builder, fb.Model.endModel(builder));
  throwsCode(t, () => importTflite(builder.asUint8Array()), 'ERR_MODEL_FORMAT', 'far more to read than there is');
});

test('a state is not as large as a file says', (t) => {
  const tensors = [
    { name: 'x', shape: [1, 2] },
    { name: 'feature', shape: [2, 2], data: float32Data(1, 2, 3, 4) },
    { name: 'time', shape: [2, 3], data: float32Data(1, 2, 3, 4, 5, 6) },
    { name: 'state', shape: [2 ** 15, 2 ** 15], isVariable: true },
    { name: 'y', shape: [1, 2] },
  ];
  const operators = [{ code: BuiltinOperator.SVDF, inputs: [0, 1, 2, -1, 3], outputs: [4] }];
  const bytes = buildModel({ tensors, operators, inputs: [0], outputs: [4] });
  throwsCode(t, () => importTflite(bytes), 'ERR_UNSUPPORTED_OP', 'states of at most');
});

/** Shapes and axes that are computed while a file is read come from operators of every kind. */
const extremeNumbers = [0, 1, -1, 2, 3, 4, 2 ** 31 - 1, -(2 ** 31)];
const integerTypes = [TensorType.INT32, TensorType.INT64, TensorType.BOOL] as const;
const otherTypes = [TensorType.FLOAT32, TensorType.INT8, TensorType.COMPLEX64] as const;
const shapes: readonly (readonly number[])[] = [[], [1], [2], [4], [2, 2], [1, 2, 2, 1], [0]];

/** Mostly of one type and shape in one model, so that operators accept many of them. */
function randomConstant(random: Random, usual: Required<Pick<TensorSpec, 'type' | 'shape'>>): TensorSpec {
  const type = random.integer(0, 5) > 0 ? usual.type : random.pick([...integerTypes, ...otherTypes]);
  const shape = random.integer(0, 2) > 0 ? usual.shape : random.pick(shapes);
  const sizeBytes =
    { [TensorType.INT8]: 1, [TensorType.BOOL]: 1, [TensorType.INT64]: 8, [TensorType.COMPLEX64]: 8 }[type as number] ?? 4;
  const length = shape.reduce((size, dim) => size * dim, 1);
  const data = new Uint8Array(length * sizeBytes);
  for (let i = 0; i < length; i++) {
    const number = int32Data(random.pick(extremeNumbers));
    for (let k = 0; k < sizeBytes; k++) data[i * sizeBytes + k] = number[k] ?? (number[3]! & 0x80 ? 0xff : 0);
  }
  return { type, shape, data };
}

function withoutData({ type, shape }: TensorSpec): TensorSpec {
  return { shape, ...(type !== undefined && { type }) };
}

for (const [code, { op, version }] of builtinRules) {
  test(`${BuiltinOperator[code]} (${op}) of constants that make no sense`, (t) => {
    const random = new Random(code);
    for (let i = 0; i < 400; i++) {
      const usual = { type: random.pick(integerTypes), shape: random.pick(shapes) };
      const constants = Array.from({ length: random.pick([1, 1, 2, 2, 3, 4, 5]) }, () => randomConstant(random, usual));
      const outputs = Array.from({ length: random.pick([1, 1, 1, 2]) }, () => withoutData(randomConstant(random, usual)));
      const inputs = constants.map((_, k) => (random.integer(0, 19) === 0 ? -1 : k));
      const operator = { code, version, inputs, outputs: outputs.map((_, k) => constants.length + k) };
      survives(
        t,
        buildModel({ tensors: [...constants, ...outputs], operators: [operator], inputs: [], outputs: [] }),
        `model ${i}`,
      );
    }
    t.pass();
  });
}
