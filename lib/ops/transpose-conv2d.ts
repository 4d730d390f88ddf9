/**
 * TransposeConv2D: x[N, H, W, C], w[O, KH, KW, C / groups], bias[O]? -> y[N, OH, OW, O]
 *
 *     y[n, iy·sy + ky·dy - top, ix·sx + kx·dx - left, o] += x[n, iy, ix, g·C/groups + c] · w[o, ky, kx, c],   plus bias[o]
 *
 * where g is the group of o. The padding is that of the convolution that would take y to x, and y has the size that goes with it
 * (TFLite); or, with `anySize` (ONNX), the padding is what the full size, s·(H - 1) + d·(KH - 1) + 1 + outputPadding, has more than
 * the output's, and an output that is larger goes on with nothing but the bias. Quantized arithmetic: accumulate.ts.
 */
import { addRows, checkProducts, prepareProducts } from './accumulate.js';
import { affine, caseGraph } from './cases.js';
import { type ConvolutionAttributes, convolutionInputs, parseConvolution } from './convolution.js';
import { defineOp, type NodeContext, nodeError, type OpCase, type RunContext } from './op.js';
import { checkedSize } from './shapes.js';
import { type Extent, extentOf, maxPadding, paddingBefore } from './window.js';

export interface TransposeConv2dAttributes extends ConvolutionAttributes {
  /** 0: the smallest that the input's size allows for explicit and no padding, input · stride for `same`. */
  readonly outputSize: readonly [number, number];
  /** Elements after the full size. */
  readonly outputPadding: readonly [number, number];
  readonly anySize: boolean;
  readonly groups: number;
}

const maxSize = 2 ** 31 - 1;

export const transposeConv2d = defineOp<TransposeConv2dAttributes>({
  name: 'TransposeConv2D',
  inputs: [2, 3],
  outputs: [1, 1],

  parse: (attributes) => ({
    ...parseConvolution(attributes),
    outputSize: [attributes.integer('outputHeight', 0, maxSize, 0), attributes.integer('outputWidth', 0, maxSize, 0)],
    outputPadding: pair(attributes.integers('outputPadding', 0, maxPadding, [0, 0])),
    anySize: attributes.boolean('anySize', false),
    groups: attributes.integer('groups', 1, 2 ** 20, 1),
  }),

  infer(context) {
    const { node, attributes } = context;
    const { groups } = attributes;
    const [x, w] = convolutionInputs(context);
    const [batches, , , depth] = x.dims as [number, number, number, number];
    const [channels, , , groupDepth] = w.dims as [number, number, number, number];
    if (groupDepth * groups !== depth || channels % groups !== 0) {
      const found = `${depth} input channels, ${groups} groups and weights of shape [${w.dims.join(', ')}]`;
      throw nodeError('ERR_SHAPE', node, `expected weights [O, KH, KW, C / groups] with O a multiple of groups, got ${found}`);
    }
    const type = checkProducts(context, { channels, axis: 0 }, attributes.to);
    const dims = [batches, outputExtent(context, 0).size, outputExtent(context, 1).size, channels];
    checkedSize(node, dims);
    return [{ type, dims }];
  },

  run: (context) => [convolve(context)],
  cases,
});

function pair([first = 0, second = 0]: readonly number[]): readonly [number, number] {
  return [first, second];
}

/** The output's size along height or width, and how much of the full size lies before it. ERR_SHAPE where that is no size. */
export function outputExtent(context: NodeContext<TransposeConv2dAttributes>, axis: 0 | 1): Extent {
  const { node, attributes, inputs } = context;
  const { window, outputSize, outputPadding, anySize } = attributes;
  const { strides, dilations, padding } = window;
  const [input, kernel] = [inputs[0]!.dims[axis + 1]!, inputs[1]!.dims[axis + 1]!];
  const full = (input - 1) * strides[axis] + (kernel - 1) * dilations[axis] + 1 + outputPadding[axis];
  const isSame = padding === 'same' || padding === 'same-lower';
  const [before, after] = typeof padding === 'string' ? [0, 0] : [padding[axis], padding[axis + 2]!];
  const size = outputSize[axis] || (isSame ? input * strides[axis] : full - before - after);
  if (size < 1 || kernel < 1 || input < 1) {
    throw nodeError(
      'ERR_SHAPE',
      node,
      `expected an output of at least 1 x 1, got ${size} from ${input} and a kernel of ${kernel}`,
    );
  }
  if (anySize) return { size, before: isSame ? paddingBefore(padding, full - size) : before };
  const convolution = extentOf(window, axis, size, kernel);
  if (convolution.size === input) return { size, before: convolution.before };
  const found = `${size}, which would come from ${convolution.size}`;
  throw nodeError('ERR_SHAPE', node, `expected an output size for an input of ${input}, got ${found}`);
}

/** Gathers: for each output, the taps that reach it. */
function convolve(context: RunContext<TransposeConv2dAttributes>) {
  const { inputs, outputs, attributes } = context;
  const { window, activation, groups } = attributes;
  const [x, w] = [inputs[0]!, inputs[1]!];
  const [batches, height, width, depth] = x.dims as [number, number, number, number];
  const [channels, kernelHeight, kernelWidth, groupDepth] = w.dims as [number, number, number, number];
  const [, outHeight, outWidth] = outputs[0]!.dims as [number, number, number, number];
  const [vertical, horizontal] = [outputExtent(context, 0), outputExtent(context, 1)];
  const { strides, dilations } = window;
  const products = prepareProducts(context, { kind: 'convolution', channels, axis: 0, activation }, batches);
  const step = kernelHeight * kernelWidth * groupDepth;
  const groupChannels = channels / groups;
  let offset = 0;
  for (let n = 0; n < batches; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = (oy + vertical.before - ky * dilations[0]) / strides[0];
          if (!Number.isInteger(iy) || iy < 0 || iy >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = (ox + horizontal.before - kx * dilations[1]) / strides[1];
            if (!Number.isInteger(ix) || ix < 0 || ix >= width) continue;
            const pixel = (n * height + iy) * width + ix;
            const tap = (ky * kernelWidth + kx) * groupDepth;
            for (let g = 0; g < groups; g++) {
              const first = g * groupChannels;
              addRows(products, pixel * depth + g * groupDepth, first * step + tap, step, groupDepth, first, groupChannels);
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

function* cases(): Iterable<OpCase> {
  const op = 'TransposeConv2D';
  const shapes = [
    { x: [1, 3, 4, 5], w: [6, 3, 3, 5], y: [1, 6, 8, 6], attributes: { padding: 'same', strides: [2, 2] } },
    { x: [2, 2, 2, 3], w: [4, 2, 3, 3], y: [2, 3, 4, 4], attributes: { activation: 'relu' } },
    { x: [1, 3, 3, 2], w: [3, 4, 4, 2], y: [1, 6, 6, 3], attributes: { strides: [2, 2], pads: [1, 1, 1, 1] } },
    { x: [1, 2, 3, 1], w: [1, 3, 3, 1], y: [1, 6, 8, 1], attributes: { strides: [2, 2], outputHeight: 6, outputWidth: 8 } },
    { x: [1, 3, 3, 4], w: [6, 2, 3, 2], y: [1, 4, 5, 6], attributes: { groups: 2 } },
    {
      x: [1, 3, 3, 2],
      w: [3, 3, 3, 2],
      y: [1, 7, 8, 3],
      attributes: { strides: [2, 3], pads: [1, 2, 0, 1], anySize: true, outputPadding: [1, 2] },
    },
    {
      x: [1, 3, 3, 2],
      w: [3, 3, 3, 2],
      y: [1, 10, 5, 3],
      attributes: { strides: [3, 2], padding: 'same-lower', anySize: true, outputHeight: 10, outputWidth: 5 },
    },
  ] as const;
  for (const { x, w, y, attributes } of shapes) {
    const int8 = { type: 'int8', dims: x, qparams: affine('int8', 0.04, 7) } as const;
    const scale = Float32Array.from({ length: w[0] }, (_, i) => 0.01 + 0.002 * i);
    const weights = {
      type: 'int8',
      dims: w,
      constant: true,
      qparams: { dtype: 'int8', scale, zeroPoint: 0, axis: 0 },
    } as const;
    const bias = { type: 'int32', dims: [w[0]], constant: true } as const;
    const out = { type: 'int8', dims: y, qparams: affine('int8', 0.09, -11) } as const;
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      yield caseGraph({ op, attributes, inputs: [int8, weights, bias], outputs: [out], numerics });
    }
    const float = [{ type: 'float32', dims: x } as const, { type: 'float32', dims: w, constant: true } as const];
    yield caseGraph({ op, attributes, inputs: float, outputs: [{ type: 'float32', dims: y }] });
  }
}
