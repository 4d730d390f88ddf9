/**
 * DepthwiseConv2D: x[N, H, W, C], w[1, KH, KW, C·M], bias[C·M]? -> y[N, OH, OW, C·M]
 *
 *     y[n, oy, ox, c·M + m] = Σ x[n, oy·sy + ky·dy - top, ox·sx + kx·dx - left, c] · w[0, ky, kx, c·M + m] + bias[c·M + m]
 *
 * What lies outside x is real zero. Quantized arithmetic: accumulate.ts; weights quantized per channel have it on their last
 * axis.
 */
import { addTap, checkProducts, prepareProducts } from './accumulate.js';
import { affine, caseGraph, legacyWeights, wideTypes, wideValue } from './cases.js';
import { type ConvolutionAttributes, convolutionInputs, extentsOf, parseConvolution } from './convolution.js';
import { type AttributeReader, defineOp, nodeError, type OpCase, type RunContext } from './op.js';
import { checkedSize } from './shapes.js';

interface Attributes extends ConvolutionAttributes {
  /** C, where it was given; 0: whatever it is. */
  readonly groups: number;
}

export const depthwiseConv2d = defineOp<Attributes>({
  name: 'DepthwiseConv2D',
  inputs: [2, 3],
  outputs: [1, 1],

  parse: (attributes: AttributeReader) => ({
    ...parseConvolution(attributes),
    groups: attributes.integer('groups', 0, 2 ** 20, 0),
  }),

  infer(context) {
    const { node, attributes } = context;
    const [x, w] = convolutionInputs(context);
    const [batches, height, width, depth] = x.dims as [number, number, number, number];
    const [one, kernelHeight, kernelWidth, channels] = w.dims as [number, number, number, number];
    const { groups } = attributes;
    if (one !== 1 || depth < 1 || channels % depth !== 0 || (groups !== 0 && groups !== depth)) {
      const found = `${depth} input channels, ${groups || depth} groups and weights of shape [${w.dims.join(', ')}]`;
      throw nodeError('ERR_SHAPE', node, `expected weights [1, KH, KW, a multiple of C], got ${found}`);
    }
    const type = checkProducts(context, { channels, axis: 3 }, attributes.to);
    const [vertical, horizontal] = extentsOf(context, attributes.window, [height, width], [kernelHeight, kernelWidth]);
    const dims = [batches, vertical.size, horizontal.size, channels];
    checkedSize(node, dims);
    return [{ type, dims }];
  },

  run: (context) => [convolve(context)],
  cases,
});

function convolve(context: RunContext<ConvolutionAttributes>) {
  const { inputs, attributes } = context;
  const { window, activation } = attributes;
  const [x, w] = [inputs[0]!, inputs[1]!];
  const [batches, height, width, depth] = x.dims as [number, number, number, number];
  const [, kernelHeight, kernelWidth, channels] = w.dims as [number, number, number, number];
  const [vertical, horizontal] = extentsOf(context, window, [height, width], [kernelHeight, kernelWidth]);
  const { strides, dilations } = window;
  const products = prepareProducts(context, { kind: 'convolution', channels, axis: 3, activation }, batches);
  let offset = 0;
  for (let n = 0; n < batches; n++) {
    for (let oy = 0; oy < vertical.size; oy++) {
      for (let ox = 0; ox < horizontal.size; ox++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = oy * strides[0] - vertical.before + ky * dilations[0];
          if (iy < 0 || iy >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = ox * strides[1] - horizontal.before + kx * dilations[1];
            if (ix < 0 || ix >= width) continue;
            const pixel = (n * height + iy) * width + ix;
            addTap(products, pixel * depth, (ky * kernelWidth + kx) * channels, depth, channels / depth);
          }
        }
        products.store(offset, n);
        offset += channels;
      }
    }
  }
  return products.y;
}

function* cases(): Iterable<OpCase> {
  const op = 'DepthwiseConv2D';
  const shapes = [
    { x: [1, 5, 6, 8], w: [1, 3, 3, 8], y: [1, 5, 6, 8], attributes: { padding: 'same', activation: 'relu6' } },
    { x: [2, 6, 5, 3], w: [1, 3, 3, 6], y: [2, 3, 3, 6], attributes: { padding: 'same', strides: [2, 2] } },
    { x: [1, 7, 7, 16], w: [1, 5, 5, 16], y: [1, 2, 2, 16], attributes: { strides: [2, 2], activation: 'relu' } },
    { x: [1, 6, 6, 1], w: [1, 3, 2, 8], y: [1, 2, 4, 8], attributes: { dilations: [2, 2] } },
    { x: [1, 4, 4, 5], w: [1, 3, 3, 5], y: [1, 4, 3, 5], attributes: { pads: [1, 1, 1, 0] } },
  ] as const;
  for (const { x, w, y, attributes } of shapes) {
    const channels = w[3];
    const scale = Float32Array.from({ length: channels }, (_, i) => 0.003 + 0.0005 * i);
    const bias = { type: 'int32', dims: [channels], constant: true } as const;
    const int8 = { type: 'int8', dims: x, qparams: affine('int8', 0.047, 4) } as const;
    const perChannel = {
      type: 'int8',
      dims: w,
      constant: true,
      qparams: { dtype: 'int8', scale, zeroPoint: 0, axis: 3 },
    } as const;
    const out = { type: 'int8', dims: y, qparams: affine('int8', 0.031, -128) } as const;
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      yield caseGraph({ op, attributes, inputs: [int8, perChannel, bias], outputs: [out], numerics });
    }
    const uint8 = { type: 'uint8', dims: x, qparams: affine('uint8', 0.0235, 0) } as const;
    const legacy = { type: 'uint8', dims: w, constant: true, qparams: affine('uint8', 0.015, 117) } as const;
    const outUint8 = { type: 'uint8', dims: y, qparams: affine('uint8', 0.0235, 0) } as const;
    yield caseGraph({ op, attributes, inputs: [uint8, legacy, bias], outputs: [outUint8] });
    const wideBias = { ...bias, range: [-(2 ** 24), 2 ** 31 - 1] } as const;
    for (const [from, to] of wideTypes) {
      const inputs = [wideValue(from, x, 'x'), perChannel, wideBias];
      yield caseGraph({ op, attributes: { ...attributes, to }, inputs, outputs: [wideValue(to, y, 'y')], numerics: 'onnx' });
    }
    const float = { type: 'float32', dims: x } as const;
    const floatBias = { type: 'float32', dims: [channels], constant: true } as const;
    const floatOut = { type: 'float32', dims: y } as const;
    for (const weights of [{ type: 'float32', dims: w, constant: true } as const, perChannel]) {
      yield caseGraph({ op, attributes, inputs: [float, weights, floatBias], outputs: [floatOut] });
    }
  }
  // The first has more taps than int32 sums could hold
  for (const [size, channels] of [
    [23, 3],
    [5, 37],
    [3, 100],
  ] as const) {
    const dims = [1, 25, 9, channels];
    const w = { type: 'uint8', dims: [1, size, size, channels], qparams: affine('uint8', 0.004, 110), constant: true } as const;
    const [inputs, outputs] = [[wideValue('int16', dims, 'x'), w], [wideValue('int16', dims, 'y')]];
    yield caseGraph({ op, attributes: { padding: 'same' }, inputs, outputs, numerics: 'onnx' });
  }
  for (const channels of [5, 24, 80, 96] as const) {
    const x = { type: 'uint8', dims: [1, 6, 7, channels], qparams: affine('uint8', 0.0235, 9) } as const;
    const y = { type: 'uint8', dims: [1, 6, 7, channels], qparams: affine('uint8', 0.01, 100) } as const;
    const inputs = [x, legacyWeights([1, 3, 3, channels])];
    yield caseGraph({ op, attributes: { padding: 'same' }, inputs, outputs: [y] });
  }
}
