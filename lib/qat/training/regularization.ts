/**
 * Terms that are added to the loss, so that weights become easy to quantize. W is the kernel of a layer, L how many there are.
 *
 * - `weightDecay`: λ/2 · Σ ||W||²
 * - `kurtosis`: λ · 1/L · Σ (Kurt(W) - target)², Kurt(W) = E[((W - μ) / σ)⁴]; 1.8 is that of a uniform distribution, for which uniform
 *   steps cost the least and a wrong step little (Shkolnik et al. 2020, "Robust Quantization: One Model to Rule Them All")
 * - `range`: λ · Σ max |W|, so that outliers do not stretch the steps of all others (Kundu et al. 2023, "R2 Loss: Range Restriction
 *   Loss for Model Compression and Quantization", L∞)
 */
import * as tf from '@tensorflow/tfjs-core';
import { invalid } from '../../errors.js';
import type { KernelWeight } from './kernels.js';

export interface RegularizationOptions {
  readonly weightDecay?: number;
  readonly kurtosis?: number | { readonly weight: number; readonly target?: number };
  readonly range?: number;
}

/** Of a uniform distribution: 9/5. */
const uniformKurtosis = 1.8;
/** Keeps the gradient of a kernel finite whose elements are all the same. */
const epsilon = 1e-12;

export type Regularizer = () => tf.Scalar;

/** Undefined where nothing is asked for. Throws ERR_OPTION. */
export function makeRegularizer(options: RegularizationOptions, kernels: readonly KernelWeight[]): Regularizer | undefined {
  const { weightDecay = 0, kurtosis = 0, range = 0 } = options;
  const { weight: kurtosisWeight, target = uniformKurtosis } = typeof kurtosis === 'number' ? { weight: kurtosis } : kurtosis;
  const factors = { weightDecay, kurtosis: kurtosisWeight, range, target };
  for (const [name, value] of Object.entries(factors)) {
    if (!(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
      throw invalid('ERR_OPTION', `regularization.${name}`, 'a number from 0 on', value);
    }
  }
  if ((weightDecay === 0 && kurtosisWeight === 0 && range === 0) || kernels.length === 0) return undefined;
  return () =>
    tf.tidy(() => {
      const terms = kernels.flatMap(({ weight }) => {
        const w = weight.read();
        return [
          ...(weightDecay > 0 ? [tf.mul(tf.sum(tf.square(w)), weightDecay / 2)] : []),
          ...(kurtosisWeight > 0 ? [tf.mul(tf.square(tf.sub(kurtosisOf(w), target)), kurtosisWeight / kernels.length)] : []),
          ...(range > 0 ? [tf.mul(tf.max(tf.abs(w)), range)] : []),
        ];
      });
      return tf.addN(terms) as tf.Scalar;
    });
}

export function kurtosisOf(w: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const centered = tf.sub(w, tf.mean(w));
    const variance = tf.mean(tf.square(centered));
    return tf.div(tf.mean(tf.square(tf.square(centered))), tf.add(tf.square(variance), epsilon)) as tf.Scalar;
  });
}
