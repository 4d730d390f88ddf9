/**
 * Checks the wire format along the schema before anything is decoded, and counts what decoding would allocate: an empty message
 * takes 2 bytes of a file and some hundreds of memory, so a file of a few megabytes could ask for all there is. Stricter than
 * decoders, which read past the end of a message that is too short for its last field: what is counted here is what they see.
 */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { OctensorError } from '../../errors.js';

/** Detectors of a thousand nodes hold some ten thousand; this many take a gigabyte at most. */
const maxObjects = 2 ** 21;
/** Messages in messages: a graph in a graph takes 3, so that `If` and `Loop` may stand in each other 18 deep. */
export const maxNesting = 64;

/** Throws ERR_MODEL_FORMAT for what is malformed, holds more than `maxObjects`, or nests deeper than `maxNesting`. */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  new Walk(bytes).message(schema, bytes.length, 1);
}

const varint = 0;
const fixed64 = 1;
const lengthPrefixed = 2;
const fixed32 = 5;

const wireTypes: Partial<Record<ScalarType, number>> = {
  [ScalarType.DOUBLE]: fixed64,
  [ScalarType.FLOAT]: fixed32,
  [ScalarType.STRING]: lengthPrefixed,
  [ScalarType.BYTES]: lengthPrefixed,
};

interface Field {
  readonly wireType: number;
  readonly message: DescMessage | undefined;
  /** A list of numbers, which may come as one field of many values. */
  readonly isPackable: boolean;
  /** A message, a text or bytes. Numbers take little more memory than in the file, but for BigInts: 8 count as one object. */
  readonly isObject: boolean;
  readonly isBigInt: boolean;
}

const schemas = new Map<DescMessage, ReadonlyMap<number, Field>>();

function fieldsOf(schema: DescMessage): ReadonlyMap<number, Field> {
  let fields = schemas.get(schema);
  if (fields === undefined) {
    fields = new Map(schema.fields.map((field) => [field.number, describeField(field)]));
    schemas.set(schema, fields);
  }
  return fields;
}

function describeField({ message, scalar, fieldKind }: DescField): Field {
  const wireType = message !== undefined ? lengthPrefixed : ((scalar && wireTypes[scalar]) ?? varint);
  return {
    wireType,
    message,
    isPackable: fieldKind === 'list' && wireType !== lengthPrefixed,
    isObject: wireType === lengthPrefixed,
    isBigInt: scalar === ScalarType.INT64 || scalar === ScalarType.UINT64,
  };
}

class Walk {
  readonly #bytes: Uint8Array;
  #position = 0;
  #objects = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(schema: DescMessage, end: number, depth: number): void {
    if (depth > maxNesting) throw this.#error(`messages at most ${maxNesting} deep in each other`, schema.name);
    const fields = fieldsOf(schema);
    while (this.#position < end) {
      const tag = this.#varint(end);
      // Decoders drop the bits above, and would see another field
      if (tag >= 2 ** 32) throw this.#error('a field number of at most 29 bits', tag);
      const number = Math.floor(tag / 8);
      const wireType = tag % 8;
      const field = fields.get(number);
      if (field === undefined) this.#skip(wireType, end);
      else if (wireType === field.wireType) this.#read(field, end, depth);
      else if (wireType === lengthPrefixed && field.isPackable) this.#packed(field, end);
      else throw this.#error(`wire type ${field.wireType} for field ${number} of ${schema.name}`, wireType);
    }
  }

  #read(field: Field, end: number, depth: number): void {
    if (field.isObject) this.#count(1);
    else if (field.isBigInt) this.#count(1 / 8);
    if (field.message === undefined) this.#skip(field.wireType, end);
    else this.message(field.message, this.#lengthPrefix(end), depth + 1);
  }

  #packed(field: Field, outerEnd: number): void {
    const end = this.#lengthPrefix(outerEnd);
    while (this.#position < end) {
      if (field.isBigInt) this.#count(1 / 8);
      this.#skip(field.wireType, end);
    }
  }

  #skip(wireType: number, end: number): void {
    switch (wireType) {
      case varint:
        this.#varint(end);
        break;
      case fixed64:
        this.#advance(8, end);
        break;
      case lengthPrefixed:
        this.#position = this.#lengthPrefix(end);
        break;
      case fixed32:
        this.#advance(4, end);
        break;
      default: // groups: no version of ONNX has any
        throw this.#error('wire type 0, 1, 2 or 5', wireType);
    }
  }

  /** Where what follows ends. */
  #lengthPrefix(end: number): number {
    const length = this.#varint(end);
    if (length > end - this.#position) throw this.#error(`at most ${end - this.#position} bytes`, length);
    return this.#position + length;
  }

  #advance(length: number, end: number): void {
    if (length > end - this.#position) throw this.#error(`${length} bytes`, end - this.#position);
    this.#position += length;
  }

  /** As a double, exact as far as it matters: no length in a file has more than 53 bits. */
  #varint(end: number): number {
    let value = 0;
    let unit = 1;
    for (let k = 0; k < 10 && this.#position < end; k++) {
      const byte = this.#bytes[this.#position++]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 128;
    }
    throw this.#error('a varint of at most 10 bytes', 'one without an end');
  }

  #count(objects: number): void {
    this.#objects += objects;
    if (this.#objects > maxObjects) throw this.#error(`at most ${maxObjects} messages, texts and lists`, 'more');
  }

  #error(expected: string, actual: number | string): OctensorError {
    return new OctensorError('ERR_MODEL_FORMAT', `ONNX file, offset ${this.#position}: expected ${expected}, got ${actual}`);
  }
}
