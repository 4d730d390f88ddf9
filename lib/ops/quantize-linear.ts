/**
 * QuantizeLinear: x, scale, zero point? -> saturate(round half even(x / scale) + zero point), the division in float32; NaN is the
 * zero point. The result has the zero point's type, or `to`'s where there is none.
 *
 * For scales that are computed, that differ between blocks, or whose type is none that a value's quantization parameters have;
 * otherwise Quantize does it.
 */
import { roundHalfEven } from '../rounding.js';
import { caseGraph } from './cases.js';
import { integerRange } from './integers.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { checkScales, parseScales, type ScaleAttributes, scaleIndex } from './scales.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const integerTypes = ['int8', 'uint8', 'int16', 'uint16', 'int32'] as const;

export interface QuantizeLinearAttributes extends ScaleAttributes {
  readonly to: (typeof integerTypes)[number];
}

export const quantizeLinear = defineOp<QuantizeLinearAttributes>({
  name: 'QuantizeLinear',
  inputs: [2, 3],
  outputs: [1, 1],
  parse: (attributes) => ({ ...parseScales(attributes), to: attributes.oneOf('to', integerTypes, 'uint8') }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32', 'float64', 'int32']);
    checkScales(context);
    const zeroPoint = context.inputs[2];
    if (zeroPoint !== undefined) expectType(context, zeroPoint, integerTypes);
    return [{ type: zeroPoint?.type ?? context.attributes.to, dims: x.dims }];
  },
  run(context) {
    const { fround, min: least, max: most } = Math;
    const [x, scales] = [inputData(context, 0) as Float32Array, inputData(context, 1) as Float32Array];
    const zeroPoints = context.data[2]?.data as Int32Array | undefined;
    const { type } = context.outputs[0]!;
    const [min, max] = integerRange(type).map(Number) as [number, number];
    const y = allocate(type, x.length);
    const indexOf = scaleIndex(context);
    for (let i = 0; i < x.length; i++) {
      const index = indexOf(i);
      const zeroPoint = zeroPoints === undefined ? 0 : (zeroPoints[index] ?? zeroPoints[0]!);
      const quotient = fround(fround(x[i]!) / scales[index]!);
      const clamped = least(most(quotient, min - zeroPoint), max - zeroPoint);
      y[i] = Number.isNaN(quotient) ? zeroPoint : roundHalfEven(clamped) + zeroPoint;
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    const op = 'QuantizeLinear';
    const range = [0.01, 0.2] as const;
    for (const type of integerTypes) {
      const x = { type: 'float32', dims: [2, 5, 3] } as const;
      const outputs = [{ type, dims: x.dims }];
      const scalar = { type: 'float32', dims: [], range } as const;
      yield caseGraph({ op, attributes: { to: type }, inputs: [x, scalar], outputs });
      const zero = { type, range: [0, 5] } as const;
      const perAxis = [{ type: 'float32', dims: [5], range } as const, { ...zero, dims: [5] }];
      yield caseGraph({ op, inputs: [x, ...perAxis], outputs });
      const blocks = [{ type: 'float32', dims: [2, 3, 3], range } as const, { ...zero, dims: [2, 3, 3] }];
      yield caseGraph({ op, attributes: { axis: -2, blockSize: 2 }, inputs: [x, ...blocks], outputs });
      yield caseGraph({ op, inputs: [{ ...x, type: 'int32' }, scalar, { ...zero, dims: [] }], outputs });
    }
  },
});
