/** The backend's memory: that of TensorFlow.js's own cpu backend, whose kernels do all that has no native one. */

import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { type backend_util, type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { EagerArray } from '../addon.js';
import { ArrayPool } from './array-pool.js';

type Values = backend_util.BackendValues;

/**
 * A tensor's elements, made here. Whoever else asks for them (a kernel of the cpu backend, `dataSync`, a move to another backend)
 * may keep the array, so that it must not become another tensor's.
 */
class OwnData {
  refCount = 1;
  isPrivate = true;

  constructor(
    readonly array: Float32Array | Uint8Array,
    readonly dtype: DataType,
  ) {}

  get values(): Values {
    this.isPrivate = false;
    return this.array;
  }
}

export class OctensorBackend extends MathBackendCPU {
  readonly #floats = new ArrayPool<Float32Array>((length) => new Float32Array(length));
  readonly #bools = new ArrayPool<Uint8Array>((length) => new Uint8Array(length));

  /** Without the base class's advice to install another backend. */
  override write(values: Values, _shape: number[], dtype: DataType): object {
    const dataId = {};
    this.data.set(dataId, { values, dtype, refCount: 1 });
    return dataId;
  }

  override disposeData(dataId: object, force = false): boolean {
    const data: unknown = this.data.has(dataId) ? this.data.get(dataId) : undefined;
    const isGone = super.disposeData(dataId, force);
    if (isGone && data instanceof OwnData && data.isPrivate) {
      const { array } = data;
      data.isPrivate = false;
      if (array instanceof Float32Array) this.#floats.give(array);
      else this.#bools.give(array);
    }
    return isGone;
  }

  override dispose(): void {
    this.#floats.clear();
    this.#bools.clear();
    super.dispose();
  }

  /** A float32 tensor's elements, which belong to the tensor: they are the caller's while its kernel runs. */
  floats(info: TensorInfo): Float32Array {
    const values = this.#valuesOf(info);
    if (values instanceof Float32Array && values.buffer instanceof ArrayBuffer) return values;
    // Cast by the cpu kernel shares the source's array; memory that other threads may write to is not for native code.
    return Float32Array.from(values as ArrayLike<number>);
  }

  /** Likewise of an int32 tensor. */
  ints(info: TensorInfo): Int32Array {
    const values = this.#valuesOf(info);
    if (values instanceof Int32Array && values.buffer instanceof ArrayBuffer) return values;
    return Int32Array.from(values as ArrayLike<number>);
  }

  /** Likewise of a bool tensor. */
  bools(info: TensorInfo): Uint8Array {
    const values = this.#valuesOf(info);
    if (values instanceof Uint8Array && values.buffer instanceof ArrayBuffer) return values;
    return Uint8Array.from(values as ArrayLike<number>);
  }

  /** Likewise of a tensor of any of the three. */
  elements(info: TensorInfo): EagerArray {
    if (info.dtype === 'float32') return this.floats(info);
    return info.dtype === 'int32' ? this.ints(info) : this.bools(info);
  }

  /** A new float32 tensor and its elements, which are those of an earlier tensor until a kernel has written all of them. */
  makeFloats(shape: readonly number[]): [TensorInfo, Float32Array] {
    const values = this.#floats.take(util.sizeFromShape(shape as number[]));
    return [this.#own(shape, 'float32', values), values];
  }

  /** Likewise of bool. */
  makeBools(shape: readonly number[]): [TensorInfo, Uint8Array] {
    const values = this.#bools.take(util.sizeFromShape(shape as number[]));
    return [this.#own(shape, 'bool', values), values];
  }

  /** Likewise of float32, int32 or bool. */
  make(shape: readonly number[], dtype: DataType): [TensorInfo, EagerArray] {
    if (dtype === 'float32') return this.makeFloats(shape);
    if (dtype === 'bool') return this.makeBools(shape);
    const values = new Int32Array(util.sizeFromShape(shape as number[]));
    return [this.makeTensorInfo(shape as number[], dtype, values), values];
  }

  #own(shape: readonly number[], dtype: DataType, values: Float32Array | Uint8Array): TensorInfo {
    const dataId = {};
    this.data.set(dataId, new OwnData(values, dtype));
    return { dataId, shape: shape as number[], dtype };
  }

  #valuesOf({ dataId }: TensorInfo): Values {
    const data: unknown = this.data.get(dataId);
    return data instanceof OwnData ? data.array : (data as { values: Values }).values;
  }
}
