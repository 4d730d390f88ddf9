/** Training and evaluation: every scheme gets the same. */
import * as tf from '@tensorflow/tfjs-core';
import { train } from 'octensor/qat';

/** @typedef {import('./data.mjs').Digits} Digits */

const batchSize = 64;

/** @param {Digits} digits */
export function stepsPerEpoch({ count }) {
  return Math.ceil(count / batchSize);
}

/**
 * @param {import('@tensorflow/tfjs-layers').LayersModel} model
 * @param {{ train: Digits, test: Digits }} digits
 * @param {{ epochs: number, learningRate: number, seed: number, teacher?: import('@tensorflow/tfjs-layers').LayersModel }} options
 * @returns {Promise<{ losses: number[], noise: number[], curve: number[], seconds: number }>}
 */
export async function fitDigits(model, digits, { teacher, ...options }) {
  const start = performance.now();
  const [losses, curve] = [[], []];
  await train(model, digits.train.samples, {
    ...options,
    batchSize,
    schedule: 'cosine',
    ...(teacher !== undefined && { distillation: { teacher } }),
    onStep: ({ loss }) => losses.push(loss),
    onEpoch: () => {
      curve.push(accuracyOf(classify(model, digits.test), digits.test));
    },
  });
  return { ...thinned(losses), curve, seconds: (performance.now() - start) / 1000 };
}

/** The class of each digit that the model finds. */
export function classify(model, { samples, count }) {
  const found = new Uint8Array(count);
  for (let start = 0; start < count; start += 250) {
    const size = Math.min(250, count - start);
    const classes = tf.tidy(() => tf.argMax(model.predictOnBatch(tf.slice(samples.x, start, size)), 1));
    found.set(classes.dataSync(), start);
    classes.dispose();
  }
  return found;
}

/** In percent. */
export function accuracyOf(found, { labels }) {
  return (100 * found.reduce((right, digit, i) => right + Number(digit === labels[i]), 0)) / labels.length;
}

/** Means and deviations of neighbours, at most 100 of them. */
function thinned(losses) {
  const width = Math.ceil(losses.length / 100);
  const parts = Array.from({ length: Math.ceil(losses.length / width) }, (_, i) => losses.slice(i * width, (i + 1) * width));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = (values) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  const rounded = (value) => Number(value.toPrecision(5));
  return { losses: parts.map(mean).map(rounded), noise: parts.map(deviation).map(rounded) };
}
