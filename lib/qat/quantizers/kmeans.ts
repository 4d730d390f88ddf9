/**
 * Trained quantization and weight sharing (Han 2016, Deep Compression, section 3): 2^b shared values, to which weights are assigned
 * once by k-means, and which are then trained.
 *
 *     y = codebook[codes],  d codebook[k] = sum of dy over all weights with code k (section 3.3),  dx = 0
 *
 * A weight never changes its code, as in the paper, so the float weights have no more part in training. The codebook is one for the
 * whole tensor. Codes are saved with the layer, as state that is not trained.
 */
import {
  cast,
  gather,
  reshape,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  unsortedSegmentSum,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { invalid } from '../../errors.js';
import { clusterValues, nearest } from './cluster.js';
import { differentiable } from './gradients.js';
import type { QuantizerType, WeightValues } from './quantizer.js';
import { checkFinite } from './uniform.js';

export const kmeans: QuantizerType = {
  name: 'kmeans',
  targets: ['weights'],
  create(options, shape) {
    const { bits, granularity = 'per-tensor' } = options;
    if (granularity !== 'per-tensor') throw invalid('ERR_QUANTIZATION', 'granularity of kmeans', 'per-tensor', granularity);
    const dims = shape as readonly number[];
    const size = dims.reduce((product, dim) => product * dim, 1);
    const clusters = 2 ** bits;
    const indices = ({ codes }: WeightValues) => cast(reshape(codes!, [size]), 'int32');
    const lookUp = (weights: WeightValues) => reshape(gather(weights.codebook!, indices(weights)), [...dims]);
    return {
      name: 'kmeans',
      options,
      weights: [
        { name: 'codebook', shape: [clusters], initial: 0, trainable: true },
        { name: 'codes', shape: dims, initial: 0, trainable: false },
      ],
      initialize(x: Tensor): WeightValues {
        checkFinite(x, 'kmeans');
        const values = x.dataSync() as Float32Array;
        const centroids = clusterValues(values, clusters);
        const codes = Float32Array.from(values, (value) => nearest(value, centroids));
        return { codebook: tensor1d(centroids), codes: tensor(codes, [...dims]) };
      },
      apply(x, weights) {
        const y = differentiable(
          [x, weights.codebook!],
          (save) => {
            save(x, indices(weights));
            return lookUp(weights);
          },
          (dy, [x, codes]) => [
            zerosLike(x!),
            unsortedSegmentSum(reshape(dy, [size]), codes as Parameters<typeof unsortedSegmentSum>[1], clusters),
          ],
        );
        return { y };
      },
      hardApply: (_, weights) => tidy(() => lookUp(weights)),
      grid: ({ codebook }) => ({ kind: 'codebook', bits, values: Float32Array.from(codebook!.dataSync()) }),
      codes: (_, { codes }) => codes!.clone(),
    };
  },
};
