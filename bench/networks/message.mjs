/**
 * Protocol buffers whose large parts are made when they are written: the float weights of VGG-16 are half a gigabyte, which
 * nothing has to hold as a whole.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** @typedef {{ readonly length: number, make(): Uint8Array }} LazyBytes bytes whose number is known before they are */

export class Message {
  /** In bytes. */
  length = 0;
  /** @type {(Uint8Array | LazyBytes)[]} */
  #parts = [];

  /** @param {number} field @param {number | bigint} value */
  integer(field, value) {
    return this.#add(new BinaryWriter().tag(field, WireType.Varint).int64(value).finish());
  }

  /** @param {number} field @param {number} value */
  float(field, value) {
    return this.#add(new BinaryWriter().tag(field, WireType.Bit32).float(value).finish());
  }

  /** @param {number} field @param {string} value */
  text(field, value) {
    return this.#add(new BinaryWriter().tag(field, WireType.LengthDelimited).string(value).finish());
  }

  /** @param {number} field @param {Uint8Array | LazyBytes} value */
  bytes(field, value) {
    this.#add(new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(value.length).finish());
    return this.#add(value);
  }

  /** @param {number} field @param {Message} value */
  message(field, value) {
    this.#add(new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(value.length).finish());
    return this.append(value);
  }

  /** The fields of another message, as they are. @param {Message} value */
  append(value) {
    for (const part of value.#parts) this.#add(part);
    return this;
  }

  /** @param {Uint8Array | LazyBytes} part */
  #add(part) {
    this.#parts.push(part);
    this.length += part.length;
    return this;
  }

  /** The message part by part. */
  *chunks() {
    for (const part of this.#parts) yield 'make' in part ? part.make() : part;
  }

  finish() {
    return Buffer.concat([...this.chunks()]);
  }

  /** @param {string} path */
  write(path) {
    const file = openSync(path, 'w');
    try {
      for (const chunk of this.chunks()) {
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
      }
    } finally {
      closeSync(file);
    }
  }
}
