/**
 * Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual: a ? b as bool, broadcast as in NumPy; any type. Quantized inputs are
 * compared as reals: in fixed point M(s)·((x - z) << 8) of both (TFLite's ComparisonWithScaling), in float32 for `onnx`.
 */
import { toFixedPoint } from '../quant/requant.js';
import { affine, caseGraph } from './cases.js';
import {
  dequantizer,
  type Element,
  inferBinary,
  isQuantizedNode,
  mapBinary,
  plainTypes,
  quantizedTypes,
  type Unary,
} from './elementwise.js';
import { defineOp, type Op, perTensor, type RunContext, requiredInput } from './op.js';
import { scaleSum } from './output-stage.js';

type Comparison = (a: Element, b: Element) => boolean;

const comparableTypes = [...plainTypes, 'bool'] as const;

export const equal = defineComparison('Equal', (a, b) => a === b);
export const notEqual = defineComparison('NotEqual', (a, b) => a !== b);
export const less = defineComparison('Less', (a, b) => a < b);
export const lessEqual = defineComparison('LessEqual', (a, b) => a <= b);
export const greater = defineComparison('Greater', (a, b) => a > b);
export const greaterEqual = defineComparison('GreaterEqual', (a, b) => a >= b);

function defineComparison(name: string, compare: Comparison): Op {
  return defineOp<Record<string, never>>({
    name,
    inputs: [2, 2],
    outputs: [1, 1],
    parse: () => ({}),
    infer: (context) => inferBinary(context, [...comparableTypes, ...quantizedTypes], { plain: comparableTypes, type: 'bool' }),
    run(context) {
      if (!isQuantizedNode(context)) return mapBinary<unknown, Element>(context, (a, b) => (compare(a, b) ? 1 : 0));
      const [left, right] = [comparable(context, 0), comparable(context, 1)];
      return mapBinary(context, (a, b) => (compare(left(a), right(b)) ? 1 : 0));
    },
    *cases() {
      const dims = [2, 4, 30];
      for (const type of comparableTypes) {
        const range = type === 'bool' ? ([0, 1] as const) : ([0, 3] as const);
        const inputs = [
          { type, dims: [2, 1, 30], range },
          { type, dims: [4, 1], range },
        ];
        yield caseGraph({ op: name, inputs, outputs: [{ type: 'bool', dims }] });
      }
      for (const numerics of ['tflite', 'single', 'onnx'] as const) {
        for (const type of quantizedTypes) {
          const z = { int8: 0, uint8: 128, int16: 0 }[type];
          const range = [z - 9, z + 9] as const;
          const inputs = [
            { type, dims: [2, 1, 30], qparams: affine(type, 0.05, z), range },
            { type, dims: [4, 1], qparams: affine(type, 0.1, z), range },
          ];
          yield caseGraph({ op: name, inputs, outputs: [{ type: 'bool', dims }], numerics });
        }
      }
    },
  });
}

function comparable(context: RunContext<unknown>, index: number): Unary {
  const { numerics } = context;
  const x = perTensor(context, requiredInput(context, index));
  if (numerics === 'onnx') return dequantizer(x);
  const scale = toFixedPoint(x.scale);
  return (q) => scaleSum((q - x.zeroPoint) * 2 ** 8, scale, numerics);
}
