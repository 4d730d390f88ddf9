/** The backend's memory: that of TensorFlow.js's own cpu backend, whose kernels do all that has no native one. */

import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { type backend_util, type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { EagerArray } from '../addon.js';

type Values = backend_util.BackendValues;

export class OctensorBackend extends MathBackendCPU {
  /** Without the base class's advice to install another backend. */
  override write(values: Values, _shape: number[], dtype: DataType): object {
    const dataId = {};
    this.data.set(dataId, { values, dtype, refCount: 1 });
    return dataId;
  }

  /** A float32 tensor's elements, which belong to the tensor. */
  floats(info: TensorInfo): Float32Array {
    const values = this.data.get(info.dataId).values as Values;
    if (values instanceof Float32Array && values.buffer instanceof ArrayBuffer) return values;
    // Cast from int32 and bool shares the source's array; memory that other threads may write to is not for native code.
    return Float32Array.from(values as ArrayLike<number>);
  }

  /** Likewise of an int32 tensor. */
  ints(info: TensorInfo): Int32Array {
    const values = this.data.get(info.dataId).values as Values;
    if (values instanceof Int32Array && values.buffer instanceof ArrayBuffer) return values;
    return Int32Array.from(values as ArrayLike<number>);
  }

  /** Likewise of a bool tensor. */
  bools(info: TensorInfo): Uint8Array {
    const values = this.data.get(info.dataId).values as Values;
    if (values instanceof Uint8Array && values.buffer instanceof ArrayBuffer) return values;
    return Uint8Array.from(values as ArrayLike<number>);
  }

  /** Likewise of a tensor of any of the three. */
  elements(info: TensorInfo): EagerArray {
    if (info.dtype === 'float32') return this.floats(info);
    return info.dtype === 'int32' ? this.ints(info) : this.bools(info);
  }

  /** A new float32 tensor and its elements, whose values are not defined until a kernel has written them. */
  makeFloats(shape: readonly number[]): [TensorInfo, Float32Array] {
    const values = new Float32Array(util.sizeFromShape(shape as number[]));
    return [this.makeTensorInfo(shape as number[], 'float32', values), values];
  }

  /** Likewise of float32, int32 or bool. */
  make(shape: readonly number[], dtype: DataType): [TensorInfo, EagerArray] {
    if (dtype === 'float32') return this.makeFloats(shape);
    if (dtype === 'bool') return this.makeBools(shape);
    const values = new Int32Array(util.sizeFromShape(shape as number[]));
    return [this.makeTensorInfo(shape as number[], dtype, values), values];
  }

  makeBools(shape: readonly number[]): [TensorInfo, Uint8Array] {
    const values = new Uint8Array(util.sizeFromShape(shape as number[]));
    return [this.makeTensorInfo(shape as number[], 'bool', values), values];
  }
}
