/**
 * One encoder block of a transformer (Vaswani et al. 2017; post-norm, Gelu, as BERT has it), dynamically quantized: what ONNX
 * Runtime's quantize_dynamic makes of a model's products with constants. Its attention products stay float.
 */
import { OnnxGraph } from './onnx.mjs';
import { randomReals, seededWeights } from './weights.mjs';

const headWidth = 64;
const opset = 17; // the first with LayerNormalization

/**
 * Input and output are [1, sequence, width].
 * @param {{ readonly width: number, readonly sequence: number, readonly isQuantized?: boolean }} options width: a multiple of 64
 */
export function transformerBlock({ width, sequence, isQuantized = true }) {
  const graph = new OnnxGraph(`transformer-${width}-${sequence}`);
  const dims = [1, sequence, width];
  const linear = isQuantized ? dynamicLinear(graph) : floatLinear(graph);
  const x = graph.input('input', 'float32', dims);

  const [q, k, v] = linear(
    x,
    width,
    ['query', 'key', 'value'].map((name, i) => ({ name, outputs: width, seed: i + 1 })),
  );
  const attended = attention(graph, dims, q, k, v);
  const [projected] = linear(attended, width, [{ name: 'projection', outputs: width, seed: 4 }]);
  const first = layerNorm(graph, 'norm_1', graph.node('Add', [projected, x], 'sum_1'), width, 'hidden');

  const [wide] = linear(first, width, [{ name: 'intermediate', outputs: 4 * width, seed: 5 }]);
  const [narrow] = linear(gelu(graph, wide), 4 * width, [{ name: 'feed_forward', outputs: width, seed: 6 }]);
  layerNorm(graph, 'norm_2', graph.node('Add', [narrow, first], 'sum_2'), width, 'output');
  graph.output('output', 'float32', dims);
  return graph.model(opset);
}

/** @typedef {{ readonly name: string, readonly outputs: number, readonly seed: number }} Product */
/** @typedef {(x: string, inputs: number, products: readonly Product[]) => string[]} Linear */

/** One quantization of x for all products with it. @param {OnnxGraph} graph @returns {Linear} */
function dynamicLinear(graph) {
  return (x, inputs, products) => {
    const [xq, xScale, xZeroPoint] = [`${x}_quantized`, `${x}_scale`, `${x}_zero_point`];
    graph.node('DynamicQuantizeLinear', [x], [xq, xScale, xZeroPoint]);
    return products.map(({ name, outputs, seed }) => {
      const { int8, scale, bias } = constants(inputs, outputs, seed);
      const w = graph.initializer(`${name}_weights_quantized`, 'int8', [inputs, outputs], int8);
      const wScale = graph.floats(`${name}_weights_scale`, scale);
      const wZeroPoint = graph.initializer(`${name}_weights_zero_point`, 'int8', [], new Int8Array(1));
      const sums = graph.node('MatMulInteger', [xq, w, xZeroPoint, wZeroPoint], `${name}_sums`);
      const real = graph.node('Cast', [sums], `${name}_cast`, { to: 1 });
      const scales = graph.node('Mul', [xScale, wScale], `${name}_scales`);
      const product = graph.node('Mul', [real, scales], `${name}_product`);
      return graph.node('Add', [graph.initializer(`${name}_bias`, 'float32', [outputs], bias), product], name);
    });
  };
}

/** @param {OnnxGraph} graph @returns {Linear} */
function floatLinear(graph) {
  return (x, inputs, products) =>
    products.map(({ name, outputs, seed }) => {
      const { float32, bias } = constants(inputs, outputs, seed);
      const w = graph.initializer(`${name}_weights`, 'float32', [inputs, outputs], float32);
      const product = graph.node('MatMul', [x, w], `${name}_product`);
      return graph.node('Add', [graph.initializer(`${name}_bias`, 'float32', [outputs], bias), product], name);
    });
}

/** One scale for all, which is what these tools choose by default. @param {number} inputs @param {number} outputs @param {number} seed */
function constants(inputs, outputs, seed) {
  // As if there were one channel: [1, inputs · outputs].
  const { int8, float32, scales } = seededWeights(seed, [1, inputs * outputs], 1 / Math.sqrt(inputs));
  const bias = randomReals(seed + 2000, outputs).map((random) => random / 4);
  return { int8, float32, scale: /** @type {number} */ (scales[0]), bias };
}

/** @param {OnnxGraph} graph @param {readonly number[]} dims @param {readonly (string | undefined)[]} projections query, key, value */
function attention(graph, [, sequence = 0, width = 0], ...projections) {
  const split = graph.integers('split_heads', [1, sequence, width / headWidth, headWidth]);
  const [q = '', k = '', v = ''] = projections.map((name, i) => {
    const heads = graph.node('Reshape', [String(name), split], `${name}_split`);
    return graph.node('Transpose', [heads], `${name}_heads`, { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] });
  });
  const scores = graph.node('MatMul', [q, k], 'scores');
  const scaled = graph.node('Div', [scores, graph.floats('head_scale', Math.sqrt(headWidth))], 'scaled_scores');
  const weights = graph.node('Softmax', [scaled], 'attention', { axis: -1 });
  const context = graph.node('Transpose', [graph.node('MatMul', [weights, v], 'context')], 'context_rows', {
    perm: [0, 2, 1, 3],
  });
  return graph.node('Reshape', [context, graph.integers('merge_heads', [1, sequence, width])], 'attended');
}

/** x · (1 + erf(x / √2)) / 2, in the five nodes that exporters write. @param {OnnxGraph} graph @param {string | undefined} given */
function gelu(graph, given) {
  const x = String(given);
  const divided = graph.node('Div', [x, graph.floats('sqrt_2', Math.SQRT2)], 'gelu_divided');
  const shifted = graph.node('Add', [graph.node('Erf', [divided], 'gelu_erf'), graph.floats('one', 1)], 'gelu_shifted');
  return graph.node('Mul', [graph.node('Mul', [x, shifted], 'gelu_product'), graph.floats('half', 0.5)], 'gelu');
}

/** @param {OnnxGraph} graph @param {string} name @param {string} x @param {number} width @param {string} output */
function layerNorm(graph, name, x, width, output) {
  const gamma = graph.initializer(
    `${name}_scale`,
    'float32',
    [width],
    randomReals(7, width).map((random) => 1 + random / 4),
  );
  const beta = graph.initializer(
    `${name}_bias`,
    'float32',
    [width],
    randomReals(8, width).map((random) => random / 4),
  );
  return graph.node('LayerNormalization', [x, gamma, beta], output, { axis: -1, epsilon: { float: 1e-5 } });
}
