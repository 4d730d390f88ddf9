/**
 * Arrays of disposed tensors, for the next tensors of the same size. A step of training makes and drops the same sizes again and
 * again; fresh memory costs more than most kernels, for the system clears it page by page.
 */

type PooledArray = Float32Array | Uint8Array;

/** What is kept at most; the sizes that were not used for longest go first. */
const maxPooledBytes = 2 ** 29;
/** Smaller ones are part of V8's heap. */
const minLength = 32;

export class ArrayPool<T extends PooledArray> {
  readonly #make: (length: number) => T;
  /** By length, the one used last at the end. */
  readonly #arrays = new Map<number, T[]>();
  #sizeBytes = 0;

  constructor(make: (length: number) => T) {
    this.#make = make;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** An array of that length with any contents. */
  take(length: number): T {
    const found = this.#arrays.get(length)?.pop();
    if (found === undefined) return this.#make(length);
    this.#sizeBytes -= found.byteLength;
    return found;
  }

  /** Only of an array that nobody else has. */
  give(array: T): void {
    const { length, byteLength } = array;
    if (length < minLength || byteLength > maxPooledBytes) return;
    const same = this.#arrays.get(length) ?? [];
    this.#arrays.delete(length);
    this.#arrays.set(length, same);
    same.push(array);
    this.#sizeBytes += byteLength;
    while (this.#sizeBytes > maxPooledBytes) this.#dropOldest();
  }

  clear(): void {
    this.#arrays.clear();
    this.#sizeBytes = 0;
  }

  #dropOldest(): void {
    const [length, arrays] = this.#arrays.entries().next().value!;
    const dropped = arrays.pop();
    if (dropped !== undefined) this.#sizeBytes -= dropped.byteLength;
    if (arrays.length === 0) this.#arrays.delete(length);
  }
}
