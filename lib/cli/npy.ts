/** NumPy's .npy files, versions 1 to 3 (numpy.lib.format): one array each, little-endian, row-major. */
import { readFile, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { describe } from '../errors.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { CommandError } from './command-error.js';

const descriptions = {
  '<f4': ['float32', Float32Array],
  '<f8': ['float64', Float64Array],
  '<f2': ['float16', Uint16Array],
  '|i1': ['int8', Int8Array],
  '|u1': ['uint8', Uint8Array],
  '<i2': ['int16', Int16Array],
  '<u2': ['uint16', Uint16Array],
  '<i4': ['int32', Int32Array],
  '<u4': ['uint32', Uint32Array],
  '<i8': ['int64', BigInt64Array],
  '<u8': ['uint64', BigUint64Array],
  '|b1': ['bool', Uint8Array],
} as const satisfies Record<string, readonly [DataType, new (buffer: ArrayBuffer) => TypedArray]>;

const magic = Buffer.from('\x93NUMPY', 'latin1');
const maxHeaderBytes = 65536;
/** As many bytes of a file as hold its header. */
export const npyStartBytes = maxHeaderBytes + 12;
/** A header as every version of NumPy writes it: a Python dict with its keys in order. */
const headerPattern =
  /^\{'descr': '(?<descr>[^']*)', 'fortran_order': (?<fortran>True|False), 'shape': \((?<shape>(?:\d+, ?)*(?:\d+)?)\),? ?\}\s*$/;

/** Throws ERR_INPUT for a file that is not there, no .npy file, or one of a kind that this does not read. */
export async function readNpy(path: string): Promise<Tensor> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new CommandError('ERR_INPUT', (error as Error).message, 1);
  }
  return parseNpy(bytes, path);
}

export function parseNpy(bytes: Buffer, path: string): Tensor {
  const header = parseNpyHeader(bytes, bytes.length, path);
  return tensorOfNpy(bytes.subarray(header.dataStart), header, header.dims);
}

export interface NpyHeader {
  readonly type: DataType;
  readonly bytesPerElement: number;
  readonly dims: readonly number[];
  /** Where the data begins, which goes to the end of the file. */
  readonly dataStart: number;
}

/** `bytes` are the first ones of a file of `sizeBytes`, as many as a header may have, or all. Throws as `readNpy` does. */
export function parseNpyHeader(bytes: Buffer, sizeBytes: number, path: string): NpyHeader {
  const wrong = (expected: string, actual: unknown) =>
    new CommandError('ERR_INPUT', `${path}: expected ${expected}, got ${describe(actual)}`, 1);
  if (bytes.length < 12 || !bytes.subarray(0, 6).equals(magic)) throw wrong('an .npy file', bytes.toString('latin1', 0, 6));
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw wrong('version 1 to 3 of the .npy format', version);
  const start = version === 1 ? 10 : 12;
  const headerBytes = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (headerBytes > maxHeaderBytes || start + headerBytes > bytes.length) throw wrong('a whole header', headerBytes);
  const header = bytes.toString('latin1', start, start + headerBytes);
  const { descr, fortran, shape } = headerPattern.exec(header)?.groups ?? {};
  if (descr === undefined || shape === undefined) throw wrong('a header with descr, fortran_order and shape', header);
  if (!Object.hasOwn(descriptions, descr)) throw wrong(`a type among ${Object.keys(descriptions).join(' ')}`, descr);
  if (fortran === 'True') throw wrong('row-major order (numpy.ascontiguousarray)', 'fortran_order: True');

  const [type, { BYTES_PER_ELEMENT }] = descriptions[descr as keyof typeof descriptions];
  const dims = shape.split(',').flatMap((text) => (text.trim() === '' ? [] : [Number(text)]));
  const size = dims.reduce((product, dim) => product * dim, 1);
  const dataStart = start + headerBytes;
  if (sizeBytes - dataStart !== size * BYTES_PER_ELEMENT) {
    throw wrong(`${size * BYTES_PER_ELEMENT} bytes of data for shape (${shape})`, sizeBytes - dataStart);
  }
  return { type, bytesPerElement: BYTES_PER_ELEMENT, dims, dataStart };
}

/** Elements as they are in a file, of shape `dims`. */
export function tensorOfNpy(data: Uint8Array, { type, bytesPerElement }: NpyHeader, dims: readonly number[]): Tensor {
  const ArrayType = Object.values(descriptions).find(([name]) => name === type)![1];
  const own = Uint8Array.from(swapped(Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.length), bytesPerElement)); // aligned
  return new Tensor<DataType>(type, new ArrayType(own.buffer) as TensorData<DataType>, dims);
}

export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  await writeFile(path, npyBytes(tensor));
}

export function npyBytes({ type, data, dims }: Tensor): Buffer {
  const descr = Object.entries(descriptions).find(([, [name]]) => name === type)?.[0];
  if (descr === undefined) throw new CommandError('ERR_INPUT', `.npy files do not hold elements of type ${type}`, 1);
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  // The data begins at a multiple of 64 bytes, after a line feed.
  const headerBytes = Math.ceil((10 + header.length + 1) / 64) * 64 - 10;
  const start = Buffer.alloc(10);
  magic.copy(start);
  start[6] = 1;
  start.writeUInt16LE(headerBytes, 8);
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } = data as TypedArray;
  const elements = swapped(Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength), BYTES_PER_ELEMENT);
  return Buffer.concat([start, Buffer.from(`${header.padEnd(headerBytes - 1)}\n`, 'latin1'), elements]);
}

/** Between the file's order of bytes and the machine's. */
function swapped(bytes: Buffer, bytesPerElement: number): Buffer {
  if (endianness() === 'LE' || bytesPerElement === 1) return bytes;
  const copy = Buffer.from(bytes);
  if (bytesPerElement === 2) return copy.swap16();
  return bytesPerElement === 4 ? copy.swap32() : copy.swap64();
}
