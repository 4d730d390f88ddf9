/**
 * Concat: x0[..., n0, ...], x1[..., n1, ...], ... -> [..., n0 + n1 + ..., ...] along `axis`.
 *
 * 8- and 16-bit inputs whose scale or zero point is not the output's are rescaled. Fixed-point numerics do it as TFLite's
 * reference (ConcatenationWithScaling): round half away(q · s + b), s = scale · (1 / output scale), b = -zeroPoint · s, each step
 * in float32. `onnx` dequantizes and quantizes again in float32, by division, half to even (QLinearConcat). With `rescale` false
 * integers are taken as they stand.
 */
import { quantizedRanges } from '../quant/qparams.js';
import type { Numerics } from '../quant/requant.js';
import { roundHalfAway, roundHalfEven } from '../rounding.js';
import type { TypedArray } from '../typed-array.js';
import { affine, type CaseOptions, caseGraph } from './cases.js';
import {
  defineOp,
  expectType,
  type NodeContext,
  nodeError,
  type Operand,
  perTensor,
  type RunContext,
  requiredInput,
  type TensorQParams,
} from './op.js';
import { checkedSize, normalizeAxis, product, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor, storedTypes } from './storage.js';
import { copyStrided } from './strided-copy.js';

export interface ConcatAttributes {
  readonly axis: number;
  readonly rescale: boolean;
}

export const concat = defineOp<ConcatAttributes>({
  name: 'Concat',
  inputs: [1, Infinity],
  outputs: [1, 1],
  parse(attributes) {
    attributes.oneOf('activation', ['none'], 'none'); // TFLite's kernels have no other
    return {
      axis: attributes.integer('axis', -(2 ** 31), 2 ** 31 - 1),
      rescale: attributes.boolean('rescale', true),
    };
  },
  infer(context) {
    const { node, inputs, attributes } = context;
    const first = requiredInput(context, 0);
    expectType(context, first, storedTypes);
    const axis = normalizeAxis(context, attributes.axis, first.dims.length);
    let total = 0;
    for (const i of inputs.keys()) {
      const input = requiredInput(context, i);
      expectType(context, input, [first.type]);
      if (attributes.rescale && canRescale(input)) perTensor(context, input);
      const fits = input.dims.length === first.dims.length && input.dims.every((d, k) => k === axis || d === first.dims[k]);
      if (!fits) {
        const shape = `${shapeText(first.dims)} except along axis ${axis}`;
        throw nodeError('ERR_SHAPE', node, `expected shape ${shape} for ${input.name}, got ${shapeText(input.dims)}`);
      }
      total += input.dims[axis]!;
    }
    const dims = first.dims.with(axis, total);
    checkedSize(node, dims);
    return [{ type: first.type, dims }];
  },
  run(context) {
    const { inputs, outputs, attributes } = context;
    const output = outputs[0]!;
    const axis = normalizeAxis(context, attributes.axis, output.dims.length);
    const data = allocate(output.type, product(output.dims));
    const to = strides(output.dims);
    let begin = 0;
    for (const i of inputs.keys()) {
      const { dims } = requiredInput(context, i);
      const from = { data: rescaledInput(context, i), offset: 0, strides: strides(dims) };
      copyStrided(dims, from, { data, offset: begin * to[axis]!, strides: to });
      begin += dims[axis]!;
    }
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64', 'bool'] as const) {
      yield concatCase(
        { attributes: { axis: 1 } },
        type,
        [
          [2, 3],
          [2, 1],
          [2, 4],
        ],
        [2, 8],
      );
      yield concatCase(
        { attributes: { axis: -3 } },
        type,
        [
          [1, 2, 3],
          [2, 2, 3],
        ],
        [3, 2, 3],
      );
    }
    yield concatCase({ attributes: { axis: 0 } }, 'float32', [[5]], [5]);
    yield concatCase(
      { attributes: { axis: 0 } },
      'float32',
      [
        [0, 2],
        [3, 2],
      ],
      [3, 2],
    );
    for (const numerics of ['tflite', 'single', 'onnx'] as const) {
      for (const type of ['uint8', 'int8', 'int16'] as const) {
        const zero = type === 'uint8' ? 128 : 0;
        yield caseGraph({
          op: 'Concat',
          attributes: { axis: 3 },
          inputs: [
            { type, dims: [1, 3, 3, 4], qparams: affine(type, 0.05, zero) },
            { type, dims: [1, 3, 3, 5], qparams: affine(type, 0.037, zero + 3) },
            { type, dims: [1, 3, 3, 2], qparams: affine(type, 0.1, zero) },
          ],
          outputs: [{ type, dims: [1, 3, 3, 11], qparams: affine(type, 0.05, zero) }],
          numerics,
        });
      }
    }
    yield caseGraph({
      op: 'Concat',
      attributes: { axis: 0, rescale: false },
      inputs: [
        { type: 'int8', dims: [5], qparams: affine('int8', 0.05, 1) },
        { type: 'int8', dims: [4], qparams: affine('int8', 0.037, 3) },
      ],
      outputs: [{ type: 'int8', dims: [9], qparams: affine('int8', 0.1, 0) }],
      numerics: 'onnx',
    });
  },
});

function concatCase(
  options: Partial<CaseOptions>,
  type: Operand['type'],
  shapes: readonly (readonly number[])[],
  dims: readonly number[],
) {
  return caseGraph({
    op: 'Concat',
    ...options,
    inputs: shapes.map((shape) => ({ type, dims: shape })),
    outputs: [{ type, dims }],
  });
}

function canRescale({ type, qparams }: Operand): boolean {
  return qparams !== undefined && (type === 'int8' || type === 'uint8' || type === 'int16');
}

/** The function of its integers that an input goes through; undefined where it goes in as it is. */
export function rescaleOf(
  input: Operand,
  output: Operand,
  context: Pick<NodeContext<ConcatAttributes>, 'node' | 'numerics' | 'attributes' | 'inputs'>,
): ((q: number) => number) | undefined {
  if (!context.attributes.rescale || !canRescale(input) || !canRescale(output)) return undefined;
  const from = perTensor(context, input);
  const to = perTensor(context, output);
  if (Math.fround(from.scale) === Math.fround(to.scale) && from.zeroPoint === to.zeroPoint) return undefined;
  const rescale = rescaler(from, to, context.numerics);
  const [min, max] = quantizedRanges[to.dtype];
  return (q) => Math.min(Math.max(rescale(q) + to.zeroPoint, min), max);
}

function rescaledInput(context: RunContext<ConcatAttributes>, index: number): TypedArray {
  const data = inputData(context, index);
  const rescale = rescaleOf(requiredInput(context, index), context.outputs[0]!, context);
  return rescale === undefined ? data : (data as Int8Array).map(rescale);
}

function rescaler(from: TensorQParams, to: TensorQParams, numerics: Numerics): (q: number) => number {
  const { fround } = Math;
  const scale = fround(from.scale);
  const outputScale = fround(to.scale);
  if (numerics === 'onnx') return (q) => roundHalfEven(fround(fround((q - from.zeroPoint) * scale) / outputScale));
  const ratio = fround(scale * fround(1 / outputScale));
  const bias = fround(-from.zeroPoint * ratio);
  return (q) => roundHalfAway(fround(fround(q * ratio) + bias));
}
