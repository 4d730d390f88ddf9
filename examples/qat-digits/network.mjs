/** A MobileNetV2 for pictures of 28 x 28 (Sandler 2018): inverted residuals with linear bottlenecks, 60,874 weights. */
import * as tf from '@tensorflow/tfjs-layers';

/** Expansion, output channels, stride of each block; as in the paper, the first one does not expand. */
const blocks = [
  [1, 32, 1],
  [2, 48, 2],
  [2, 48, 1],
  [2, 64, 2],
  [2, 64, 1],
];

/** @param {number} seed of the initial weights */
export function createNetwork(seed) {
  let layer = 0;
  const start = () => tf.initializers.heNormal({ seed: seed * 1000 + ++layer });
  const normalized = (x, name, isLinear = false) => {
    const y = tf.layers.batchNormalization({ momentum: 0.9, epsilon: 1e-3, name: `${name}_bn` }).apply(x);
    return isLinear ? y : tf.layers.reLU({ maxValue: 6, name: `${name}_relu` }).apply(y);
  };
  const conv = (x, name, filters, kernelSize, strides, isLinear) => {
    const options = { filters, kernelSize, strides, padding: 'same', useBias: false, kernelInitializer: start(), name };
    return normalized(tf.layers.conv2d(options).apply(x), name, isLinear);
  };
  const depthwise = (x, name, strides) => {
    const options = { kernelSize: 3, strides, padding: 'same', useBias: false, depthwiseInitializer: start(), name };
    return normalized(tf.layers.depthwiseConv2d(options).apply(x), name);
  };

  const input = tf.input({ shape: [28, 28, 1], name: 'image' });
  let x = conv(input, 'stem', 32, 3, 2);
  let channels = 32;
  for (const [i, [expansion, filters, stride]] of blocks.entries()) {
    const name = `block${i + 1}`;
    let y = expansion === 1 ? x : conv(x, `${name}_expand`, channels * expansion, 1, 1);
    y = depthwise(y, `${name}_depthwise`, stride);
    y = conv(y, `${name}_project`, filters, 1, 1, true);
    const isResidual = stride === 1 && channels === filters;
    x = isResidual ? tf.layers.add({ name: `${name}_add` }).apply([x, y]) : y;
    channels = filters;
  }
  x = conv(x, 'head', 128, 1, 1);
  x = tf.layers.globalAveragePooling2d({ name: 'pool' }).apply(x);
  const logits = tf.layers.dense({ units: 10, kernelInitializer: start(), name: 'logits' }).apply(x);
  return tf.model({ inputs: input, outputs: logits, name: 'digits' });
}
