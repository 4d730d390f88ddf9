/** Cases of MatMul: every kind of operand, vectors, broadcasting, transposed operands, scales per column. */
import type { Attributes } from '../graph/graph.js';
import { affine, caseGraph, wideTypes, wideValue } from './cases.js';
import type { OpCase } from './op.js';

interface Shapes {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly y: readonly number[];
  readonly attributes?: Attributes;
}

const shapes: readonly Shapes[] = [
  { a: [3, 8], b: [8, 5], y: [3, 5] },
  { a: [2, 3, 4], b: [4, 7], y: [2, 3, 7], attributes: { activation: 'relu' } },
  { a: [2, 1, 3, 4], b: [3, 4, 2], y: [2, 3, 3, 2] },
  { a: [6], b: [6], y: [] },
  { a: [4], b: [2, 4, 3], y: [2, 3] },
  { a: [2, 3, 4], b: [4], y: [2, 3] },
  { a: [4, 3], b: [5, 4], y: [3, 5], attributes: { transposeA: true, transposeB: true } },
  { a: [2, 3, 4], b: [2, 5, 4], y: [2, 3, 5], attributes: { transposeB: true } },
  { a: [2, 17, 33], b: [2, 33, 70], y: [2, 17, 70], attributes: { activation: 'relu' } },
  { a: [5, 9, 40], b: [1, 41, 40], y: [5, 9, 41], attributes: { transposeB: true } },
  { a: [2, 0], b: [0, 3], y: [2, 3] },
  { a: [0, 3], b: [3, 2], y: [0, 2] },
];
const op = 'MatMul';

export function* matmulCases(): Iterable<OpCase> {
  for (const { a, b, y, attributes = {} } of shapes) {
    for (const type of ['float32', 'float64', 'int32', 'uint32', 'int64', 'uint64'] as const) {
      const inputs = [
        { type, dims: a },
        { type, dims: b },
      ];
      yield caseGraph({ op, attributes, inputs, outputs: [{ type, dims: y }] });
    }
    const constant = { type: 'float32', dims: b, constant: true } as const;
    const output = { type: 'float32', dims: y } as const;
    const name = `MatMul float32 [${a}] by constant [${b}]`;
    yield caseGraph({ op, name, attributes, inputs: [{ type: 'float32', dims: a }, constant], outputs: [output] });
    yield* quantizedCases({ a, b, y, attributes });
  }
  for (const type of ['float32', 'int32', 'int64'] as const) {
    const [a, b, bias] = [[2, 3, 6], [6, 4], [4]].map((dims) => ({ type, dims, constant: true }) as const);
    const { constant: _, ...x } = a!;
    yield caseGraph({ op, attributes: { activation: 'relu6' }, inputs: [x, b!, bias!], outputs: [{ type, dims: [2, 3, 4] }] });
  }
}

function* quantizedCases({ a, b, y, attributes = {} }: Shapes): Iterable<OpCase> {
  const isTransposed = attributes.transposeB === true;
  const n = b.length < 2 ? 1 : b.at(isTransposed ? -2 : -1)!;
  const axis = b.length < 2 ? 0 : b.length - (isTransposed ? 2 : 1);
  const scale = Float32Array.from({ length: n }, (_, i) => 0.01 + 0.003 * i);
  const zeroPoint = Int32Array.from({ length: n }, (_, i) => (i % 3) - 1);
  const perColumn = b.length < 2 ? affine('int8', 0.02) : ({ dtype: 'int8', scale, zeroPoint, axis } as const);
  const x = { type: 'uint8', dims: a, qparams: affine('uint8', 0.05, 128) } as const;
  const out = { type: 'uint8', dims: y, qparams: affine('uint8', 0.11, 97) } as const;
  for (const constant of [true, undefined] as const) {
    const [isConstant, kind] = constant === undefined ? [{}, 'fed'] : [{ constant }, 'constant'];
    for (const numerics of ['onnx', 'tflite', 'single'] as const) {
      const w = { type: 'int8', dims: b, qparams: perColumn, ...isConstant } as const;
      const name = `${numerics} MatMul uint8 [${a}] by ${kind} int8 [${b}]`;
      yield caseGraph({ op, name, attributes, inputs: [x, w], outputs: [out], numerics });
    }
    for (const [from, to] of wideTypes) {
      const w = { type: 'int8', dims: b, qparams: perColumn, ...isConstant } as const;
      const name = `MatMul ${from} [${a}] by ${kind} int8 [${b}] to ${to}`;
      const [inputs, outputs] = [[wideValue(from, a, 'x'), w], [wideValue(to, y, 'y')]];
      yield caseGraph({ op, name, attributes: { ...attributes, to }, inputs, outputs, numerics: 'onnx' });
    }
    const w = { type: 'uint8', dims: b, qparams: affine('uint8', 0.02, 77), ...isConstant } as const;
    const bias = { type: 'int32', dims: [n], constant: true } as const;
    const signed = { type: 'int8', dims: a, qparams: affine('int8', 0.05, -7) } as const;
    const outSigned = { type: 'int8', dims: y, qparams: affine('int8', 0.11, -20) } as const;
    const signedName = `tflite MatMul int8 [${a}] by ${kind} uint8 [${b}]`;
    yield caseGraph({ op, name: signedName, attributes, inputs: [signed, w, bias], outputs: [outSigned] });
    const float = { type: 'float32', dims: y } as const;
    const toFloat = { ...attributes, to: 'float32' };
    const name = `onnx MatMul int8 [${a}] by ${kind} uint8 [${b}] to float32`;
    yield caseGraph({ op, name, attributes: toFloat, inputs: [signed, w, bias], outputs: [float], numerics: 'onnx' });
  }
}
