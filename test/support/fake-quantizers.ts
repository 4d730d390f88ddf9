/** Every quantizer with every target and number of bits that it has, and weights to use it with. */
import '@tensorflow/tfjs-backend-cpu';
// Registers the gradients of operations
import '@tensorflow/tfjs-layers';
import { dispose, memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import { OctensorError, Tensor as OctensorTensor } from 'octensor';
import { createQuantizer, quantizers } from '#lib/qat/quantizers/index.js';
import type { Grid, Quantizer, QuantizerName, QuantizerOptions, WeightValues } from '#lib/qat/quantizers/quantizer.js';
import { normals } from './normals.js';

export const evaluating = { training: false, step: 0 };
export const training = { training: true, step: 0 };

export interface Case {
  readonly title: string;
  readonly name: QuantizerName;
  readonly options: QuantizerOptions;
}

const bitsOf: Partial<Record<QuantizerName, readonly number[]>> = { bwn: [1], xnor: [1], twn: [2] };
const allBits = [1, 2, 3, 4, 5, 6, 7, 8];

/** What weights and activations may be, apart from the number of bits. */
const variants: Readonly<Record<'weights' | 'activations', readonly Partial<QuantizerOptions>[]>> = {
  weights: [
    {},
    { symmetric: false },
    { granularity: 'per-channel', axis: 3 },
    { granularity: 'per-channel', axis: 0 },
    { granularity: { bucket: 5 }, axis: 3 },
    { granularity: { bucket: 4 }, axis: 0, symmetric: false },
  ],
  activations: [{}, { symmetric: true }, { signed: true }],
};

export const dims = [3, 2, 4, 5];

export function cases(bits: readonly number[] = allBits): readonly Case[] {
  return quantizers.flatMap(({ name, targets }) =>
    targets.flatMap((target) =>
      variants[target].flatMap((variant) =>
        (bitsOf[name] ?? bits).flatMap((bits) => {
          const options = { target, bits, ...variant };
          const title = `${name} ${JSON.stringify(options)}`;
          return isOffered(name, options) ? [{ title, name, options }] : [];
        }),
      ),
    ),
  );
}

function isOffered(name: QuantizerName, options: QuantizerOptions): boolean {
  try {
    createQuantizer(name, options, dims);
    return true;
  } catch (error) {
    if (error instanceof OctensorError) return false;
    throw error;
  }
}

export interface Used {
  readonly quantizer: Quantizer;
  readonly x: Tensor;
  readonly weights: WeightValues;
}

/** A quantizer that has seen x, which it is called with. */
export function using(
  { name, options }: Pick<Case, 'name' | 'options'>,
  values: Float32Array = normals(120, 7).map((x) => x * 0.6),
  shape = dims,
): Used {
  const quantizer = createQuantizer(name, options, shape);
  const x = tensor(values, shape);
  return { quantizer, x, weights: quantizer.initialize(x) };
}

/** Runs `body` and gives how many tensors it left behind. */
export function leaked(body: () => void): number {
  const before = memory().numTensors;
  body();
  return memory().numTensors - before;
}

export function values(tensor: Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync());
}

export function numbers(run: () => Tensor): Float32Array {
  const result = tidy(run);
  const data = values(result);
  dispose(result);
  return data;
}

/** What integers mean: element i of a tensor of shape `shape`. */
export function meaning(grid: Grid, codes: Float32Array, shape: readonly number[]): Float32Array {
  if (grid.kind === 'codebook') return codes.map((code) => grid.values[code]!);
  if (grid.kind === 'uniform') {
    const array = grid.qparams.dtype === 'int8' ? Int8Array.from(codes) : Uint8Array.from(codes);
    return new OctensorTensor(grid.qparams.dtype, array, shape).dequantize(grid.qparams).data;
  }
  const [rows, columns] = grid.dims;
  return codes.map((code, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const [, scaleColumns] = grid.scaleDims;
    const own =
      grid.axis === 1
        ? row * scaleColumns + Math.floor(column / grid.blockSize)
        : Math.floor(row / grid.blockSize) * scaleColumns + column;
    if (row >= rows) throw new Error('a code too many');
    return Math.fround(code - grid.zeroPoints[own]!) * grid.scales[own]!;
  });
}
