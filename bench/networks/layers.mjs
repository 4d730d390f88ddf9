/** Single layers as models, quantized inputs and outputs included, so that nothing else is timed. */
import { OnnxGraph } from './onnx.mjs';
import { randomReals, seededWeights } from './weights.mjs';

/** Of a square image with `size` pixels on a side, padded by as much as keeps the size at stride 1. */
/** @typedef {{ readonly size: number, readonly inputs: number, readonly outputs: number, readonly kernel: number,
 *   readonly stride: number, readonly isDepthwise?: boolean }} ConvShape */

/**
 * One QLinearConv; `macs` are its multiply-accumulates.
 * @param {ConvShape} shape @param {'uint8' | 'int8'} type of the activations
 */
export function convolutionModel({ size, inputs, outputs, kernel, stride, isDepthwise = false }, type) {
  const graph = new OnnxGraph('convolution');
  const dims = [outputs, isDepthwise ? 1 : inputs, kernel, kernel];
  const terms = (isDepthwise ? 1 : inputs) * kernel ** 2;
  const pad = (kernel - 1) >> 1;
  const outSize = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  // Outputs have a standard deviation of 40 steps: little is clamped
  const [xScale, yScale] = [Math.fround(1 / 256), Math.fround(1 / 40)];
  const inputDeviation = (256 / Math.sqrt(12)) * xScale;
  const weights = seededWeights(1, dims, 1 / (inputDeviation * Math.sqrt(terms)));
  const bias = Int32Array.from(randomReals(2, outputs), (random, i) =>
    Math.round(random / (xScale * /** @type {number} */ (weights.scales[i]))),
  );
  const zeroPoint = Int8Array.of(type === 'uint8' ? 128 : 0);
  const params = (/** @type {string} */ name, /** @type {number} */ scale) => [
    graph.floats(`${name}_scale`, scale),
    graph.initializer(`${name}_zero_point`, type, [], zeroPoint),
  ];
  graph.node(
    'QLinearConv',
    [
      graph.input('x', type, [1, inputs, size, size]),
      ...params('x', xScale),
      graph.initializer('w', 'int8', dims, weights.int8),
      graph.initializer('w_scale', 'float32', [outputs], weights.scales),
      graph.initializer('w_zero_point', 'int8', [outputs], new Int8Array(outputs)),
      ...params('y', yScale),
      graph.initializer('bias', 'int32', [outputs], bias),
    ],
    'y',
    { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad], group: isDepthwise ? inputs : 1 },
  );
  graph.output('y', type, [1, outputs, outSize, outSize]);
  return { model: graph.model(), macs: weights.size * outSize ** 2 };
}
