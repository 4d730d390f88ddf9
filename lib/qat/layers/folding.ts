/**
 * BatchNorm folded into the weights before it while both are trained (Krishnamoorthi 2018, 3.2.2). With c = σ_B / σ:
 *
 *     batch     y = conv(x, Q(W γ/σ)) / c + β + (b - μ_B) γ/σ_B      what BatchNormalization computes, were Q the identity
 *     moving    y = conv(x, Q(W γ/σ))     + β + (b - μ)   γ/σ        what inference computes; moving statistics are still updated
 *     frozen    the same; statistics stay as they are
 *
 * μ_B, σ_B are the mean and the deviation of conv(x, W) + b in this batch, μ, σ the moving ones, b the bias of the convolution; σ holds
 * ε as BatchNormalization has it. Weights are always scaled by the moving deviation, so what is quantized does not jump with each
 * batch; the correction 1/c takes that out again.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { differentiable } from '../quantizers/gradients.js';

export const foldingPhases = ['batch', 'moving', 'frozen'] as const;
export type FoldingPhase = (typeof foldingPhases)[number];

/** What BatchNormalization keeps from its users. */
export type BuiltBatchNorm = layers.Layer & {
  readonly gamma: LayerVariable | null;
  readonly beta: LayerVariable | null;
  readonly movingMean: LayerVariable;
  readonly movingVariance: LayerVariable;
  readonly epsilon: number;
  readonly momentum: number;
};

export interface Statistics {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/** What weights [..., C] and sums are multiplied with, and what is then added: each [C]. */
export interface Folded {
  readonly scale: tf.Tensor;
  readonly correction: tf.Tensor | undefined;
  readonly offset: tf.Tensor;
}

const deviation = ({ variance }: Statistics, epsilon: number) => tf.sqrt(tf.add(variance, epsilon));

/** Over all axes but the last. */
export function batchStatistics(sums: tf.Tensor, bias: tf.Tensor | undefined): Statistics {
  const axes = sums.shape.slice(0, -1).map((_, axis) => axis);
  const mean = tf.mean(sums, axes);
  return { mean: bias === undefined ? mean : tf.add(mean, bias), variance: varianceAbout(sums, mean, axes) };
}

/** Of N elements about their mean: dx = dy · 2 (x - mean) / N, for what comes through the mean adds up to 0. */
function varianceAbout(x: tf.Tensor, mean: tf.Tensor, axes: number[]): tf.Tensor {
  return differentiable(
    [x],
    (save) => {
      save(x, mean);
      return tf.mean(tf.squaredDifference(x, mean), axes);
    },
    (dy, [x, mean]) => [tf.mul(tf.sub(x!, mean!), tf.mul(dy, (2 * mean!.size) / x!.size))],
  );
}

/** With statistics of a batch: its phase is `batch`. Not corrected: weights are scaled by the deviation of the batch, W γ/σ_B. */
export function foldBatchNorm(
  norm: BuiltBatchNorm,
  bias: tf.Tensor | undefined,
  batch?: Statistics,
  isCorrected = true,
): Folded {
  const moving: Statistics = { mean: norm.movingMean.read(), variance: norm.movingVariance.read() };
  const used = batch ?? moving;
  const sigma = deviation(moving, norm.epsilon);
  const sigmaUsed = batch === undefined ? sigma : deviation(batch, norm.epsilon);
  const gamma = norm.gamma?.read() ?? tf.onesLike(sigma);
  const centered = bias === undefined ? tf.neg(used.mean) : tf.sub(bias, used.mean);
  const shift = tf.div(tf.mul(centered, gamma), sigmaUsed);
  return {
    scale: tf.div(gamma, isCorrected ? sigma : sigmaUsed),
    correction: batch === undefined || !isCorrected ? undefined : tf.div(sigmaUsed, sigma),
    offset: norm.beta == null ? shift : tf.add(shift, norm.beta.read()),
  };
}

/** As BatchNormalization does: average · momentum + batch · (1 - momentum). */
export function updateMoving({ movingMean, movingVariance, momentum }: BuiltBatchNorm, { mean, variance }: Statistics): void {
  tf.tidy(() => {
    for (const [moving, value] of [
      [movingMean, mean],
      [movingVariance, variance],
    ] as const) {
      const before = moving.read();
      moving.write(tf.sub(before, tf.mul(tf.sub(before, value), 1 - momentum)));
    }
  });
}
