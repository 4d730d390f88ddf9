/** A network as an ONNX model: float, and quantized in the two forms that quantization tools write. */
import { OnnxGraph } from './onnx.mjs';

/** @typedef {import('./builder.mjs').Network} Network */
/** @typedef {import('./builder.mjs').Value} Value */
/** @typedef {import('./builder.mjs').Layer} Layer */
/** @typedef {'uint8' | 'int8'} ByteType */

/** @param {Network} network */
export function floatModel(network) {
  const graph = new OnnxGraph(network.name);
  const nameOf = namesIn(network, 'output');
  for (const layer of network.layers) emitFloat(graph, layer, layer.inputs.map(nameOf), nameOf(layer.output), true);
  return declared(graph, network).model();
}

/**
 * Float operators between QuantizeLinear and DequantizeLinear, as ONNX Runtime's quantize_static leaves them: weights of 8 bits per
 * output channel, biases of 32 bits with the scale of the products, and no activation, since ranges begin at 0.
 * @param {Network} network
 * @param {ByteType} type of activations
 */
export function qdqModel(network, type) {
  const graph = new OnnxGraph(`${network.name}-qdq-${type}`);
  /** Of the last value: the graph's output. @param {Value} value */
  const nameOf = namesIn(network, 'output');
  const quantizeValue = (/** @type {Value} */ value, /** @type {string} */ real) => {
    const params = paramsOf(graph, value, type);
    const quantized = graph.node('QuantizeLinear', [real, ...params], `${value.name}_quantized`);
    graph.node('DequantizeLinear', [quantized, ...params], value === network.input ? 'input_dequantized' : nameOf(value));
  };
  quantizeValue(network.input, 'input');
  const realOf = (/** @type {Value} */ value) => (value === network.input ? 'input_dequantized' : nameOf(value));
  for (const layer of network.layers) {
    const inputs = layer.inputs.map(realOf);
    const real = `${layer.output.name}_real`;
    if (layer.op === 'conv' || layer.op === 'gemm') {
      const { weights, bias } = integerConstants(graph, layer, type);
      inputs.push(
        graph.node('DequantizeLinear', weights, `${layer.output.name}_weights`, { axis: 0 }),
        graph.node('DequantizeLinear', bias, `${layer.output.name}_bias`, { axis: 0 }),
      );
    }
    emitFloat(graph, layer, inputs, real, false);
    quantizeValue(layer.output, real);
  }
  return declared(graph, network).model();
}

/** Operators on integers. @param {Network} network @param {ByteType} type of activations */
export function qoperatorModel(network, type) {
  const graph = new OnnxGraph(`${network.name}-qoperator-${type}`);
  const params = (/** @type {Value} */ value) => paramsOf(graph, value, type);
  const withParams = (/** @type {Value} */ value) => [`${value.name}_quantized`, ...params(value)];
  graph.node('QuantizeLinear', ['input', ...params(network.input)], 'input_quantized');
  for (const layer of network.layers) {
    const { inputs, output } = layer;
    const [x] = /** @type {readonly [Value]} */ (inputs);
    const name = `${output.name}_quantized`;
    switch (layer.op) {
      case 'conv':
      case 'gemm': {
        const { weights, bias } = integerConstants(graph, layer, type);
        const isConv = layer.op === 'conv';
        const operands = isConv
          ? [...withParams(x), ...weights, ...params(output), bias[0]]
          : [...withParams(x), ...weights, bias[0], ...params(output)];
        const attributes = isConv ? convAttributes(layer) : { transB: 1 };
        graph.node(isConv ? 'QLinearConv' : 'com.microsoft.QGemm', operands, name, attributes);
        break;
      }
      case 'add':
        graph.node('com.microsoft.QLinearAdd', [...inputs.flatMap(withParams), ...params(output)], name);
        break;
      case 'concat':
        graph.node('com.microsoft.QLinearConcat', [...params(output), ...inputs.flatMap(withParams)], name, { axis: 1 });
        break;
      case 'globalAveragePool':
        graph.node('com.microsoft.QLinearGlobalAveragePool', [...withParams(x), ...params(output)], name);
        break;
      case 'averagePool':
        graph.node(
          'com.microsoft.QLinearAveragePool',
          [...withParams(x), ...params(output)],
          name,
          windowAttributes(layer.window),
        );
        break;
      case 'maxPool':
        graph.node('MaxPool', [`${x.name}_quantized`], name, windowAttributes(layer.window));
        break;
      case 'flatten':
        graph.node('Flatten', [`${x.name}_quantized`], name, { axis: 1 });
    }
  }
  graph.node('DequantizeLinear', withParams(network.output), 'output');
  return declared(graph, network).model();
}

/**
 * One layer on real numbers. Without `isComplete` the inputs hold weights and bias already, and activations are left out.
 * @param {OnnxGraph} graph @param {Layer} layer @param {readonly string[]} inputs @param {string} output @param {boolean} isComplete
 */
function emitFloat(graph, layer, inputs, output, isComplete) {
  const activation = isComplete && 'activation' in layer ? layer.activation : 'none';
  const result = activation === 'none' ? output : `${output}_linear`;
  const operands = [...inputs];
  if (isComplete && (layer.op === 'conv' || layer.op === 'gemm')) {
    const { dims, float32 } = layer.weights;
    operands.push(graph.initializer(`${output}_weights`, 'float32', dims, float32));
    operands.push(graph.initializer(`${output}_bias`, 'float32', [layer.bias.length], layer.bias));
  }
  if (layer.op === 'conv') graph.node('Conv', operands, result, convAttributes(layer));
  else if (layer.op === 'gemm') graph.node('Gemm', operands, result, { transB: 1 });
  else if (layer.op === 'add') graph.node('Add', operands, result);
  else if (layer.op === 'concat') graph.node('Concat', operands, result, { axis: 1 });
  else if (layer.op === 'flatten') graph.node('Flatten', operands, result, { axis: 1 });
  else if (layer.op === 'globalAveragePool') graph.node('GlobalAveragePool', operands, result);
  else graph.node(layer.op === 'maxPool' ? 'MaxPool' : 'AveragePool', operands, result, windowAttributes(layer.window));
  if (activation === 'relu') graph.node('Relu', [result], output);
  if (activation === 'relu6') graph.node('Clip', [result, graph.floats('zero', 0), graph.floats('six', 6)], output);
}

/**
 * [integers, scales, zero points] of the weights, [integers, scales, zero points] of the bias.
 * @param {OnnxGraph} graph @param {Extract<Layer, { op: 'conv' | 'gemm' }>} layer @param {ByteType} type
 */
function integerConstants(graph, { weights, bias, inputs, output }, type) {
  const { dims, scales, int8 } = weights;
  const { name } = output;
  const channels = scales.length;
  const { scale } = quantizationOf(/** @type {Value} */ (inputs[0]), type);
  const biasScales = scales.map((weightScale) => scale * weightScale);
  const biasIntegers = Int32Array.from(bias, (real, i) => Math.round(real / /** @type {number} */ (biasScales[i])));
  return {
    weights: [
      graph.initializer(`${name}_weights_int8`, 'int8', dims, int8),
      graph.initializer(`${name}_weights_scale`, 'float32', [channels], scales),
      graph.initializer(`${name}_weights_zero_point`, 'int8', [channels], new Int8Array(channels)),
    ],
    bias: /** @type {const} */ ([
      graph.initializer(`${name}_bias_int32`, 'int32', [channels], biasIntegers),
      graph.initializer(`${name}_bias_scale`, 'float32', [channels], biasScales),
      graph.initializer(`${name}_bias_zero_point`, 'int32', [channels], new Int32Array(channels)),
    ]),
  };
}

/** What keeps its values keeps its scale, too; see `Network`. @param {Value} value @param {ByteType} type */
function quantizationOf({ min, max }, type) {
  const scale = Math.fround((max - min) / 255);
  return { scale, zeroPoint: Math.round(-min / scale) - (type === 'int8' ? 128 : 0) };
}

/** @param {OnnxGraph} graph @param {Value} value @param {ByteType} type */
function paramsOf(graph, value, type) {
  const { scale, zeroPoint } = quantizationOf(value, type);
  return [
    graph.floats(`${value.name}_scale`, scale),
    graph.initializer(`${value.name}_zero_point`, type, [], Int8Array.of(zeroPoint)),
  ];
}

/** @param {Extract<Layer, { op: 'conv' }>} layer */
function convAttributes({ window, groups }) {
  const dilations = [1, 1];
  return { ...windowAttributes(window), dilations, group: groups };
}

/** @param {import('./builder.mjs').Window} window */
function windowAttributes({ kernel, strides, pads }) {
  return { kernel_shape: kernel, strides, pads };
}

/** @param {Network} network @param {string} last @returns {(value: Value) => string} */
function namesIn({ output }, last) {
  return (value) => (value === output ? last : value.name);
}

/** @param {OnnxGraph} graph @param {Network} network */
function declared(graph, { input, output }) {
  graph.input('input', 'float32', [1, ...input.dims]);
  graph.output('output', 'float32', [1, ...output.dims]);
  return graph;
}
