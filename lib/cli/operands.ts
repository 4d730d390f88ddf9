/** Matrices and quantization parameters to multiply with: the same in every process that asks for the same workload. */

import { OctensorError } from '../errors.js';
import type { ByteMatrix } from '../gemm/types.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { Shape } from './arguments.js';

export const byteTypes = ['uint8', 'int8'] as const;
export const outputTypes = ['uint8', 'int8', 'int32', 'float32'] as const;
export type ByteType = (typeof byteTypes)[number];
export type OutputType = (typeof outputTypes)[number];

export interface Workload extends Shape {
  readonly a: ByteType;
  readonly b: ByteType;
  readonly out: OutputType;
}

export interface Operands {
  /** [m, k] */
  readonly a: ByteMatrix;
  /** [k, n] */
  readonly b: ByteMatrix;
  readonly aZeroPoint: number;
  readonly bZeroPoint: number;
  readonly aScale: number;
  readonly bScale: number;
  /** Of an 8-bit output: so that its standard deviation is 40 steps, little of it is clamped. */
  readonly outScale: number;
  readonly outZeroPoint: number;
}

/** Usual parameters: asymmetric activations, symmetric weights if they are int8. */
export function makeOperands({ m, k, n, a, b, out }: Workload): Operands {
  const aScale = Math.fround(0.02);
  const bScale = Math.fround(0.005);
  const deviation = (256 ** 2 / 12) * Math.sqrt(k); // of a sum of k products of uniformly distributed bytes
  return {
    a: randomBytes(a, m * k, 1),
    b: randomBytes(b, k * n, 2),
    aZeroPoint: a === 'uint8' ? 131 : 3,
    bZeroPoint: b === 'uint8' ? 128 : 0,
    aScale,
    bScale,
    outScale: Math.fround((aScale * bScale * deviation) / 40),
    outZeroPoint: out === 'uint8' ? 128 : 0,
  };
}

export function newOutput({ m, n, out }: Workload): Uint8Array | Int8Array | Int32Array | Float32Array {
  if (out === 'uint8') return new Uint8Array(m * n);
  if (out === 'int8') return new Int8Array(m * n);
  return out === 'int32' ? new Int32Array(m * n) : new Float32Array(m * n);
}

/** Marsaglia 2003, "Xorshift RNGs", the 32-bit generator with shifts 13, 17, 5. */
export function randomBytes(type: ByteType, length: number, seed: number): ByteMatrix {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = seed * 0x9e3779b1; // spreads small seeds over all bits
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return type === 'uint8' ? new Uint8Array(words.buffer, 0, length) : new Int8Array(words.buffer, 0, length);
}

/** Random elements: all integers of 8 bits, and 0 to 1 for real numbers, which are usual of pictures and of sound. */
export function randomTensor(type: DataType, dims: readonly number[], seed = 1): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const bytes = randomBytes(type === 'int8' ? 'int8' : 'uint8', size, seed);
  if (type === 'int8' || type === 'uint8') return new Tensor<DataType>(type, bytes, dims);
  if (type === 'string') throw new OctensorError('ERR_DTYPE', 'expected inputs that are numbers, got string');
  const isReal = type === 'float32' || type === 'float64' || type === 'float16';
  const elements = Array.from(bytes, (byte) => (isReal ? byte / 255 : type === 'bool' ? byte & 1 : byte & 0x7f));
  return new Tensor<DataType>(type, elements as TensorData<DataType>, dims);
}
