/** Elu: x where x >= 0, e^x - 1 elsewhere. 8-bit: TFLite's lookup table of the function in float32; `onnx` through float32. */
import { affine, caseGraph } from './cases.js';
import { floatTypes, inferUnary, isQuantized, mapUnary, throughFloat, type Unary } from './elementwise.js';
import { defineOp } from './op.js';

const real: Unary = (x) => (x < 0 ? Math.expm1(x) : x);

export const elu = defineOp<Record<string, never>>({
  name: 'Elu',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, [...floatTypes, 'int8', 'uint8']),
  run: (context) => mapUnary(context, isQuantized(context.outputs[0]!.type) ? throughFloat(context, real) : real),
  *cases() {
    const dims = [4, 50];
    yield caseGraph({ op: 'Elu', inputs: [{ type: 'float32', dims }], outputs: [{ type: 'float32', dims }] });
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const type of ['int8', 'uint8'] as const) {
        const zero = type === 'int8' ? 0 : 128;
        const inputs = [{ type, dims, qparams: affine(type, 0.03, zero) }];
        yield caseGraph({ op: 'Elu', inputs, outputs: [{ type, dims, qparams: affine(type, 0.02, zero - 70) }], numerics });
      }
    }
  },
});
