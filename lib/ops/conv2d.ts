/**
 * Conv2D: x[N, H, W, C], w[O, KH, KW, C / groups], bias[O]? -> y[N, OH, OW, O]
 *
 *     y[n, oy, ox, o] = Σ x[n, oy·sy + ky·dy - top, ox·sx + kx·dx - left, g·C/groups + c] · w[o, ky, kx, c] + bias[o]
 *
 * where g is the group of o, and what lies outside x is real zero. Quantized arithmetic: accumulate.ts.
 */

import type { DataType, Tensor } from '../tensor.js';
import { addRows, checkProducts, type Products, prepareProducts } from './accumulate.js';
import { affine, caseGraph, legacyWeights, wideTypes, wideValue } from './cases.js';
import { type ConvolutionAttributes, convolutionInputs, extentsOf, parseConvolution } from './convolution.js';
import {
  type AttributeReader,
  defineOp,
  type NodeContext,
  nodeError,
  type OpCase,
  type OutputShape,
  type RunContext,
} from './op.js';
import { checkedSize } from './shapes.js';

export interface Conv2dAttributes extends ConvolutionAttributes {
  readonly groups: number;
}

export const conv2d = defineOp<Conv2dAttributes>({
  name: 'Conv2D',
  inputs: [2, 3],
  outputs: [1, 1],

  parse: parseConv2d,
  infer: (context) => inferConv2d(context, (channels) => checkProducts(context, { channels, axis: 0 }, context.attributes.to)),

  run(context) {
    const channels = context.inputs[1]!.dims[0]!;
    const { activation } = context.attributes;
    const batches = context.inputs[0]!.dims[0]!;
    return [convolve(context, prepareProducts(context, { kind: 'convolution', channels, axis: 0, activation }, batches))];
  },

  *cases() {
    yield* quantizedCases();
    yield* wideCases();
    yield* legacyCases();
    yield* floatCases();
  },
});

export function parseConv2d(attributes: AttributeReader): Conv2dAttributes {
  return { ...parseConvolution(attributes), groups: attributes.integer('groups', 1, 2 ** 20, 1) };
}

/** `check` looks at types and quantization, for weights of so many channels, and returns the output's type. */
export function inferConv2d(
  context: NodeContext<Conv2dAttributes>,
  check: (channels: number) => DataType,
): readonly OutputShape[] {
  const { node, attributes } = context;
  const { window, groups } = attributes;
  const [x, w] = convolutionInputs(context);
  const [batches, height, width, depth] = x.dims as [number, number, number, number];
  const [channels, kernelHeight, kernelWidth, groupDepth] = w.dims as [number, number, number, number];
  if (groupDepth * groups !== depth || channels % groups !== 0) {
    const found = `${depth} input channels, ${groups} groups and weights of shape [${w.dims.join(', ')}]`;
    throw nodeError('ERR_SHAPE', node, `expected weights [O, KH, KW, C / groups] with O a multiple of groups, got ${found}`);
  }
  const type = check(channels);
  const [vertical, horizontal] = extentsOf(context, window, [height, width], [kernelHeight, kernelWidth]);
  const dims = [batches, vertical.size, horizontal.size, channels];
  checkedSize(node, dims);
  return [{ type, dims }];
}

/** `products` of inputs 0 and 1. */
export function convolve(context: RunContext<Conv2dAttributes>, products: Products): Tensor {
  const { inputs, attributes } = context;
  const { window, groups } = attributes;
  const [x, w] = [inputs[0]!, inputs[1]!];
  const [batches, height, width, depth] = x.dims as [number, number, number, number];
  const [channels, kernelHeight, kernelWidth, groupDepth] = w.dims as [number, number, number, number];
  const [vertical, horizontal] = extentsOf(context, window, [height, width], [kernelHeight, kernelWidth]);
  const { strides, dilations } = window;
  const step = kernelHeight * kernelWidth * groupDepth; // from one channel's weights to the next's
  const groupChannels = channels / groups;
  // Without gaps, a row of the window is one run of memory in x and in w.
  const dense = groups === 1 && dilations[1] === 1;
  let offset = 0;
  for (let n = 0; n < batches; n++) {
    for (let oy = 0; oy < vertical.size; oy++) {
      for (let ox = 0; ox < horizontal.size; ox++) {
        const left = ox * strides[1] - horizontal.before;
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = oy * strides[0] - vertical.before + ky * dilations[0];
          if (iy < 0 || iy >= height) continue;
          const row = (n * height + iy) * width;
          if (dense) {
            const from = Math.max(0, -left);
            const taps = Math.min(kernelWidth, width - left) - from;
            addRows(products, (row + left + from) * depth, (ky * kernelWidth + from) * depth, step, taps * depth, 0, channels);
            continue;
          }
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = left + kx * dilations[1];
            if (ix < 0 || ix >= width) continue;
            const tap = (ky * kernelWidth + kx) * groupDepth;
            for (let g = 0; g < groups; g++) {
              const first = g * groupChannels;
              addRows(
                products,
                (row + ix) * depth + g * groupDepth,
                first * step + tap,
                step,
                groupDepth,
                first,
                groupChannels,
              );
            }
          }
        }
        products.store(offset, n);
        offset += channels;
      }
    }
  }
  return products.y;
}

/** int16 on either side; biases beyond what int32 sums would leave room for. */
function* wideCases(): Iterable<OpCase> {
  const op = 'Conv2D';
  for (const { x, w, y, attributes } of [
    {
      x: [1, 7, 6, 5],
      w: [9, 3, 3, 5],
      y: [1, 4, 3, 9],
      attributes: { strides: [2, 2], padding: 'same', activation: 'relu6' },
    },
    { x: [2, 4, 3, 16], w: [40, 1, 1, 16], y: [2, 4, 3, 40], attributes: {} },
    { x: [1, 5, 4, 6], w: [4, 3, 3, 3], y: [1, 5, 4, 4], attributes: { groups: 2, padding: 'same', activation: 'relu' } },
    { x: [1, 1, 3, 700], w: [5, 1, 1, 700], y: [1, 1, 3, 5], attributes: {} },
  ] as const) {
    const scale = Float32Array.from({ length: w[0] }, (_, i) => 0.002 + 0.0007 * i);
    const weights = {
      type: 'int8',
      dims: w,
      qparams: { dtype: 'int8', scale, zeroPoint: 0, axis: 0 },
      constant: true,
    } as const;
    const bias = { type: 'int32', dims: [w[0]], constant: true, range: [-(2 ** 24), 2 ** 31 - 1] } as const;
    for (const [from, to] of wideTypes) {
      const inputs = [wideValue(from, x, 'x'), weights, bias];
      const outputs = [wideValue(to, y, 'y')];
      yield caseGraph({ op, attributes: { ...attributes, to }, inputs, outputs, numerics: 'onnx' });
    }
  }
  const legacy = { type: 'uint8', dims: [3, 2, 2, 4], qparams: affine('uint8', 0.004, 110), constant: true } as const;
  const [x, y] = [wideValue('int16', [1, 4, 4, 4], 'x'), wideValue('int16', [1, 3, 3, 3], 'y')];
  yield caseGraph({ op, inputs: [x, legacy], outputs: [y], numerics: 'onnx' });
  // Sums that 8-bit halves might not hold are left to the definition
  const large = { type: 'int8', dims: [2, 1, 1, 150000], qparams: affine('int8', 0.001), constant: true } as const;
  const [rows, sums] = [wideValue('int16', [1, 1, 2, 150000], 'x'), wideValue('int16', [1, 1, 2, 2], 'y')];
  yield caseGraph({ op, inputs: [rows, large], outputs: [sums], numerics: 'onnx' });
}

function* quantizedCases(): Iterable<OpCase> {
  const scales = (count: number) => Float32Array.from({ length: count }, (_, i) => 0.002 + 0.0007 * i);
  const int8 = (dims: readonly number[]) => ({ type: 'int8', dims, qparams: affine('int8', 0.05, -3) }) as const;
  const out = (dims: readonly number[]) => ({ type: 'int8', dims, qparams: affine('int8', 0.08, 5) }) as const;
  const weights = (dims: readonly number[]) => {
    const qparams = { dtype: 'int8', scale: scales(dims[0]!), zeroPoint: 0, axis: 0 } as const;
    return { type: 'int8', dims, qparams, constant: true, range: [-127, 127] } as const;
  };
  const bias = (channels: number) => ({ type: 'int32', dims: [channels], constant: true }) as const;
  const shapes = [
    {
      x: [1, 5, 5, 3],
      w: [8, 3, 3, 3],
      y: [1, 3, 3, 8],
      attributes: { strides: [2, 2], padding: 'same', activation: 'relu6' },
    },
    { x: [2, 4, 3, 16], w: [24, 1, 1, 16], y: [2, 4, 3, 24], attributes: {} },
    { x: [1, 7, 6, 4], w: [5, 3, 2, 4], y: [1, 3, 4, 5], attributes: { dilations: [2, 2], activation: 'relu' } },
    { x: [1, 4, 4, 6], w: [4, 3, 3, 3], y: [1, 4, 4, 4], attributes: { groups: 2, padding: 'same' } },
    { x: [1, 3, 4, 2], w: [3, 3, 3, 2], y: [1, 3, 3, 3], attributes: { pads: [0, 1, 2, 0], activation: 'relu-n1-to-1' } },
    { x: [1, 1, 1, 1], w: [1, 5, 5, 1], y: [1, 1, 1, 1], attributes: { padding: 'same' } },
    { x: [1, 4, 5, 3], w: [2, 2, 4, 3], y: [1, 2, 5, 2], attributes: { strides: [2, 1], padding: 'same-lower' } },
  ] as const;
  for (const numerics of ['tflite', 'single', 'onnx'] as const) {
    for (const { x, w, y, attributes } of shapes) {
      yield caseGraph({ op: 'Conv2D', attributes, inputs: [int8(x), weights(w), bias(w[0])], outputs: [out(y)], numerics });
    }
  }
  const legacy = { type: 'uint8', dims: [6, 3, 3, 4], qparams: affine('uint8', 0.004, 131), constant: true } as const;
  for (const padding of ['same', 'valid'] as const) {
    const x = { type: 'uint8', dims: [1, 6, 5, 4], qparams: affine('uint8', 0.02, 128) } as const;
    const dims = padding === 'same' ? [1, 6, 5, 6] : [1, 4, 3, 6];
    const y = { type: 'uint8', dims, qparams: affine('uint8', 0.03, 120) } as const;
    yield caseGraph({ op: 'Conv2D', attributes: { padding, activation: 'relu6' }, inputs: [x, legacy, bias(6)], outputs: [y] });
  }
}

function* legacyCases(): Iterable<OpCase> {
  for (const kernel of [1, 3] as const) {
    for (const numerics of ['tflite', 'onnx'] as const) {
      const x = { type: 'uint8', dims: [1, 5, 6, 8], qparams: affine('uint8', 0.02, 120) } as const;
      const y = { type: 'uint8', dims: [1, 5, 6, 70], qparams: affine('uint8', 0.03, 120) } as const;
      const inputs = [x, legacyWeights([70, kernel, kernel, 8]), { type: 'int32', dims: [70], constant: true } as const];
      yield caseGraph({ op: 'Conv2D', attributes: { padding: 'same' }, inputs, outputs: [y], numerics });
    }
  }
}

function* floatCases(): Iterable<OpCase> {
  const x = { type: 'float32', dims: [2, 5, 4, 3] } as const;
  const y = { type: 'float32', dims: [2, 3, 2, 7] } as const;
  const bias = { type: 'float32', dims: [7], constant: true } as const;
  const attributes = { strides: [2, 2], padding: 'same', activation: 'relu6' } as const;
  const float = { type: 'float32', dims: [7, 3, 3, 3], constant: true } as const;
  const int8 = { ...float, type: 'int8', qparams: affine('int8', 0.01) } as const;
  const perChannel = {
    ...int8,
    qparams: { dtype: 'int8', scale: new Float32Array(7).fill(0.02), zeroPoint: 0, axis: 0 },
  } as const;
  for (const w of [float, int8, perChannel]) {
    yield caseGraph({ op: 'Conv2D', attributes, inputs: [x, w, bias], outputs: [y] });
  }
  yield caseGraph({ op: 'Conv2D', attributes, inputs: [x, float], outputs: [y] });
}
