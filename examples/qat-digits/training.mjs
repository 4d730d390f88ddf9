/** Training and evaluation: every scheme gets the same. */
import * as tf from '@tensorflow/tfjs-core';
import { adam, train } from 'octensor/qat';
import { movedPictures } from './data.mjs';

/** @typedef {import('./data.mjs').Digits} Digits */

const batchSize = 64;

/** @param {Digits} digits */
export function stepsPerEpoch({ count }) {
  return Math.ceil(count / batchSize);
}

/**
 * Trains with pictures that are moved anew in each epoch.
 * @param {import('@tensorflow/tfjs-layers').LayersModel} model
 * @param {{ train: Digits, test: Digits }} digits
 * @param {{ epochs: number, learningRate: number, seed: number, teacher?: import('@tensorflow/tfjs-layers').LayersModel }} options
 * @returns {Promise<{ losses: number[], noise: number[], curve: number[], seconds: number }>}
 */
export async function fitDigits(model, digits, { epochs, learningRate, seed, teacher }) {
  const start = performance.now();
  const [losses, curve] = [[], []];
  const steps = epochs * stepsPerEpoch(digits.train);
  // Gradients through roundings change fast: their squares are averaged over fewer steps than usual
  const optimizer = adam(learningRate, 0.9, 0.99);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const own = seed * 1000 + epoch;
    const x = movedPictures(digits.train, own);
    const options = {
      epochs: 1,
      batchSize,
      optimizer,
      seed: own,
      ...(teacher !== undefined && { distillation: { teacher } }),
      onStep({ loss }) {
        losses.push(loss);
        // Along a cosine, for the next step (Loshchilov and Hutter 2017)
        optimizer.learningRate = (learningRate / 2) * (1 + Math.cos((Math.PI * losses.length) / steps));
      },
    };
    await train(model, { x, y: digits.train.samples.y }, options);
    x.dispose();
    curve.push(accuracyOf(classify(model, digits.test), digits.test));
  }
  optimizer.dispose();
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
