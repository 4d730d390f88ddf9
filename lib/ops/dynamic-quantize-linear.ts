/**
 * DynamicQuantizeLinear: x -> y uint8, scale float32[], zero point uint8[], for the range of x widened to contain 0:
 *
 *     scale = (max - min) / 255,  zero point = round half even(clamp(-min / scale)),  y = saturate(round half even(x / scale) + z)
 *
 * all in float32. Of zeros alone the scale is 1, so that it can be divided by. ONNX's DynamicQuantizeLinear.
 */
import { roundHalfEven } from '../rounding.js';
import type { Tensor } from '../tensor.js';
import { caseGraph } from './cases.js';
import { quantizer } from './elementwise.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { checkedSize } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export const dynamicQuantizeLinear = defineOp<Record<string, never>>({
  name: 'DynamicQuantizeLinear',
  inputs: [1, 1],
  outputs: [1, 3],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32']);
    checkedSize(context.node, x.dims);
    return [
      { type: 'uint8', dims: x.dims },
      { type: 'float32', dims: [] },
      { type: 'uint8', dims: [] },
    ];
  },
  run(context) {
    const x = inputData(context, 0) as Float32Array;
    const { scale, zeroPoint } = rangeParameters(x);
    const quantize = quantizer({ dtype: 'uint8', scale, zeroPoint }, 'onnx');
    const data = [Uint8Array.from(x, quantize), Float32Array.of(scale), Uint8Array.of(zeroPoint)];
    return data.slice(0, context.outputs.length).map((values, i): Tensor => outputTensor(context, i, values));
  },
  *cases() {
    const op = 'DynamicQuantizeLinear';
    const types = ['uint8', 'float32', 'uint8'] as const;
    for (const range of [
      [-4, 4],
      [1, 3],
      [-5, -0.5],
      [0, 0],
    ] as const) {
      const dims = [3, 5, 4];
      const inputs = [{ type: 'float32', dims, range } as const];
      const name = `${op} from ${range.join(' to ')}`;
      yield caseGraph({ op, name, inputs, outputs: types.map((type, i) => ({ type, dims: i === 0 ? dims : [] })) });
    }
  },
});

/** Of elements whose range is widened to contain 0. */
export function rangeParameters(x: Float32Array): { readonly scale: number; readonly zeroPoint: number } {
  const { fround } = Math;
  let [min, max] = [0, 0];
  for (const value of x) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const scale = min === max ? 1 : fround(fround(max - min) / 255);
  return { scale, zeroPoint: roundHalfEven(Math.min(Math.max(fround(-min / scale), 0), 255)) };
}
