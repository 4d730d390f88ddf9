/**
 * ConvInteger: x[N, H, W, C], w[O, KH, KW, C / groups], zero point of x?, zero points of w? (one, or one for each of O) ->
 * int32[N, OH, OW, O]
 *
 *     y = Σ (x - zx) · (w - zw),   over windows as those of Conv2D; what lies outside x is its zero point
 *
 * x and w are of 8 bits, with or without a sign. ONNX's ConvInteger with the channels last.
 */
import type { IntegerProducts } from './accumulate.js';
import { caseGraph } from './cases.js';
import { type Conv2dAttributes, convolve, inferConv2d, parseConv2d } from './conv2d.js';
import { byteTypes, checkIntegerProducts, zeroPointsOf } from './integer-products.js';
import { defineOp, type RunContext } from './op.js';
import { product } from './shapes.js';
import { outputTensor } from './storage.js';
import { centered, centeredWeights } from './weights.js';

export const convInteger = defineOp<Conv2dAttributes>({
  name: 'ConvInteger',
  inputs: [2, 4],
  outputs: [1, 1],
  parse: parseConv2d,
  infer(context) {
    return inferConv2d(context, (channels) => {
      checkIntegerProducts(context, [1, channels]);
      return 'int32';
    });
  },
  run: (context) => [convolve(context, productsOf(context))],
  *cases() {
    const op = 'ConvInteger';
    const attributes = { pads: [1, 0, 1, 1], strides: [2, 1] } as const;
    const outputs = [{ type: 'int32', dims: [1, 3, 5, 4] }] as const;
    for (const type of byteTypes) {
      for (const weights of byteTypes) {
        const x = { type, dims: [1, 5, 6, 2] } as const;
        const w = { type: weights, dims: [4, 3, 3, 2], constant: true } as const;
        yield caseGraph({ op, attributes, inputs: [x, w], outputs });
        const zx = { type, dims: [], constant: [9] } as const;
        const zw = { type: weights, dims: [4], constant: [3, 1, 0, 2] } as const;
        yield caseGraph({ op, attributes, inputs: [x, w, zx, zw], outputs });
        yield caseGraph({ op, attributes, inputs: [x, w, { type, dims: [] }, { type: weights, dims: [1] }], outputs });
        const grouped = { ...attributes, groups: 2 };
        yield caseGraph({ op, attributes: grouped, inputs: [x, { ...w, dims: [4, 3, 3, 1] }, zx], outputs });
      }
    }
  },
});

function productsOf(context: RunContext<Conv2dAttributes>): IntegerProducts {
  const channels = context.inputs[1]!.dims[0]!;
  const [x, w, zx, zw] = context.data;
  const out = new Int32Array(product(context.outputs[0]!.dims));
  const sums = new Int32Array(channels);
  const store = (offset: number) => {
    out.set(sums, offset);
    sums.fill(0);
  };
  const zeroPoints = zeroPointsOf(zw?.data as Uint8Array | undefined, channels);
  return {
    kind: 'integer',
    x: centered(x!, zeroPointsOf(zx?.data as Uint8Array | undefined, 1)[0]!),
    w: centeredWeights(w!, zeroPoints, { channels, axis: 0 }),
    sums,
    y: outputTensor(context, 0, out),
    store,
  };
}
