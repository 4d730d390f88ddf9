/** The converted model on octensor's integer kernels, beside the simulation that was trained. */
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor } from 'octensor';
import { convert } from 'octensor/qat';
import { accuracyOf } from './training.mjs';

const batchSize = 50;

/**
 * @param {import('@tensorflow/tfjs-layers').LayersModel} model prepared
 * @param {import('./data.mjs').Digits} digits
 * @returns {Promise<{ integer: number, agreement: number, within: number }>} percent
 */
export async function execute(model, digits) {
  const session = await InferenceSession.create(await convert(model), { threads: 2 });
  try {
    const [input] = session.inputNames;
    const [output] = session.outputs;
    const first = batchOf(digits, 0);
    first.images.dispose();
    const step = stepOf(await session.intermediates({ [input]: first.tensor }), output.name);
    const found = new Uint8Array(digits.count);
    let [same, near, values] = [0, 0, 0];
    for (let start = 0; start < digits.count; start += batchSize) {
      const { images, tensor } = batchOf(digits, start);
      const { data } = (await session.run({ [input]: tensor }))[output.name];
      const simulated = tf.tidy(() => model.predictOnBatch(images).dataSync());
      images.dispose();
      for (let i = 0; i < tensor.dims[0]; i++) {
        const [ours, theirs] = [data, simulated].map((scores) => scores.subarray(i * 10, (i + 1) * 10));
        found[start + i] = largest(ours);
        same += Number(found[start + i] === largest(theirs));
        near += ours.filter((value, k) => Math.abs(value - theirs[k]) <= step * 1.001).length;
        values += ours.length;
      }
    }
    return { integer: accuracyOf(found, digits), agreement: (100 * same) / digits.count, within: (100 * near) / values };
  } finally {
    await session.release();
  }
}

function batchOf({ samples, count }, start) {
  const size = Math.min(batchSize, count - start);
  const images = tf.slice(samples.x, start, size);
  return { images, tensor: new Tensor('float32', Float32Array.from(images.dataSync()), [size, 28, 28, 1]) };
}

/** The distance of neighbouring values of the output: the scale of the last quantized value before it. */
function stepOf(values, output) {
  const scales = [...values.values()].filter(({ qparams }) => typeof qparams?.scale === 'number');
  const own = values.get(output)?.qparams ?? scales.at(-1)?.qparams;
  return own?.scale ?? 0;
}

function largest(scores) {
  return scores.indexOf(Math.max(...scores));
}
