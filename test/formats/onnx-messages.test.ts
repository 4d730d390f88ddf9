/** The messages of an ONNX file: versions, dimensions, and bytes that are none. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { type ErrorCode, OctensorError } from 'octensor';
import { dataTypeOf, dimsOf, maxOpset, minOpset, opsetOf, readOnnxModel, tensorTypeOf } from '#lib/formats/onnx/model.js';
import {
  ModelProtoSchema,
  TensorProto_DataType as OnnxType,
  type TensorProtoSchema,
  TypeProtoSchema,
} from '#lib/formats/onnx/schema/onnx_pb.js';
import { throwsCode } from '../support/throws.js';

type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type ModelInit = MessageInitShape<typeof ModelProtoSchema>;

const model: ModelInit = { irVersion: 8n, graph: {}, opsetImport: [{ version: 13n }] };
const fileOf = (init: ModelInit): Uint8Array<ArrayBuffer> => toBinary(ModelProtoSchema, create(ModelProtoSchema, init));
const readModel = (changes: ModelInit) => readOnnxModel(fileOf({ ...model, ...changes } as ModelInit));

test('the default operator set has two names', (t) => {
  const imports = [{ version: 13n }, { domain: 'ai.onnx', version: 13n }, { domain: 'com.microsoft', version: 1n }];
  const proto = readModel({ opsetImport: imports });
  t.is(opsetOf(proto, ''), 13);
  t.is(opsetOf(proto, 'ai.onnx'), 13);
  t.is(opsetOf(proto, 'com.microsoft'), 1);
  throwsCode(t, () => opsetOf(proto, 'ai.onnx.ml'), 'ERR_MODEL_FORMAT', 'ai.onnx.ml');
});

test('an operator set that only a function imports is known', (t) => {
  const functions = [{ name: 'f', opsetImport: [{ version: 13n }, { domain: 'other', version: 2n }] }];
  t.is(opsetOf(readModel({ functions }), 'other'), 2);
});

test('models of other versions, or without what a model has, are refused', (t) => {
  for (const version of [minOpset, maxOpset])
    t.is(opsetOf(readModel({ opsetImport: [{ version: BigInt(version) }] }), ''), version);
  const wrong: readonly (readonly [ModelInit, ErrorCode, string])[] = [
    [{ opsetImport: [{ version: BigInt(minOpset) - 1n }] }, 'ERR_MODEL_FORMAT', 'version >= 1'],
    [
      { opsetImport: [{ version: BigInt(maxOpset) + 1n }] },
      'ERR_UNSUPPORTED_OP',
      `opset ${minOpset} to ${maxOpset}, got ${maxOpset + 1}`,
    ],
    [{ opsetImport: [{ version: -1n }] }, 'ERR_MODEL_FORMAT', 'version >= 1'],
    [{ opsetImport: [{ version: 13n }, { domain: 'ai.onnx', version: 12n }] }, 'ERR_MODEL_FORMAT', 'one version'],
    [{ opsetImport: [] }, 'ERR_MODEL_FORMAT', 'opset_import'],
    [{ irVersion: 0n }, 'ERR_MODEL_FORMAT', 'ir_version'],
    [{ irVersion: 2n }, 'ERR_UNSUPPORTED_OP', 'ir_version'],
    [{ irVersion: 99n }, 'ERR_UNSUPPORTED_OP', 'ir_version'],
  ];
  for (const [changes, code, text] of wrong) throwsCode(t, () => readModel(changes), code, text);
  const { graph: _, ...withoutGraph } = model as { graph: unknown };
  throwsCode(t, () => readOnnxModel(fileOf(withoutGraph as ModelInit)), 'ERR_MODEL_FORMAT', 'expected a graph');
});

test('every beginning of a file, and every byte changed, is read or refused with a typed error', (t) => {
  const initializer: TensorInit[] = [{ name: 'w', dims: [2n], dataType: OnnxType.FLOAT, floatData: [1, 2] }];
  const node = [
    { opType: 'Add', input: ['x', 'w'], output: ['y'], attribute: [{ name: 'a', ints: [1n, -1n], floats: [1, 2] }] },
  ];
  const file = fileOf({ ...model, graph: { initializer, node } } as ModelInit);
  const attempt = (bytes: Uint8Array) => {
    try {
      return readOnnxModel(bytes) !== undefined;
    } catch (error) {
      return error instanceof OctensorError;
    }
  };
  for (let length = 0; length < file.length; length++) t.true(attempt(file.subarray(0, length)), `the first ${length} bytes`);
  for (let at = 0; at < file.length; at++) {
    for (const change of [1, 2, 4, 7, 8, 0x80, 0xff]) {
      const changed = file.slice();
      changed[at]! ^= change;
      t.true(attempt(changed), `byte ${at} xor ${change}`);
    }
  }
});

/** Field `number`, of wire type 2. */
const field = (number: number, content: Uint8Array): Uint8Array => {
  const lengths: number[] = [];
  let rest = content.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) lengths.push((rest % 128) + 128);
  return Buffer.concat([Uint8Array.of(number * 8 + 2, ...lengths, rest), content]);
};
const graphField = 7;
const nodeField = 1;
const attributeField = 5;
const attributeGraphField = 6;

test('graphs nested without end, and messages without number, are refused before they are decoded', (t) => {
  let graph: Uint8Array = new Uint8Array();
  for (let depth = 0; depth < 1000; depth++) {
    graph = field(nodeField, field(attributeField, field(attributeGraphField, graph)));
  }
  throwsCode(t, () => readOnnxModel(field(graphField, graph)), 'ERR_MODEL_FORMAT', 'deep');
  const emptyNodes = new Uint8Array(2 ** 24);
  for (let k = 0; k < emptyNodes.length; k += 2) emptyNodes[k] = nodeField * 8 + 2;
  throwsCode(t, () => readOnnxModel(field(graphField, emptyNodes)), 'ERR_MODEL_FORMAT', 'at most 2097152 messages');
});

test('a message that ends inside its last field is refused: decoders would read on', (t) => {
  const short = Buffer.concat([fileOf(model), Uint8Array.of(graphField * 8 + 2, 2, nodeField * 8 + 2, 2, 0x1a, 0)]);
  throwsCode(t, () => readOnnxModel(short), 'ERR_MODEL_FORMAT', 'offset');
});

test('a field number of too many bits is refused: decoders would drop some and see another field', (t) => {
  const tag = [graphField * 8 + 2 + 0x80, 0x80, 0x80, 0x80, 0x80, 1];
  throwsCode(t, () => readOnnxModel(Buffer.concat([fileOf(model), Uint8Array.of(...tag, 0)])), 'ERR_MODEL_FORMAT', '29 bits');
});

test('fields that the schema does not have are skipped', (t) => {
  const more = Buffer.concat([fileOf(model), Uint8Array.of(0xc2, 0x3e, 2, 1, 2, 0xc8, 0x3e, 5)]);
  t.is(opsetOf(readOnnxModel(more), ''), 13);
});

test('dimensions are numbers, names or anything', (t) => {
  const dim = [
    { value: { case: 'dimValue', value: 3n } },
    { value: { case: 'dimParam', value: 'N' } },
    { value: { case: 'dimParam', value: '' } },
    { value: { case: 'dimValue', value: -1n } },
    {},
  ] as const;
  const tensorType = (shape: { dim: MessageInitShape<typeof TypeProtoSchema>[] } | undefined) =>
    create(TypeProtoSchema, {
      value: { case: 'tensorType', value: { elemType: OnnxType.INT8, ...(shape && { shape }) } },
    } as never);
  const type = tensorType({ dim: dim as never });
  t.deepEqual(dimsOf(type, 'here'), [3, 'N', null, null, null]);
  t.deepEqual(tensorTypeOf(type, 'here'), { type: 'int8', dims: [3, 'N', null, null, null] });
  t.deepEqual(tensorTypeOf(tensorType(undefined), 'here'), { type: 'int8' });
  t.deepEqual(dimsOf(tensorType({ dim: [] }), 'here'), []);
  const wrong = tensorType({ dim: [{ value: { case: 'dimValue', value: -2n } }] as never });
  throwsCode(t, () => dimsOf(wrong, 'here'), 'ERR_MODEL_FORMAT', 'here', '[-2]');
  const sequence = create(TypeProtoSchema, { value: { case: 'sequenceType', value: {} } });
  throwsCode(t, () => tensorTypeOf(sequence, 'here'), 'ERR_UNSUPPORTED_OP', 'sequences');
  throwsCode(t, () => tensorTypeOf(undefined, 'here'), 'ERR_MODEL_FORMAT', 'expected a type');
  throwsCode(t, () => dataTypeOf(OnnxType.INT4, 'here'), 'ERR_UNSUPPORTED_OP', 'here', 'INT4');
});
