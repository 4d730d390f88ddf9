import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { type DataType, type ErrorCode, Tensor, type TensorData } from 'octensor';
import { ExternalData } from '#lib/formats/external-data.js';
import {
  TensorProto_DataLocation as Location,
  TensorProto_DataType as OnnxType,
  SparseTensorProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from '#lib/formats/onnx/schema/onnx_pb.js';
import { readSparseTensor, readTensor, writeTensor } from '#lib/formats/onnx/tensors.js';
import { throwsCode } from '../support/throws.js';

type TensorInit = MessageInitShape<typeof TensorProtoSchema>;

const tensorOf = (init: TensorInit): TensorProto => create(TensorProtoSchema, { name: 't', ...init });
const read = (init: TensorInit, external?: ExternalData): Tensor => readTensor(tensorOf(init), 'here', external);
const bytesOf = (data: Tensor['data']): Uint8Array<ArrayBuffer> => {
  const { buffer, byteOffset, byteLength } = data as Uint8Array<ArrayBuffer>;
  return new Uint8Array(buffer, byteOffset, byteLength);
};

/** Each type with the field of the format that its elements may stand in, and elements at the ends of its range. */
const encodings: readonly (readonly [
  OnnxType,
  DataType,
  keyof TensorInit,
  TensorData<DataType>,
  readonly (number | bigint)[],
])[] = [
  [OnnxType.FLOAT, 'float32', 'floatData', Float32Array.of(1.5, -0, Infinity, 2 ** -149), [1.5, -0, Infinity, 2 ** -149]],
  [OnnxType.DOUBLE, 'float64', 'doubleData', Float64Array.of(0.1, -0, 5e-324, 1e308), [0.1, -0, 5e-324, 1e308]],
  [OnnxType.FLOAT16, 'float16', 'int32Data', Uint16Array.of(0x3c00, 0x8000, 0xffff, 1), [0x3c00, 0x8000, 0xffff, 1]],
  [OnnxType.INT8, 'int8', 'int32Data', Int8Array.of(-128, 127, 0, -1), [-128, 127, 0, -1]],
  [OnnxType.UINT8, 'uint8', 'int32Data', Uint8Array.of(0, 255, 1, 128), [0, 255, 1, 128]],
  [OnnxType.INT16, 'int16', 'int32Data', Int16Array.of(-32768, 32767, 0, -1), [-32768, 32767, 0, -1]],
  [OnnxType.UINT16, 'uint16', 'int32Data', Uint16Array.of(0, 65535, 1, 256), [0, 65535, 1, 256]],
  [OnnxType.INT32, 'int32', 'int32Data', Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0, -1), [-(2 ** 31), 2 ** 31 - 1, 0, -1]],
  [OnnxType.UINT32, 'uint32', 'uint64Data', Uint32Array.of(0, 2 ** 32 - 1, 1, 2), [0n, 2n ** 32n - 1n, 1n, 2n]],
  [
    OnnxType.INT64,
    'int64',
    'int64Data',
    BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n),
    [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n],
  ],
  [OnnxType.UINT64, 'uint64', 'uint64Data', BigUint64Array.of(0n, 2n ** 64n - 1n, 1n, 2n), [0n, 2n ** 64n - 1n, 1n, 2n]],
  [OnnxType.BOOL, 'bool', 'int32Data', Uint8Array.of(0, 1, 1, 0), [0, 1, 1, 0]],
];

for (const [dataType, type, field, data, values] of encodings) {
  test(`${type}: raw bytes and ${field} hold the same elements`, (t) => {
    const dims = [2n, 2n];
    const expected = new Tensor<DataType>(type, data, [2, 2]);
    const raw = read({ dataType, dims, rawData: bytesOf(expected.data) });
    const typed = read({ dataType, dims, [field]: values });
    for (const tensor of [raw, typed]) {
      t.is(tensor.type, type);
      t.deepEqual(tensor.dims, [2, 2]);
      t.deepEqual(tensor.data, expected.data);
    }
  });

  test(`${type}: what is written is read again`, (t) => {
    const tensor = new Tensor<DataType>(type, data, [2, 1, 2]);
    const file = toBinary(TensorProtoSchema, writeTensor('w', tensor));
    const proto = fromBinary(TensorProtoSchema, file);
    t.is(proto.name, 'w');
    t.is(proto.dataType, dataType);
    t.deepEqual(readTensor(proto, 'here'), tensor);
  });

  test(`${type}: too few or too many elements are refused`, (t) => {
    const rawData = bytesOf(new Tensor<DataType>(type, data).data);
    for (const dims of [[3n], [5n], [0n], [4n, 2n ** 20n]]) {
      throwsCode(t, () => read({ dataType, dims, rawData }), 'ERR_MODEL_FORMAT', 'here, tensor "t"', `got ${rawData.length}`);
      throwsCode(t, () => read({ dataType, dims, [field]: values }), 'ERR_MODEL_FORMAT', 'here, tensor "t"', 'got 4');
    }
    throwsCode(t, () => read({ dataType, dims: [4n] }), 'ERR_MODEL_FORMAT', 'expected 4 elements', 'got 0');
  });
}

test('strings are UTF-8', (t) => {
  const tensor = new Tensor('string', ['a', '', '\u{feff}ü', '📦'], [2, 2]);
  const proto = fromBinary(TensorProtoSchema, toBinary(TensorProtoSchema, writeTensor('s', tensor)));
  t.deepEqual(readTensor(proto, 'here'), tensor);
  const wrong = { dataType: OnnxType.STRING, dims: [1n], stringData: [Uint8Array.of(0xff)] };
  throwsCode(t, () => read(wrong), 'ERR_MODEL_FORMAT', 'UTF-8', 'string 0');
  throwsCode(t, () => read({ ...wrong, dims: [2n] }), 'ERR_MODEL_FORMAT', '2 strings', 'got 1');
  throwsCode(
    t,
    () => read({ ...wrong, stringData: [], rawData: Uint8Array.of(65) }),
    'ERR_MODEL_FORMAT',
    'stringData',
    'rawData',
  );
});

test('raw data are copied, from any offset of a Buffer', (t) => {
  for (let offset = 0; offset < 8; offset++) {
    const buffer = Buffer.alloc(offset + 8);
    buffer.writeDoubleLE(Math.PI, offset);
    const tensor = read({ dataType: OnnxType.DOUBLE, dims: [1n], rawData: buffer.subarray(offset) as Buffer<ArrayBuffer> });
    buffer.fill(0);
    t.is(tensor.data[0], Math.PI);
  }
});

test('any byte and any number but 0 is true', (t) => {
  t.deepEqual(read({ dataType: OnnxType.BOOL, dims: [3n], rawData: Uint8Array.of(0, 2, 255) }).data, Uint8Array.of(0, 1, 1));
  t.deepEqual(read({ dataType: OnnxType.BOOL, dims: [3n], int32Data: [0, -1, 256] }).data, Uint8Array.of(0, 1, 1));
});

test('two integers of 4 bits stand in a byte, the first in the low half', (t) => {
  const rawData = Uint8Array.of(0x8f, 0x70, 0x05);
  const fields: readonly TensorInit[] = [{ rawData }, { int32Data: [...rawData] }];
  for (const field of fields) {
    const signed = read({ dataType: OnnxType.INT4, dims: [5n], ...field });
    t.deepEqual(signed, new Tensor('int8', Int8Array.of(-1, -8, 0, 7, 5)));
    const unsigned = read({ dataType: OnnxType.UINT4, dims: [5n], ...field });
    t.deepEqual(unsigned, new Tensor('uint8', Uint8Array.of(15, 8, 0, 7, 5)));
  }
  throwsCode(t, () => read({ dataType: OnnxType.INT4, dims: [7n], rawData }), 'ERR_MODEL_FORMAT', 'expected 4 bytes', 'got 3');
});

test('a scalar has one element, and a dimension of 0 none', (t) => {
  t.deepEqual(read({ dataType: OnnxType.FLOAT, floatData: [7] }), new Tensor('float32', [7], []));
  t.deepEqual(read({ dataType: OnnxType.FLOAT, dims: [3n, 0n] }), new Tensor('float32', [], [3, 0]));
});

const refused: readonly (readonly [string, TensorInit, ErrorCode, string])[] = [
  [
    'elements in two fields',
    { dataType: OnnxType.FLOAT, dims: [1n], floatData: [1], rawData: new Uint8Array(4) },
    'ERR_MODEL_FORMAT',
    'floatData, rawData',
  ],
  [
    'elements in the wrong field',
    { dataType: OnnxType.FLOAT, dims: [1n], int32Data: [1] },
    'ERR_MODEL_FORMAT',
    'expected elements in floatData, got int32Data',
  ],
  [
    'elements in the wrong field of an empty tensor',
    { dataType: OnnxType.FLOAT, dims: [0n], int32Data: [1] },
    'ERR_MODEL_FORMAT',
    'got int32Data',
  ],
  [
    'an int8 of 128',
    { dataType: OnnxType.INT8, dims: [2n], int32Data: [0, 128] },
    'ERR_MODEL_FORMAT',
    'int32Data[1]: expected a number from -128 to 127',
  ],
  [
    'float16 bits of 65536',
    { dataType: OnnxType.FLOAT16, dims: [1n], int32Data: [65536] },
    'ERR_MODEL_FORMAT',
    'from 0 to 65535',
  ],
  [
    'a uint32 of 2^32',
    { dataType: OnnxType.UINT32, dims: [1n], uint64Data: [2n ** 32n] },
    'ERR_MODEL_FORMAT',
    'from 0 to 4294967295',
  ],
  ['a negative dimension', { dataType: OnnxType.FLOAT, dims: [-1n] }, 'ERR_MODEL_FORMAT', '[-1]'],
  [
    'dimensions whose product overflows',
    { dataType: OnnxType.FLOAT, dims: [2n ** 32n, 2n ** 32n, 0n] },
    'ERR_MODEL_FORMAT',
    'product',
  ],
  ['many dimensions', { dataType: OnnxType.FLOAT, dims: new Array(17).fill(1n) }, 'ERR_MODEL_FORMAT', 'at most 16 dimensions'],
  ['no type', { dims: [1n] }, 'ERR_MODEL_FORMAT', 'expected an element type, got 0'],
  ['an unknown type', { dataType: 99 }, 'ERR_MODEL_FORMAT', 'got 99'],
  ['bfloat16', { dataType: OnnxType.BFLOAT16 }, 'ERR_UNSUPPORTED_OP', 'BFLOAT16'],
  ['float8', { dataType: OnnxType.FLOAT8E4M3FN }, 'ERR_UNSUPPORTED_OP', 'FLOAT8E4M3FN'],
  ['complex numbers', { dataType: OnnxType.COMPLEX64 }, 'ERR_UNSUPPORTED_OP', 'COMPLEX64'],
  ['a segment', { dataType: OnnxType.FLOAT, segment: {} }, 'ERR_UNSUPPORTED_OP', 'segments'],
];
for (const [what, init, code, text] of refused) {
  test(`refused: ${what}`, (t) => throwsCode(t, () => read(init), code, 'here, tensor "t"', text));
}

const sparse = (dims: bigint[], indices: TensorInit, count: number): Tensor => {
  const floatData = Array.from({ length: count }, (_, i) => i + 1);
  const values: TensorInit = { name: 's', dataType: OnnxType.FLOAT, dims: [BigInt(count)], floatData };
  const proto = create(SparseTensorProtoSchema, { dims, values, indices: { dataType: OnnxType.INT64, ...indices } });
  return readSparseTensor(proto, 'here');
};

test('a sparse tensor becomes dense, from indices and from coordinates', (t) => {
  const expected = new Tensor('float32', [0, 1, 0, 0, 0, 2], [2, 3]);
  t.deepEqual(sparse([2n, 3n], { dims: [2n], int64Data: [1n, 5n] }, 2), expected);
  t.deepEqual(sparse([2n, 3n], { dims: [2n, 2n], int64Data: [0n, 1n, 1n, 2n] }, 2), expected);
});

test('sparse tensors with wrong indices, or next to no values, are refused', (t) => {
  const wrong: readonly (readonly [bigint[], string])[] = [
    [[6n], '0 to 5'],
    [[-1n], '0 to 5'],
    [[2n, 2n], 'ascending'],
    [[3n, 2n], 'ascending'],
  ];
  for (const [int64Data, text] of wrong) {
    const run = () => sparse([2n, 3n], { dims: [BigInt(int64Data.length)], int64Data }, int64Data.length);
    throwsCode(t, run, 'ERR_MODEL_FORMAT', 'tensor "s"', text);
  }
  throwsCode(t, () => sparse([2n, 3n], { dims: [1n, 2n], int64Data: [0n, 3n] }, 1), 'ERR_MODEL_FORMAT', '0 to 2');
  throwsCode(t, () => sparse([2n, 3n], { dims: [1n, 3n], int64Data: [0n, 0n, 0n] }, 1), 'ERR_MODEL_FORMAT', 'shape [1, 2]');
  throwsCode(t, () => sparse([2n ** 30n], { dims: [1n], int64Data: [0n] }, 1), 'ERR_MODEL_FORMAT', 'at most 5120 elements');
});

const temporary = mkdtempSync(join(tmpdir(), 'octensor-onnx-'));
const folder = join(temporary, 'model');
mkdirSync(join(folder, 'deeper'), { recursive: true });
writeFileSync(
  join(folder, 'data.bin'),
  Uint8Array.from({ length: 16 }, (_, i) => i),
);
writeFileSync(join(folder, 'deeper', 'data.bin'), Uint8Array.of(7));
writeFileSync(join(temporary, 'outside.bin'), new Uint8Array(16));
test.after.always(() => rmSync(temporary, { recursive: true }));

const external = (
  entries: Readonly<Record<string, string>>,
  init: TensorInit = { dataType: OnnxType.UINT8, dims: [4n] },
): Tensor => {
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  return read({ dataLocation: Location.EXTERNAL, externalData, ...init }, new ExternalData(folder));
};

test('external data are read from files in the folder, from an offset', (t) => {
  t.deepEqual(external({ location: 'data.bin' }).data, Uint8Array.of(0, 1, 2, 3));
  t.deepEqual(external({ location: './data.bin', offset: '12', length: '4' }).data, Uint8Array.of(12, 13, 14, 15));
  t.deepEqual(external({ location: 'deeper/data.bin' }, { dataType: OnnxType.UINT8, dims: [1n] }).data, Uint8Array.of(7));
  const odd = external({ location: 'data.bin', offset: '1', length: '4' }, { dataType: OnnxType.INT32, dims: [1n] });
  t.deepEqual(odd.data, Int32Array.of(0x04030201));
});

test('external data outside of the folder or of their file are refused', (t) => {
  const wrong: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{}, 'location'],
    [{ location: '' }, 'relative path'],
    [{ location: '../outside.bin' }, 'relative path'],
    [{ location: 'deeper/../../outside.bin' }, 'relative path'],
    [{ location: '..\\outside.bin' }, 'relative path'],
    [{ location: join(temporary, 'outside.bin') }, 'relative path'],
    [{ location: 'C:outside.bin' }, 'relative path'],
    [{ location: '\\\\host\\share' }, 'relative path'],
    [{ location: 'data.bin\0' }, 'relative path'],
    [{ location: 'missing.bin' }, 'ENOENT'],
    [{ location: 'deeper' }, 'regular file'],
    [{ location: '.' }, 'regular file'],
    [{ location: 'data.bin', offset: '13' }, "the file's 16"],
    [{ location: 'data.bin', offset: '-1' }, 'offset'],
    [{ location: 'data.bin', offset: '1e1' }, 'offset'],
    [{ location: 'data.bin', offset: '99999999999999999999' }, 'offset'],
    [{ location: 'data.bin', length: '5' }, 'expected 4 bytes'],
  ];
  for (const [entries, text] of wrong) throwsCode(t, () => external(entries), 'ERR_MODEL_FORMAT', 'here, tensor "t"', text);
  const both = () => external({ location: 'data.bin' }, { dataType: OnnxType.UINT8, dims: [4n], rawData: new Uint8Array(4) });
  throwsCode(t, both, 'ERR_MODEL_FORMAT', 'rawData, a file');
});

const onPosix = process.platform === 'win32' ? test.skip : test;
onPosix('links are followed inside the folder, not out of it', (t) => {
  symlinkSync('data.bin', join(folder, 'inside-link'));
  symlinkSync('../outside.bin', join(folder, 'outside-link'));
  symlinkSync('..', join(folder, 'folder-link'));
  symlinkSync('loop', join(folder, 'loop'));
  t.deepEqual(external({ location: 'inside-link' }).data, Uint8Array.of(0, 1, 2, 3));
  throwsCode(t, () => external({ location: 'outside-link' }), 'ERR_MODEL_FORMAT', 'a link out of it');
  throwsCode(t, () => external({ location: 'folder-link/outside.bin' }), 'ERR_MODEL_FORMAT', 'a link out of it');
  throwsCode(t, () => external({ location: 'loop' }), 'ERR_MODEL_FORMAT', 'ELOOP');
});

test('a model given as bytes has no external data', (t) => {
  const init: TensorInit = { dataLocation: Location.EXTERNAL, externalData: [{ key: 'location', value: 'data.bin' }] };
  throwsCode(t, () => read({ dataType: OnnxType.UINT8, ...init }), 'ERR_OPTION', 'here, tensor "t"', 'data.bin');
});

test('tensors share a file, but do not multiply it without bound', (t) => {
  const data = new ExternalData(folder);
  for (let k = 0; k < 8; k++) t.is(data.read('data.bin', 0, 16, 'here').length, 16);
  throwsCode(t, () => data.read('data.bin', 0, 16, 'here'), 'ERR_MODEL_FORMAT', 'far more to read');
});
