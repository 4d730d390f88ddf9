/** Weights that stand on a grid as its integers. */

import type { QParams } from '../quant/qparams.js';
import { quantizedRanges } from '../quant/qparams.js';
import { type QuantizedWeights, quantizeWeights } from '../quant/weights.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { UniformGrid } from './quantizers/quantizer.js';

/**
 * The integers that real weights `kernel` are on `grid`, whose channels are those of `axis` in the kernel's own layout. Weights are
 * code · scale in float32, so dividing by the scale gives each code to within 2^-23 of itself: rounding finds it.
 */
export function weightCodes({ data, dims }: Tensor, grid: UniformGrid, axis: number): QuantizedWeights {
  const { axis: _, ...shared } = grid.qparams;
  const isPerChannel = typeof shared.scale !== 'number' || typeof shared.zeroPoint !== 'number';
  const qparams: QParams = isPerChannel ? { ...shared, scale: perChannel(shared.scale, dims[axis]!), axis } : shared;
  return quantizeWeights(data as Float32Array, dims, qparams, quantizedRanges[qparams.dtype]);
}

function perChannel(scale: number | Float32Array, channels: number): Float32Array {
  return typeof scale === 'number' ? new Float32Array(channels).fill(scale) : scale;
}

export function integerTensor({ data, qparams }: QuantizedWeights, dims: readonly number[]): Tensor {
  return new Tensor<DataType>(qparams.dtype, data as TensorData<DataType>, dims);
}
