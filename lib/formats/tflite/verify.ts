/**
 * Reading a FlatBuffer that may be hostile. The generated accessors trust every offset, but they read through a ByteBuffer
 * alone; so instead of walking the schema twice (a verifier that would have to mirror every accessor), this ByteBuffer checks
 * each read when it happens. That is complete by construction:
 * - every scalar, vtable entry, offset and length is read through a DataView over exactly the file, which refuses what is outside;
 * - a vector's length and a string's bytes must lie in the file, so no allocation follows from a length that is a lie;
 * - the importer follows the schema's tables, which do not nest in themselves, so cycles of offsets cannot keep it going;
 * - tables may overlap, and be shared by many that refer to them, so all reading is paid for from a budget that is linear in the
 *   file's size: time and memory stay linear, however the offsets are knotted.
 */
import { ByteBuffer, type Encoding } from 'flatbuffers';
import { invalid, OctensorError } from '../../errors.js';
import { Model } from './schema/tflite_generated.js';

/** Bytes that are copied count, too. Converters' files need about 1 for each byte, and their tables alone less than 4. */
const readsPerByte = 8;
/** For files of a few hundred bytes, in which vtables and operator codes are read again for each use. */
const minReads = 2 ** 16;

const identifier = 'TFL3';

export class CheckedByteBuffer extends ByteBuffer {
  readonly #view: DataView;
  readonly #size: number;
  #budget: number;
  /** The table whose field was read last, and its vtable: most reads look for one field of it after the other. */
  #table = -1;
  #vtable = 0;
  #vtableBytes = 0;

  constructor(bytes: Uint8Array) {
    // A Buffer of Node's would share memory where a Uint8Array copies.
    super(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#size = bytes.byteLength;
    this.#budget = minReads + readsPerByte * bytes.length;
  }

  /** Pays for `amount` reads, or for as many bytes copied. */
  charge(amount: number): void {
    this.#budget -= amount;
    if (this.#budget < 0)
      throw formatError('expected each part to be referred to once or so, got far more to read than there is');
  }

  /** The bytes from `start`; the caller copies them. */
  slice(start: number, length: number): Uint8Array {
    this.#expectInside(start, length);
    this.charge(length);
    return this.bytes().subarray(start, start + length);
  }

  override readInt8(offset: number): number {
    return this.#view.getInt8(this.#paid(offset, 1));
  }

  override readUint8(offset: number): number {
    return this.#view.getUint8(this.#paid(offset, 1));
  }

  override readInt16(offset: number): number {
    return this.#view.getInt16(this.#paid(offset, 2), true);
  }

  override readUint16(offset: number): number {
    return this.#view.getUint16(this.#paid(offset, 2), true);
  }

  override readInt32(offset: number): number {
    return this.#view.getInt32(this.#paid(offset, 4), true);
  }

  override readUint32(offset: number): number {
    return this.#view.getUint32(this.#paid(offset, 4), true);
  }

  override readInt64(offset: number): bigint {
    return this.#view.getBigInt64(this.#paid(offset, 8), true);
  }

  override readUint64(offset: number): bigint {
    return this.#view.getBigUint64(this.#paid(offset, 8), true);
  }

  override readFloat32(offset: number): number {
    return this.#view.getFloat32(this.#paid(offset, 4), true);
  }

  override readFloat64(offset: number): number {
    return this.#view.getFloat64(this.#paid(offset, 8), true);
  }

  override __offset(table: number, field: number): number {
    if (table !== this.#table) {
      this.#vtable = table - this.readInt32(table);
      this.#vtableBytes = this.readInt16(this.#vtable);
      this.#table = table;
    }
    return field < this.#vtableBytes ? this.readInt16(this.#vtable + field) : 0;
  }

  override __vector_len(offset: number): number {
    const start = this.__vector(offset);
    const length = this.readUint32(start - 4);
    // Elements have at least a byte each; the last one is checked when it is read.
    this.#expectInside(start, length);
    return length;
  }

  override __string(offset: number, encoding?: Encoding): string | Uint8Array {
    const start = this.__vector(offset);
    this.slice(start, this.readUint32(start - 4));
    return super.__string(offset, encoding);
  }

  /** An offset that may be read from. One call for all: files are read by code that is not compiled yet. */
  #paid(offset: number, size: number): number {
    if (--this.#budget < 0 || !(offset >= 0 && offset + size <= this.#size)) {
      this.charge(0);
      this.#expectInside(offset, size);
    }
    return offset;
  }

  #expectInside(start: number, length: number): void {
    if (start >= 0 && start + length <= this.#size) return;
    throw formatError(`expected offsets inside the file's ${this.#size} bytes, got ${start} with ${length} bytes`);
  }
}

/** An empty table: all its fields are absent, so accessors return the schema's defaults. */
export const emptyTable = {
  buffer: new ByteBuffer(Uint8Array.of(4, 0, 4, 0, 4, 0, 0, 0)),
  /** Its vtable, of 4 bytes, stands before it. */
  position: 4,
} as const;

/** The root table of a file, and the buffer through which it is read. Throws ERR_MODEL_FORMAT for what is no TFLite file. */
export function openModel(bytes: Uint8Array): { readonly model: Model; readonly buffer: CheckedByteBuffer } {
  const buffer = new CheckedByteBuffer(bytes);
  if (bytes.length < 8 || !buffer.__has_identifier(identifier)) {
    const actual = String.fromCharCode(...bytes.subarray(4, 8));
    throw invalid('ERR_MODEL_FORMAT', 'file identifier', `"${identifier}" at offset 4`, actual);
  }
  const model = Model.getRootAsModel(buffer);
  if (model.version() !== 3) throw invalid('ERR_MODEL_FORMAT', 'schema version', '3', model.version());
  return { model, buffer };
}

export function formatError(message: string): OctensorError {
  return new OctensorError('ERR_MODEL_FORMAT', `TFLite file: ${message}`);
}

export function unsupported(message: string): OctensorError {
  return new OctensorError('ERR_UNSUPPORTED_OP', `TFLite file: ${message}`);
}

/** All of a vector, from its generated accessors. An absent one is empty. */
export function vector<T>(length: number, at: (index: number) => T | null): T[] {
  return Array.from({ length }, (_, i) => at(i)!);
}
