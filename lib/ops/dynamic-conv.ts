/**
 * DynamicConv: x float32[N, H, W, C], w int8|uint8[O, KH, KW, C / groups], its scale float32[O] or one, its zero point? (w's type)[O]
 * or one, bias? float32[O] -> y float32[N, OH, OW, O]
 *
 *     y = clamp(f32(f32(Σ (q - z) · (w - zw)) · f32(s · sw)) + bias),   q, s, z = DynamicQuantizeLinear(x)
 *
 * over windows as those of Conv2D. To the bit what DynamicQuantizeLinear, ConvInteger, Cast, Mul and Add compute one after the other.
 */
import type { IntegerProducts } from './accumulate.js';
import { type CaseInput, caseGraph } from './cases.js';
import { type Conv2dAttributes, convolve, inferConv2d, parseConv2d } from './conv2d.js';
import { rangeParameters } from './dynamic-quantize-linear.js';
import { quantizer } from './elementwise.js';
import { byteTypes, zeroPointsOf } from './integer-products.js';
import { defineOp, expectType, type NodeContext, nodeError, type Operand, type RunContext, requiredInput } from './op.js';
import { activationBounds } from './output-stage.js';
import { product, shapeText } from './shapes.js';
import { inputData, outputTensor } from './storage.js';
import { centeredWeights } from './weights.js';

export const dynamicConv = defineOp<Conv2dAttributes>({
  name: 'DynamicConv',
  inputs: [3, 5],
  outputs: [1, 1],
  parse: parseConv2d,
  infer(context) {
    return inferConv2d(context, (channels) => {
      const [x, w, scale] = [0, 1, 2].map((i) => requiredInput(context, i)) as [Operand, Operand, Operand];
      expectType(context, x, ['float32']);
      expectType(context, w, byteTypes);
      const rest = [
        [scale, 'float32'],
        [context.inputs[3], w.type],
        [context.inputs[4], 'float32'],
      ] as const;
      for (const [i, [operand, type]] of rest.entries()) {
        if (operand === undefined) continue;
        expectType(context, operand, [type]);
        expectChannels(context, operand, channels, i < 2);
      }
      return 'float32';
    });
  },
  run: (context) => [convolve(context, productsOf(context))],
  *cases() {
    const real = (dims: readonly number[]) => ({ type: 'float32', dims }) as const;
    for (const type of byteTypes) {
      const attributes = { pads: [1, 0, 1, 1], strides: [2, 1] } as const;
      const w = (channels: number, depth: number): CaseInput => ({ type, dims: [channels, 3, 3, depth], constant: true });
      const make = (given: object, inputs: readonly (CaseInput | undefined)[], channels: number, name = '') =>
        caseGraph({
          op: 'DynamicConv',
          attributes: { ...attributes, ...given },
          inputs,
          outputs: [real([inputs[0]!.dims[0]!, 3, 5, channels])],
          ...(name !== '' && { name: `DynamicConv ${type} ${name}` }),
        });
      const one = { ...real([]), constant: [0.02] } as const;
      const range = type === 'int8' ? ([-4, 5] as const) : ([120, 135] as const);
      const zeroPoints: CaseInput = { type, dims: [70], constant: true, range };
      const many: readonly CaseInput[] = [{ ...real([70]), constant: true, range: [0.01, 0.03] }, zeroPoints];
      const bias = { ...real([70]), constant: true } as const;
      yield make({}, [real([1, 5, 6, 2]), w(4, 2), one], 4);
      yield make({}, [real([2, 5, 6, 9]), w(70, 9), ...many], 70);
      for (const activation of ['none', 'relu', 'relu6'] as const) {
        yield make({ activation }, [real([1, 5, 6, 3]), w(70, 3), ...many, bias], 70);
      }
      yield make({ groups: 2 }, [real([1, 5, 6, 4]), w(70, 2), ...many, bias], 70);
      yield make({ groups: 6 }, [real([1, 5, 6, 6]), w(6, 1), one, { type, dims: [1], constant: [3] }], 6);
      for (const given of [
        [1, 3],
        [-5, -0.5],
        [0, 0],
      ] as const) {
        yield make({}, [{ ...real([1, 5, 6, 2]), range: given }, w(4, 2), one], 4, `x from ${given.join(' to ')}`);
      }
    }
  },
});

/** One element for all channels, where that may be, or one for each. */
function expectChannels<A>({ node }: NodeContext<A>, { name, dims }: Operand, channels: number, mayBeOne: boolean): void {
  const count = product(dims);
  if (dims.length <= 1 && (count === channels || (mayBeOne && count === 1))) return;
  throw nodeError('ERR_SHAPE', node, `expected ${channels} elements for ${name}, got ${shapeText(dims)}`);
}

function productsOf(context: RunContext<Conv2dAttributes>): IntegerProducts {
  const { fround } = Math;
  const channels = context.inputs[1]!.dims[0]!;
  const [, w, scale, zeroPoint, bias] = context.data;
  const x = inputData(context, 0) as Float32Array;
  const range = rangeParameters(x);
  const quantize = quantizer({ dtype: 'uint8', ...range }, 'onnx');
  const centered = Int16Array.from(Uint8Array.from(x, quantize), (q) => q - (range.zeroPoint || 0));
  const own = scale!.data as Float32Array;
  const scales = Float32Array.from({ length: channels }, (_, i) => range.scale * own[own.length === 1 ? 0 : i]!);
  const offsets = bias?.data as Float32Array | undefined;
  const [low, high] = activationBounds[context.attributes.activation];
  const zeroPoints = zeroPointsOf(zeroPoint?.data as Uint8Array | undefined, channels);
  const out = new Float32Array(product(context.outputs[0]!.dims));
  const sums = new Int32Array(channels);
  const store = (at: number) => {
    for (let c = 0; c < channels; c++) {
      const real = fround(fround(sums[c]!) * scales[c]!);
      out[at + c] = Math.min(Math.max(offsets === undefined ? real : fround(real + offsets[c]!), low), high);
    }
    sums.fill(0);
  };
  const weights = centeredWeights(w!, zeroPoints, { channels, axis: 0 });
  return { kind: 'integer', x: centered, w: weights, sums, y: outputTensor(context, 0, out), store };
}
