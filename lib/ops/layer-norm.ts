/**
 * LayerNorm: x, scale, bias? -> y, mean, inverseDeviation: over all dimensions from `axis` on
 *
 *     y = (x - mean) · inverseDeviation · scale + bias,   inverseDeviation = 1 / √(Σ (x - mean)² / n + epsilon)
 *
 * (Ba, Kiros and Hinton 2016); without `center` the mean is taken to be 0 (RMSNorm: Zhang and Sennrich 2019). In float64. Scale
 * and bias are broadcast to x. The mean and the inverse deviation are float32, with 1 for each dimension from `axis` on.
 */
import { caseGraph } from './cases.js';
import { broadcastData } from './elementwise.js';
import { defineOp, expectType, nodeError, type OpCase, type RunContext, requiredInput } from './op.js';
import { broadcast, checkedSize, normalizeAxis, product, sameShape, shapeText } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface LayerNormAttributes {
  readonly axis: number;
  readonly epsilon: number;
  readonly center: boolean;
}

const types = ['float32', 'float64'] as const;
const maxRank = 32;

export const layerNorm = defineOp<LayerNormAttributes>({
  name: 'LayerNorm',
  inputs: [2, 3],
  outputs: [1, 3],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -maxRank, maxRank - 1, -1),
    epsilon: attributes.number('epsilon', 1e-5),
    center: attributes.boolean('center', true),
  }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, types);
    checkedSize(context.node, x.dims);
    for (const parameter of [requiredInput(context, 1), context.inputs[2]]) {
      if (parameter === undefined) continue;
      expectType(context, parameter, types);
      if (!sameShape(broadcast(context.node, x.dims, parameter.dims), x.dims)) {
        const found = shapeText(parameter.dims);
        throw nodeError(
          'ERR_SHAPE',
          context.node,
          `expected ${parameter.name} to broadcast to ${shapeText(x.dims)}, got ${found}`,
        );
      }
    }
    const axis = normalizeAxis(context, context.attributes.axis, x.dims.length);
    const statistics = { type: 'float32', dims: x.dims.map((dim, i) => (i < axis ? dim : 1)) } as const;
    return [{ type: x.type, dims: x.dims }, statistics, statistics].slice(0, context.node.outputs.length);
  },
  run(context) {
    const { dims, type } = context.inputs[0]!;
    const { epsilon, center } = context.attributes;
    const axis = normalizeAxis(context, context.attributes.axis, dims.length);
    const [rows, length] = [product(dims.slice(0, axis)), product(dims.slice(axis))];
    const x = inputData(context, 0) as Float32Array;
    const [scale, bias] = [parameterOf(context, 1, length), parameterOf(context, 2, length)];
    const y = allocate(type, x.length) as Float32Array;
    const [means, inverses] = [new Float32Array(rows), new Float32Array(rows)];
    for (let row = 0; row < rows; row++) {
      const start = row * length;
      const { mean, inverse } = momentsOf(x, start, length, { epsilon, center });
      for (let i = start; i < start + length; i++) {
        y[i] = (x[i]! - mean) * inverse * scale[i % scale.length]! + (bias.length === 0 ? 0 : bias[i % bias.length]!);
      }
      means[row] = mean;
      inverses[row] = inverse;
    }
    return [y, means, inverses].slice(0, context.outputs.length).map((data, i) => outputTensor(context, i, data));
  },
  cases,
});

/** Mean and inverse deviation of `length` elements from `start` on. */
export function momentsOf(
  x: ArrayLike<number>,
  start: number,
  length: number,
  { epsilon, center }: { readonly epsilon: number; readonly center: boolean },
): { readonly mean: number; readonly inverse: number } {
  let mean = 0;
  if (center) {
    for (let i = start; i < start + length; i++) mean += x[i]!;
    mean /= length;
  }
  let squares = 0;
  for (let i = start; i < start + length; i++) squares += (x[i]! - mean) ** 2;
  return { mean, inverse: 1 / Math.sqrt(squares / length + epsilon) };
}

/** Elements that repeat from the first one of x on: those of one row, where the parameter has as many, or of all of x. */
function parameterOf(context: RunContext<LayerNormAttributes>, index: number, length: number): Float32Array {
  const operand = context.inputs[index];
  if (operand === undefined) return new Float32Array(0);
  const { dims } = context.inputs[0]!;
  const size = product(operand.dims);
  const isRow = size === 1 || (size === length && sameShape(dims.slice(-operand.dims.length), operand.dims));
  return (isRow ? inputData(context, index) : broadcastData(context, index, dims)) as Float32Array;
}

function* cases(): Iterable<OpCase> {
  const op = 'LayerNorm';
  for (const type of types) {
    for (const [axis, dims, scale, rows] of [
      [-1, [2, 3, 8], [8], [2, 3, 1]],
      [1, [2, 3, 4], [3, 4], [2, 1, 1]],
      [-2, [2, 3, 4], [4], [2, 1, 1]],
      [0, [3, 4], [1], [1, 1]],
      [1, [3, 4], [3, 1], [3, 1]],
    ] as const) {
      for (const center of [true, false]) {
        const attributes = { axis, center, epsilon: 1e-3 };
        const inputs = [{ type, dims } as const, { type, dims: scale } as const, { type, dims: scale } as const];
        const statistics = { type: 'float32', dims: rows } as const;
        const outputs = [{ type, dims } as const, statistics, statistics];
        yield caseGraph({ op, attributes, inputs, outputs });
        yield caseGraph({ op, attributes, inputs: inputs.slice(0, 2), outputs: outputs.slice(0, 1) });
      }
    }
  }
}
