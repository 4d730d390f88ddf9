/** What training asks of a prepared model while it goes on. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { FakeQuantize } from './layers/fake-quantize.js';
import type { FoldingPhase } from './layers/folding.js';
import { QuantizedProduct } from './layers/quantized-product.js';

/**
 * Sets the ranges of all activation quantizers from one batch, which passes in float; whatever they were before. Training does so by
 * itself with its first batch; without training this is post-training quantization. `x`: as for `model.predictOnBatch`.
 */
export function calibrate(model: LayersModel, x: tf.Tensor | tf.Tensor[]): void {
  const quantizers = model.layers.filter((layer) => layer instanceof FakeQuantize);
  for (const layer of quantizers) layer.isCalibrating = true;
  try {
    tf.dispose(model.predictOnBatch(x));
  } finally {
    for (const layer of quantizers) layer.isCalibrating = false;
  }
}

/**
 * Takes BatchNorm of all layers to a phase, whatever the step: `batch` statistics with the correction, `moving` ones, or `frozen`;
 * `null` gives it back to the schedule. For a callback at the end of an epoch, say. It is saved with the model.
 */
export function setBatchNormPhase(model: LayersModel, phase: FoldingPhase | null): void {
  for (const layer of productsOf(model)) layer.setPhase(phase);
}

/** Layers of a prepared model whose weights are quantized, and those of them that stay float. */
export function productsOf(model: LayersModel): readonly QuantizedProduct[] {
  return model.layers.filter((layer) => layer instanceof QuantizedProduct);
}

/** Training batches that a prepared model has seen. */
export function stepOf(model: LayersModel): number {
  return Math.max(0, ...productsOf(model).map(({ step }) => step));
}
