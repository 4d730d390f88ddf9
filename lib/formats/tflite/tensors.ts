/** Tensors of a subgraph: types, shapes, quantization and constant data, each read and checked when an operator first refers to it. */
import { describe } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { maxElements } from '../../ops/shapes.js';
import { checkQParams, type QParams, type QuantizedType, quantizedRanges } from '../../quant/qparams.js';
import { type DataType, Tensor } from '../../tensor.js';
import {
  type Buffer,
  type Model,
  type QuantizationParameters,
  type SubGraph,
  type Tensor as TensorTable,
  TensorType,
} from './schema/tflite_generated.js';
import { type CheckedByteBuffer, formatError, unsupported } from './verify.js';

interface ElementType {
  readonly type: DataType;
  readonly array: new (buffer: ArrayBuffer, offset: number, length: number) => Tensor['data'];
  readonly sizeBytes: number;
}

/** Complex numbers are pairs of float32: one more dimension, of 2. Strings, resources, variants and 4-bit types are not read. */
const elementTypes: ReadonlyMap<TensorType, ElementType> = new Map<TensorType, ElementType>([
  [TensorType.FLOAT32, { type: 'float32', array: Float32Array, sizeBytes: 4 }],
  [TensorType.FLOAT16, { type: 'float16', array: Uint16Array, sizeBytes: 2 }],
  [TensorType.FLOAT64, { type: 'float64', array: Float64Array, sizeBytes: 8 }],
  [TensorType.INT8, { type: 'int8', array: Int8Array, sizeBytes: 1 }],
  [TensorType.UINT8, { type: 'uint8', array: Uint8Array, sizeBytes: 1 }],
  [TensorType.INT16, { type: 'int16', array: Int16Array, sizeBytes: 2 }],
  [TensorType.UINT16, { type: 'uint16', array: Uint16Array, sizeBytes: 2 }],
  [TensorType.INT32, { type: 'int32', array: Int32Array, sizeBytes: 4 }],
  [TensorType.UINT32, { type: 'uint32', array: Uint32Array, sizeBytes: 4 }],
  [TensorType.INT64, { type: 'int64', array: BigInt64Array, sizeBytes: 8 }],
  [TensorType.UINT64, { type: 'uint64', array: BigUint64Array, sizeBytes: 8 }],
  [TensorType.BOOL, { type: 'bool', array: Uint8Array, sizeBytes: 1 }],
  [TensorType.COMPLEX64, { type: 'float32', array: Float32Array, sizeBytes: 4 }],
]);

export interface TfliteTensor extends Value {
  readonly index: number;
  readonly dims: readonly number[];
  readonly isComplex: boolean;
  readonly isVariable: boolean;
  readonly constant?: Tensor;
}

export class TensorReader {
  /** The number of tensors in the file. */
  readonly count: number;
  readonly #model: Model;
  readonly #subgraph: SubGraph;
  readonly #buffer: CheckedByteBuffer;
  readonly #uniqueName: (name: string) => string;
  readonly #keepsBytes: boolean;
  readonly #tensors = new Map<number, TfliteTensor>();
  /** By buffer and type: tensors that share a buffer share its copy. */
  readonly #data = new Map<string, Tensor['data']>();

  constructor(
    model: Model,
    subgraph: SubGraph,
    buffer: CheckedByteBuffer,
    uniqueName: (name: string) => string,
    keepsBytes: boolean,
  ) {
    this.#model = model;
    this.#subgraph = subgraph;
    this.#buffer = buffer;
    this.#uniqueName = uniqueName;
    this.#keepsBytes = keepsBytes;
    this.count = subgraph.tensorsLength();
  }

  /** `where` begins the messages of errors. */
  at(index: number, where: string): TfliteTensor {
    const known = this.#tensors.get(index);
    if (known !== undefined) return known;
    const tensor = this.#read(this.table(index, where), index, where);
    this.#tensors.set(index, tensor);
    return tensor;
  }

  table(index: number, where: string): TensorTable {
    if (!(index >= 0 && index < this.count)) {
      throw formatError(`${where}: expected a tensor from 0 to ${this.count - 1}, got ${index}`);
    }
    return this.#subgraph.tensors(index)!;
  }

  #read(table: TensorTable, index: number, where: string): TfliteTensor {
    const given = table.name() ?? '';
    const name = this.#uniqueName(given === '' ? `tensor${index}` : given);
    const place = `${where}, tensor ${describe(name)}`;
    const element = elementTypes.get(table.type());
    if (element === undefined) throw unsupported(`${place}: type ${TensorType[table.type()] ?? table.type()} is not supported`);
    if (table.sparsity() !== null) throw unsupported(`${place}: sparse tensors are not supported`);
    const isComplex = table.type() === TensorType.COMPLEX64;
    const shape = int32Vector(this.#buffer, table, shapeField);
    const dims = checkedDims(isComplex ? [...shape, 2] : shape, place);
    const qparams = readQParams(this.#buffer, table.quantization(), element.type, dims, place);
    const constant = this.#readConstant(table, element, dims, place);
    const isVariable = table.isVariable();
    const optional = { ...(qparams !== undefined && { qparams }), ...(constant !== undefined && { constant }) };
    return { index, name, type: element.type, dims, isComplex, isVariable, ...optional };
  }

  #readConstant(table: TensorTable, element: ElementType, dims: readonly number[], place: string): Tensor | undefined {
    const index = table.buffer();
    // Buffer 0 is empty by convention; files have tensors without data that refer to it before any buffer exists.
    if (index === 0) return undefined;
    if (index >= this.#model.buffersLength()) {
      throw formatError(`${place}: expected a buffer from 0 to ${this.#model.buffersLength() - 1}, got ${index}`);
    }
    const key = `${index} ${element.type}`;
    const data = this.#data.get(key) ?? this.#readData(this.#model.buffers(index)!, element, place);
    if (data === undefined) return undefined;
    this.#data.set(key, data);
    const size = dims.reduce((product, dim) => product * dim, 1);
    if (data.length !== size) {
      throw formatError(`${place}: expected ${size} elements for shape [${dims.join(', ')}], got a buffer of ${data.length}`);
    }
    return new Tensor(element.type, data, dims);
  }

  /** A copy where the file's bytes are the caller's, or the elements at an odd offset. Undefined where the buffer is empty. */
  #readData(table: Buffer, { type, array, sizeBytes }: ElementType, place: string): Tensor['data'] | undefined {
    const bytes = this.#bytesOf(table);
    if (bytes.length === 0) return undefined;
    if (bytes.length % sizeBytes !== 0) {
      throw formatError(`${place}: expected a buffer of whole ${type} elements, got ${bytes.length} bytes`);
    }
    const isUsable = this.#keepsBytes && type !== 'bool' && bytes.byteOffset % sizeBytes === 0;
    const data = isUsable ? bytes : type === 'bool' ? bytes.map((byte) => Number(byte !== 0)) : bytes.slice();
    return new array(data.buffer as ArrayBuffer, data.byteOffset, data.length / sizeBytes);
  }

  /** Files above 2 GB keep data behind the FlatBuffer, at an offset from the file's beginning; offsets of 0 and 1 mean none. */
  #bytesOf(table: Buffer): Uint8Array {
    const offset = table.offset();
    if (offset > 1n) return this.#buffer.slice(Number(offset), Number(table.size()));
    return vectorBytes(this.#buffer, table, dataField);
  }
}

/** The vtable entries of Tensor.shape, Buffer.data, Operator's vectors, and QuantizationParameters' scale and zero_point. */
const shapeField = 4;
const dataField = 4;
export const inputsField = 6;
export const outputsField = 8;
export const customOptionsField = 14;
const scaleField = 8;
const zeroPointField = 10;

/** The bytes of a vector, without a copy; the generated accessor of arrays does not know the file's end. */
export function vectorBytes(
  buffer: CheckedByteBuffer,
  table: { readonly bb_pos: number },
  field: number,
  elementBytes = 1,
): Uint8Array {
  const offset = buffer.__offset(table.bb_pos, field);
  if (offset === 0) return new Uint8Array();
  const position = table.bb_pos + offset;
  return buffer.slice(buffer.__vector(position), buffer.__vector_len(position) * elementBytes);
}

/** All of a vector of int32 at once; the generated accessor looks for the vector again for each element. */
export function int32Vector(buffer: CheckedByteBuffer, table: { readonly bb_pos: number }, field: number): number[] {
  return [...new Int32Array(copied(vectorBytes(buffer, table, field, 4)))];
}

/** More than any kernel of TFLite's takes. */
const maxRank = 16;

function checkedDims(dims: readonly number[], place: string): readonly number[] {
  if (dims.length > maxRank) throw formatError(`${place}: expected at most ${maxRank} dimensions, got ${dims.length}`);
  let bound = 1;
  for (const dim of dims) {
    bound *= Math.max(dim, 1);
    if (dim < 0 || bound > maxElements) {
      throw formatError(`${place}: expected dimensions >= 0 whose product is at most ${maxElements}, got [${dims.join(', ')}]`);
    }
  }
  return dims;
}

/** Undefined for tensors that are not quantized: without a scale, or of a type that has none. */
function readQParams(
  buffer: CheckedByteBuffer,
  table: QuantizationParameters | null,
  type: DataType,
  dims: readonly number[],
  place: string,
): QParams | undefined {
  if (table === null || !Object.hasOwn(quantizedRanges, type)) return undefined;
  if (table.detailsType() !== 0) throw unsupported(`${place}: custom quantization is not supported`);
  // Networks have tens of thousands of scales: their bytes are copied at once
  const scales = new Float32Array(copied(vectorBytes(buffer, table, scaleField, 4)));
  const count = scales.length;
  if (count === 0) return undefined;
  const zeroPointCount = table.zeroPointLength();
  if (zeroPointCount > 1 && zeroPointCount !== count) {
    throw formatError(`${place}: expected ${count} zero points, as many as scales, got ${zeroPointCount}`);
  }
  const dtype = type as QuantizedType;
  const zeroPoints = checkedZeroPoints(vectorBytes(buffer, table, zeroPointField, 8), dtype, place);
  const qparams: QParams =
    count === 1
      ? { dtype, scale: scales[0]!, zeroPoint: zeroPoints[0] ?? 0 }
      : {
          dtype,
          scale: scales,
          zeroPoint: zeroPointCount === count ? zeroPoints : (zeroPoints[0] ?? 0),
          // Old converters give a bias the axis of its filter.
          axis: dims.length === 1 ? 0 : table.quantizedDimension(),
        };
  try {
    checkQParams(qparams, dims);
  } catch (error) {
    throw formatError(`${place}: ${(error as Error).message}`);
  }
  return qparams;
}

/** Of int64 in little-endian bytes. As 32-bit words: thousands of BigInts would take longer than all the rest of importing. */
function checkedZeroPoints(bytes: Uint8Array, type: QuantizedType, place: string): Int32Array {
  const result = new Int32Array(bytes.length / 8);
  // Symmetric weights: most of all zero points are in arrays of nothing else
  if (result.length > 1 && globalThis.Buffer.compare(bytes, new Uint8Array(bytes.length)) === 0) return result;
  const words = new Int32Array(copied(bytes));
  const [min, max] = quantizedRanges[type];
  for (let i = 0; i < result.length; i++) {
    const low = words[2 * i]!;
    if (low < min || low > max || words[2 * i + 1] !== low >> 31) {
      const value = new BigInt64Array(words.buffer)[i];
      throw formatError(`${place}: expected a zero point from ${min} to ${max}, got ${value}`);
    }
    result[i] = low;
  }
  return result;
}

function copied({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}
