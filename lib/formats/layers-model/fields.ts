/** Reads JSON that may be anything: by own properties alone, each checked; an error says where. */
import { describe, OctensorError } from '../../errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Of a dimension, and of anything else that counts elements. */
export const maxSize = 2 ** 31 - 1;

export class Fields {
  readonly #object: JsonObject;
  /** What the object is, for messages: `layer "conv" (Conv2D)`. */
  readonly where: string;
  readonly #node: string | undefined;

  constructor(object: unknown, where: string, node?: string) {
    this.where = where;
    this.#node = node;
    if (!isObject(object)) throw this.error('ERR_MODEL_FORMAT', `expected an object, got ${describe(object)}`);
    this.#object = object;
  }

  /** An own property; undefined where it is absent or null, which Keras writes for what is not set. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? (this.#object[key] ?? undefined) : undefined;
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** Whether the key is there, if only as null. */
  hasKey(key: string): boolean {
    return Object.hasOwn(this.#object, key);
  }

  integer(key: string, min: number, max: number, otherwise?: number): number {
    const value = this.raw(key) ?? otherwise;
    if (isInteger(value, min, max)) return value;
    throw this.wrong(key, `an integer from ${min} to ${max}`, value);
  }

  number(key: string, otherwise?: number): number {
    const value = this.raw(key) ?? otherwise;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.wrong(key, 'a finite number', value);
  }

  boolean(key: string, otherwise?: boolean): boolean {
    const value = this.raw(key) ?? otherwise;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false', value);
  }

  string(key: string, otherwise?: string): string {
    const value = this.raw(key) ?? otherwise;
    if (typeof value === 'string') return value;
    throw this.wrong(key, 'a text', value);
  }

  /** A word, however it is written: tfjs writes `channelsLast` as `channels_last`. */
  oneOf<const T extends string>(key: string, values: readonly T[], otherwise?: T): T {
    const value = this.raw(key) ?? otherwise;
    const found = typeof value === 'string' ? values.find((one) => plain(one) === plain(value)) : undefined;
    if (found === undefined) throw this.wrong(key, `one of ${values.join(', ')}`, value);
    return found;
  }

  list(key: string, maxLength = maxSize): readonly unknown[] {
    const value = this.raw(key);
    if (Array.isArray(value) && value.length <= maxLength) return value;
    throw this.wrong(key, maxLength === maxSize ? 'a list' : `a list of at most ${maxLength}`, value);
  }

  /** `count` integers; one number stands for all of them. */
  integers(key: string, count: number, min: number, max: number, otherwise?: readonly number[]): readonly number[] {
    const value = this.raw(key) ?? otherwise;
    const list: unknown = isInteger(value, min, max) ? new Array<number>(count).fill(value) : value;
    if (Array.isArray(list) && list.length === count && list.every((item) => isInteger(item, min, max))) return list;
    throw this.wrong(key, `${count} integers from ${min} to ${max}`, value);
  }

  object(key: string): Fields {
    const value = this.raw(key);
    if (!isObject(value)) throw this.wrong(key, 'an object', value);
    return new Fields(value, `${this.where}: ${key}`, this.#node);
  }

  wrong(key: string, expected: string, actual: unknown): OctensorError {
    return this.error('ERR_MODEL_FORMAT', `${key}: expected ${expected}, got ${describe(actual)}`);
  }

  /** What is valid but not implemented. */
  unsupported(what: string): OctensorError {
    return this.error('ERR_UNSUPPORTED_OP', `${what} is not supported`);
  }

  error(code: OctensorError['code'], message: string): OctensorError {
    return new OctensorError(code, `${this.where}: ${message}`, this.#node === undefined ? {} : { node: this.#node });
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** `hardSigmoid`, `hard_sigmoid` and `hardsigmoid` are one. */
export function plain(word: string): string {
  return word.replaceAll('_', '').toLowerCase();
}
