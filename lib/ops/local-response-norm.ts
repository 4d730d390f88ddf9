/**
 * LocalResponseNorm: x / (bias + alpha / size · Σ x²)^beta, the sum over the `size` channels around each one, of those that there
 * are (Krizhevsky, Sutskever and Hinton 2012). For an even size one more comes after it than before. Channels are the
 * dimension `axis`. In float64.
 */
import { caseGraph } from './cases.js';
import { inferUnary } from './elementwise.js';
import { defineOp, requiredInput } from './op.js';
import { normalizeAxis, product } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface LocalResponseNormAttributes {
  readonly axis: number;
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

const maxRank = 32;
const maxSize = 4096;

export const localResponseNorm = defineOp<LocalResponseNormAttributes>({
  name: 'LocalResponseNorm',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    axis: attributes.integer('axis', -maxRank, maxRank - 1, 1),
    size: attributes.integer('size', 1, maxSize),
    alpha: attributes.number('alpha', 1e-4),
    beta: attributes.number('beta', 0.75),
    bias: attributes.number('bias', 1),
  }),
  infer(context) {
    normalizeAxis(context, context.attributes.axis, requiredInput(context, 0).dims.length);
    return inferUnary(context, ['float32', 'float64']);
  },
  run(context) {
    const { size, alpha, beta, bias } = context.attributes;
    const { dims, type } = context.inputs[0]!;
    const axis = normalizeAxis(context, context.attributes.axis, dims.length);
    const [channels, inner] = [dims[axis]!, product(dims.slice(axis + 1))];
    const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
    const x = inputData(context, 0) as Float32Array;
    const y = allocate(type, x.length);
    for (let i = 0; i < x.length; i++) {
      const c = Math.floor(i / inner) % channels;
      const [first, last] = [Math.max(c - before, 0), Math.min(c + after, channels - 1)];
      let sum = 0;
      for (let k = first; k <= last; k++) sum += x[i + (k - c) * inner]! ** 2;
      y[i] = x[i]! / (bias + (alpha / size) * sum) ** beta;
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'float64'] as const) {
      for (const [axis, dims] of [
        [1, [2, 7, 3, 2]],
        [-1, [2, 3, 7]],
      ] as const) {
        for (const size of [1, 3, 4, 20]) {
          const attributes = { axis, size, alpha: 0.5, bias: 2 };
          yield caseGraph({ op: 'LocalResponseNorm', attributes, inputs: [{ type, dims }], outputs: [{ type, dims }] });
        }
      }
    }
  },
});
