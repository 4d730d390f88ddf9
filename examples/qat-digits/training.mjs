/** Training and evaluation; as little as it takes, so that every scheme gets the same. */
import * as tf from '@tensorflow/tfjs-core';
import { imagesAt, labelsAt, shuffled } from './data.mjs';

const batchSize = 64;
const temperature = 4;

/**
 * Adam with a learning rate that falls along a cosine. The loss is cross-entropy of the logits; with a teacher half of it is that of
 * the teacher's softened probabilities, times their temperature squared (Hinton 2015).
 * @param {import('@tensorflow/tfjs-layers').LayersModel} model
 * @param {import('./data.mjs').Digits} digits
 * @param {{ epochs: number, rate: number, seed: number, teacher?: import('@tensorflow/tfjs-layers').LayersModel,
 *   onEpoch?: (epoch: number) => void, onStep?: (step: number, steps: number, loss: number) => void }} options
 * @returns {Promise<number[]>} the loss of each step
 */
export async function train(model, digits, { epochs, rate, seed, teacher, onEpoch, onStep }) {
  const optimizer = tf.train.adam(rate);
  model.compile({ optimizer, loss: teacher === undefined ? crossEntropy : distillation });
  const stepsPerEpoch = Math.floor(digits.count / batchSize);
  const steps = epochs * stepsPerEpoch;
  const losses = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(digits.count, seed * 7919 + epoch);
    for (let i = 0; i < stepsPerEpoch; i++) {
      const step = losses.length;
      optimizer.learningRate = (rate / 2) * (1 + Math.cos((Math.PI * step) / steps));
      const indices = order.subarray(i * batchSize, (i + 1) * batchSize);
      const [images, labels] = [imagesAt(digits, indices), labelsAt(digits, indices)];
      const targets = teacher === undefined ? labels : tf.tidy(() => tf.concat([labels, teacher.predictOnBatch(images)], 1));
      const loss = await model.trainOnBatch(images, targets);
      tf.dispose([images, labels, targets]);
      if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss} at step ${step}`);
      losses.push(loss);
      onStep?.(step, steps, loss);
    }
    onEpoch?.(epoch);
  }
  optimizer.dispose();
  return losses;
}

function crossEntropy(labels, logits) {
  return tf.losses.softmaxCrossEntropy(labels, logits);
}

function distillation(targets, logits) {
  const [labels, taught] = tf.split(targets, 2, 1);
  const soft = tf.losses.softmaxCrossEntropy(tf.softmax(tf.div(taught, temperature)), tf.div(logits, temperature));
  return tf.add(tf.mul(crossEntropy(labels, logits), 0.5), tf.mul(soft, 0.5 * temperature ** 2));
}

/** The class of each digit that the model finds. */
export function classify(model, digits) {
  const found = new Uint8Array(digits.count);
  for (let start = 0; start < digits.count; start += 250) {
    const indices = Array.from({ length: Math.min(250, digits.count - start) }, (_, i) => start + i);
    const classes = tf.tidy(() => tf.argMax(model.predictOnBatch(imagesAt(digits, indices)), 1));
    found.set(classes.dataSync(), start);
    classes.dispose();
  }
  return found;
}

/** In percent. */
export function accuracyOf(found, { labels }) {
  return (100 * found.reduce((right, digit, i) => right + Number(digit === labels[i]), 0)) / labels.length;
}
