/** Tensors of a file, in each of the encodings that the format has for their elements, and back. */
import { create } from '@bufbuild/protobuf';
import { describe, invalid } from '../../errors.js';
import { type DataType, Tensor } from '../../tensor.js';
import type { TypedArray } from '../../typed-array.js';
import { ExternalData } from '../external-data.js';
import { checkedDims, dataTypeOf, elemTypeOf, formatError, unsupported } from './model.js';
import {
  TensorProto_DataType as OnnxType,
  type SparseTensorProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './schema/onnx_pb.js';

type NumberField = 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';
type DataField = NumberField | 'stringData' | 'rawData';

const dataFields: readonly DataField[] = [
  'floatData',
  'int32Data',
  'stringData',
  'int64Data',
  'doubleData',
  'uint64Data',
  'rawData',
];

interface Storage {
  readonly array: new (lengthOrBuffer: number | ArrayBuffer) => TypedArray;
  /** What holds the elements where they are not raw bytes. */
  readonly field: NumberField;
  /** Inclusive; where the field holds more than the type does. */
  readonly range?: readonly [min: number, max: number];
}

const storages: Readonly<Record<Exclude<DataType, 'string'>, Storage>> = {
  float32: { array: Float32Array, field: 'floatData' },
  float64: { array: Float64Array, field: 'doubleData' },
  float16: { array: Uint16Array, field: 'int32Data', range: [0, 65535] },
  int8: { array: Int8Array, field: 'int32Data', range: [-128, 127] },
  uint8: { array: Uint8Array, field: 'int32Data', range: [0, 255] },
  int16: { array: Int16Array, field: 'int32Data', range: [-32768, 32767] },
  uint16: { array: Uint16Array, field: 'int32Data', range: [0, 65535] },
  int32: { array: Int32Array, field: 'int32Data' },
  uint32: { array: Uint32Array, field: 'uint64Data', range: [0, 2 ** 32 - 1] },
  int64: { array: BigInt64Array, field: 'int64Data' },
  uint64: { array: BigUint64Array, field: 'uint64Data' },
  bool: { array: Uint8Array, field: 'int32Data', range: [0, 1] },
};

/** Two elements to a byte, the first one in the low half. They become the integers of 8 bits that they stand for. */
const nibbleTypes: ReadonlyMap<number, 'int8' | 'uint8'> = new Map([
  [OnnxType.INT4, 'int8'],
  [OnnxType.UINT4, 'uint8'],
]);

/**
 * A copy of the elements. INT4 and UINT4 become int8 and uint8: the same values, but no longer the range to saturate to.
 * ERR_MODEL_FORMAT for elements that are not as many as the shape says or not in the one field for them, ERR_UNSUPPORTED_OP for
 * types without a DataType; messages begin with `where` and the tensor's name.
 */
export function readTensor(proto: TensorProto, where: string, external = new ExternalData(undefined)): Tensor {
  const place = placeOf(proto, where);
  if (proto.segment !== undefined) throw unsupported(`${place}: segments are not supported`);
  const nibbles = nibbleTypes.get(proto.dataType);
  const type = nibbles ?? dataTypeOf(proto.dataType, place);
  const dims = checkedDims(proto.dims, place);
  const size = sizeOf(dims);
  const isExternal = proto.dataLocation === TensorProto_DataLocation.EXTERNAL;
  const field = presentField(proto, isExternal, place);
  if (type === 'string' && isExternal) throw formatError(`${place}: expected strings in the model, got external data`);
  if (type === 'string') return new Tensor(type, readStrings(proto, size, field ?? 'stringData', place), dims);

  const storage = storages[type];
  const count = nibbles === undefined ? size : Math.ceil(size / 2);
  const packed: Storage = nibbles === undefined ? storage : { array: Uint8Array, field: 'int32Data', range: [0, 255] };
  let data: TypedArray;
  if (isExternal) data = fromBytes(readExternal(proto, count * bytesOf(packed), external, place), packed);
  else if (field === 'rawData') data = fromBytes(checkedRaw(proto, count, packed, place), packed);
  else data = fromField(proto, count, field, packed, type === 'bool', place);
  // Bytes of any value may stand for true
  if (type === 'bool') for (let i = 0; i < data.length; i++) data[i] = Number(data[i] !== 0);
  if (nibbles !== undefined) data = unpackNibbles(data as Uint8Array, size, storage);
  return new Tensor<DataType>(type, data as Tensor['data'], dims);
}

/** Zeros, but for the values listed. ERR_MODEL_FORMAT as of `readTensor`, and for indices that are not ascending in the shape. */
export function readSparseTensor(proto: SparseTensorProto, where: string, external?: ExternalData): Tensor {
  if (proto.values === undefined || proto.indices === undefined) throw formatError(`${where}: expected values and indices`);
  const place = placeOf(proto.values, where);
  const values = readTensor(proto.values, where, external);
  const indices = readTensor(proto.indices, `${place}, indices`, external);
  const dims = checkedDims(proto.dims, place);
  const size = sizeOf(dims);
  if (values.type === 'string') throw unsupported(`${place}: sparse strings are not supported`);
  const isLinear = indices.dims.length === 1;
  const expected = isLinear ? [values.size] : [values.size, dims.length];
  if (indices.type !== 'int64' || values.dims.length !== 1 || String(indices.dims) !== String(expected)) {
    const actual = `${indices.type} of shape [${indices.dims.join(', ')}] for values of shape [${values.dims.join(', ')}]`;
    throw formatError(`${place}: expected int64 indices of shape [${expected.join(', ')}] for a list of values, got ${actual}`);
  }
  const maxSize = minDenseSize + values.size * densePerValue;
  if (size > maxSize)
    throw formatError(`${place}: expected at most ${maxSize} elements for ${values.size} values, got ${size}`);
  const dense = new storages[values.type].array(size) as { [index: number]: unknown };
  const perValue = isLinear ? 1 : dims.length;
  let last = -1;
  for (let k = 0; k < values.size; k++) {
    let at = 0;
    for (let axis = 0; axis < perValue; axis++) {
      const extent = isLinear ? size : dims[axis]!;
      const index = Number(indices.data[k * perValue + axis]);
      if (!(index >= 0 && index < extent)) throw invalid('ERR_MODEL_FORMAT', place, `an index from 0 to ${extent - 1}`, index);
      at = at * extent + index;
    }
    if (at <= last) throw formatError(`${place}: expected ascending indices, got ${at} after ${last}`);
    dense[at] = values.data[k];
    last = at;
  }
  return new Tensor<DataType>(values.type, dense as Tensor['data'], dims);
}

/** One value in a thousand zeros is enough; sparser tensors would let a small file ask for all memory. */
const densePerValue = 1024;
const minDenseSize = 4096;

/** Raw bytes, not copied; strings in their own field. `nibbles`: int8 or uint8 whose elements all fit, as INT4 or UINT4. */
export function writeTensor(name: string, { type, data, dims }: Tensor, packing: 'plain' | 'nibbles' = 'plain'): TensorProto {
  if (packing === 'nibbles') {
    const dataType = type === 'int8' ? OnnxType.INT4 : OnnxType.UINT4;
    const rawData = packNibbles(data as Int8Array | Uint8Array);
    return create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData });
  }
  const elements =
    type === 'string'
      ? { stringData: (data as readonly string[]).map((text) => encoder.encode(text)) }
      : { rawData: bytesIn(data as TypedArray) };
  return create(TensorProtoSchema, { name, dataType: elemTypeOf(type), dims: dims.map(BigInt), ...elements });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function placeOf({ name }: TensorProto, where: string): string {
  return name === '' ? where : `${where}, tensor ${describe(name)}`;
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function bytesOf({ array }: Storage): number {
  return (array as unknown as { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
}

function bytesIn({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** The field that holds elements; undefined where none does. */
function presentField(proto: TensorProto, isExternal: boolean, place: string): DataField | undefined {
  const present = dataFields.filter((field) => proto[field].length > 0);
  if (present.length > (isExternal ? 0 : 1)) {
    throw formatError(
      `${place}: expected elements in one place, got ${[...present, ...(isExternal ? ['a file'] : [])].join(', ')}`,
    );
  }
  return present[0];
}

function checkedRaw({ rawData }: TensorProto, count: number, storage: Storage, place: string): Uint8Array {
  const expected = count * bytesOf(storage);
  if (rawData.length !== expected) throw formatError(`${place}: expected ${expected} bytes of raw data, got ${rawData.length}`);
  // Not slice, which does not copy if it is a Buffer's; a copy is aligned to its elements, too
  return new Uint8Array(rawData);
}

function fromBytes(bytes: Uint8Array, { array }: Storage): TypedArray {
  return new array(bytes.buffer as ArrayBuffer);
}

function fromField(
  proto: TensorProto,
  count: number,
  field: DataField | undefined,
  { array, field: expected, range }: Storage,
  isBool: boolean,
  place: string,
): TypedArray {
  const values: readonly (number | bigint)[] = proto[expected];
  if (field !== undefined && field !== expected) throw formatError(`${place}: expected elements in ${expected}, got ${field}`);
  if (values.length !== count) throw formatError(`${place}: expected ${count} elements in ${expected}, got ${values.length}`);
  const result = new array(count) as { [index: number]: number | bigint } & TypedArray;
  const isBigInt = result instanceof BigInt64Array || result instanceof BigUint64Array;
  for (let i = 0; i < count; i++) {
    const value = isBool ? Number(values[i] !== 0) : values[i]!;
    if (range !== undefined && !(value >= range[0] && value <= range[1])) {
      throw invalid('ERR_MODEL_FORMAT', `${place}, ${expected}[${i}]`, `a number from ${range[0]} to ${range[1]}`, value);
    }
    result[i] = isBigInt ? value : Number(value);
  }
  return result;
}

function readStrings({ stringData }: TensorProto, size: number, field: DataField, place: string): readonly string[] {
  if (field !== 'stringData') throw formatError(`${place}: expected elements in stringData, got ${field}`);
  if (stringData.length !== size) throw formatError(`${place}: expected ${size} strings, got ${stringData.length}`);
  return stringData.map((bytes, i) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw formatError(`${place}: expected UTF-8 in string ${i}, got bytes that are not`);
    }
  });
}

function readExternal(proto: TensorProto, length: number, external: ExternalData, place: string): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (location === undefined) throw formatError(`${place}: expected the location of its external data, got none`);
  const declared = externalNumber(entries.get('length'), length, `${place}, length`);
  if (declared !== length) throw formatError(`${place}: expected ${length} bytes of external data, got ${declared}`);
  return external.read(location, externalNumber(entries.get('offset'), 0, `${place}, offset`), length, place);
}

function externalNumber(text: string | undefined, otherwise: number, place: string): number {
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw invalid('ERR_MODEL_FORMAT', place, 'an integer >= 0', text);
  return value;
}

function unpackNibbles(packed: Uint8Array, size: number, { array }: Storage): TypedArray {
  const result = new array(size) as Int8Array | Uint8Array;
  const isSigned = result instanceof Int8Array;
  for (let i = 0; i < size; i++) {
    const nibble = (packed[i >> 1]! >> ((i & 1) * 4)) & 15;
    result[i] = isSigned ? (nibble << 28) >> 28 : nibble;
  }
  return result;
}

function packNibbles(data: Int8Array | Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(data.length / 2));
  for (let i = 0; i < data.length; i++) packed[i >> 1]! |= (data[i]! & 15) << ((i & 1) * 4);
  return packed;
}
