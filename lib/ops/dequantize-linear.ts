/**
 * DequantizeLinear: x, scale, zero point? -> f32(x - zero point) · scale in float32.
 *
 * For scales that are computed, that differ between blocks, or whose type is none that a value's quantization parameters have;
 * otherwise Dequantize does it.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { integerTypes } from './quantize-linear.js';
import { checkScales, parseScales, type ScaleAttributes, scaleIndex } from './scales.js';
import { inputData, outputTensor } from './storage.js';

export const dequantizeLinear = defineOp<ScaleAttributes>({
  name: 'DequantizeLinear',
  inputs: [2, 3],
  outputs: [1, 1],
  parse: parseScales,
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, integerTypes);
    checkScales(context);
    const zeroPoint = context.inputs[2];
    if (zeroPoint !== undefined) expectType(context, zeroPoint, [x.type]);
    return [{ type: 'float32', dims: x.dims }];
  },
  run(context) {
    const [x, scales] = [inputData(context, 0) as Int32Array, inputData(context, 1) as Float32Array];
    const zeroPoints = context.data[2]?.data as Int32Array | undefined;
    const y = new Float32Array(x.length);
    const indexOf = scaleIndex(context);
    for (let i = 0; i < x.length; i++) {
      const index = indexOf(i);
      const zeroPoint = zeroPoints === undefined ? 0 : (zeroPoints[index] ?? zeroPoints[0]!);
      y[i] = Math.fround(x[i]! - zeroPoint) * scales[index]!;
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    const op = 'DequantizeLinear';
    for (const type of integerTypes) {
      const x = { type, dims: [2, 5, 3] } as const;
      const outputs = [{ type: 'float32', dims: x.dims }] as const;
      const scale = { type: 'float32', range: [0.01, 0.2] } as const;
      const zero = { type, range: [0, 5] } as const;
      yield caseGraph({ op, inputs: [x, { ...scale, dims: [1] }], outputs });
      const perAxis = [
        { ...scale, dims: [3] },
        { ...zero, dims: [3] },
      ];
      yield caseGraph({ op, attributes: { axis: 2 }, inputs: [x, ...perAxis], outputs });
      const blocks = [
        { ...scale, dims: [2, 2, 3] },
        { ...zero, dims: [2, 2, 3] },
      ];
      yield caseGraph({ op, attributes: { axis: 1, blockSize: 3 }, inputs: [x, ...blocks], outputs });
    }
  },
});
