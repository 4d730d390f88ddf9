/**
 * FullyConnected: x[..., K], w[O, K], bias[O]? -> y[size / K, O], or y[x.dims but the last, O] with keepDims
 *
 *     y[n, o] = Σ x[n, k] · w[o, k] + bias[o]
 *
 * Quantized arithmetic: accumulate.ts. Weights of int8 under a float input are TFLite's dynamic-range quantization (hybrid.ts).
 */
import { addRows, checkProducts, type ProductType, prepareProducts, productTypes } from './accumulate.js';
import { affine, caseGraph, wideTypes, wideValue } from './cases.js';
import { defineOp, expectRank, nodeError, type OpCase, requiredInput } from './op.js';
import { type Activation, activations } from './output-stage.js';
import { checkedSize, product } from './shapes.js';

export interface FullyConnectedAttributes {
  readonly activation: Activation;
  readonly keepDims: boolean;
  readonly asymmetricInputs: boolean;
  readonly to: ProductType;
}

export const fullyConnected = defineOp<FullyConnectedAttributes>({
  name: 'FullyConnected',
  inputs: [2, 3],
  outputs: [1, 1],

  parse: (attributes) => ({
    activation: attributes.oneOf('activation', activations, 'none'),
    keepDims: attributes.boolean('keepDims', false),
    asymmetricInputs: attributes.boolean('asymmetricInputs', false),
    to: attributes.oneOf('to', productTypes, 'input'),
  }),

  infer(context) {
    const { node, attributes } = context;
    const [x, w] = [requiredInput(context, 0), requiredInput(context, 1)];
    expectRank(context, w, 2);
    const [channels, length] = w.dims as [number, number];
    const rows = checkedSize(node, x.dims) / length;
    if (!Number.isInteger(rows) || (attributes.keepDims && x.dims.at(-1) !== length)) {
      const found = `an input of shape [${x.dims.join(', ')}] and weights [${w.dims.join(', ')}]`;
      throw nodeError('ERR_SHAPE', node, `expected rows as long as those of the weights, got ${found}`);
    }
    const type = checkProducts(context, { channels, axis: 0 }, attributes.to);
    const dims = attributes.keepDims ? [...x.dims.slice(0, -1), channels] : [rows, channels];
    checkedSize(node, dims);
    return [{ type, dims }];
  },

  run(context) {
    const { inputs, attributes } = context;
    const [channels, length] = inputs[1]!.dims as [number, number];
    const rows = product(inputs[0]!.dims) / length;
    const { activation, asymmetricInputs } = attributes;
    const products = prepareProducts(context, { kind: 'matrix', channels, axis: 0, activation, asymmetricInputs }, rows);
    for (let row = 0; row < rows; row++) {
      addRows(products, row * length, 0, length, length, 0, channels);
      products.store(row * channels, row);
    }
    return [products.y];
  },

  *cases() {
    yield* quantizedCases();
    yield* floatCases();
  },
});

function* quantizedCases(): Iterable<OpCase> {
  const op = 'FullyConnected';
  const bias = { type: 'int32', dims: [10], constant: true } as const;
  const perChannel = {
    dtype: 'int8',
    scale: new Float32Array(10).map((_, i) => 0.01 + 0.003 * i),
    zeroPoint: 0,
    axis: 0,
  } as const;
  for (const numerics of ['tflite', 'single', 'onnx'] as const) {
    for (const qparams of [affine('int8', 0.013), affine('int8', 0.021, 9), perChannel]) {
      const x = { type: 'int8', dims: [3, 4, 8], qparams: affine('int8', 0.1, -20) } as const;
      const y = { type: 'int8', dims: [3, 4, 10], qparams: affine('int8', 0.3, 12) } as const;
      const w = { type: 'int8', dims: [10, 8], qparams, constant: true } as const;
      const attributes = { keepDims: true, activation: 'relu' } as const;
      yield caseGraph({ op, attributes, inputs: [x, w, bias], outputs: [y], numerics });
    }
  }
  for (const [from, to] of wideTypes) {
    const w = { type: 'int8', dims: [10, 8], qparams: perChannel, constant: true } as const;
    const [inputs, outputs] = [[wideValue(from, [3, 4, 8], 'x'), w, bias], [wideValue(to, [3, 4, 10], 'y')]];
    yield caseGraph({ op, attributes: { keepDims: true, activation: 'relu', to }, inputs, outputs, numerics: 'onnx' });
    const flat = [{ ...wideValue(from, [2, 2, 4], 'x') }, w];
    yield caseGraph({ op, attributes: { to }, inputs: flat, outputs: [wideValue(to, [2, 10], 'y')], numerics: 'onnx' });
  }
  const uint8 = { type: 'uint8', dims: [1, 2, 2, 5], qparams: affine('uint8', 0.07, 100) } as const;
  const legacy = { type: 'uint8', dims: [10, 20], qparams: affine('uint8', 0.02, 140), constant: true } as const;
  const y = { type: 'uint8', dims: [1, 10], qparams: affine('uint8', 0.4, 30) } as const;
  yield caseGraph({ op, inputs: [uint8, legacy, bias], outputs: [y] });
  yield caseGraph({ op, inputs: [uint8, legacy], outputs: [y] });
}

function* floatCases(): Iterable<OpCase> {
  const op = 'FullyConnected';
  const x = { type: 'float32', dims: [3, 6] } as const;
  const y = { type: 'float32', dims: [3, 4] } as const;
  const bias = { type: 'float32', dims: [4], constant: true } as const;
  const float = { type: 'float32', dims: [4, 6], constant: true } as const;
  const int8 = { ...float, type: 'int8', qparams: affine('int8', 0.02) } as const;
  const scale = Float32Array.of(0.01, 0.02, 0.03, 0.04);
  const perChannel = { ...int8, qparams: { dtype: 'int8', scale, zeroPoint: 0, axis: 0 } } as const;
  for (const w of [float, int8, perChannel]) {
    for (const asymmetricInputs of [false, true]) {
      yield caseGraph({ op, attributes: { activation: 'relu', asymmetricInputs }, inputs: [x, w, bias], outputs: [y] });
    }
  }
  yield caseGraph({ op, inputs: [x, float], outputs: [y] });
}
