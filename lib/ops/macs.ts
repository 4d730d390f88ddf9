/** Multiply-accumulates of one node: what speed is measured in. Zeros of the padding count, as is usual. */
import type { Operand } from './op.js';

const size = (operand: Operand | undefined): number => operand?.dims.reduce((product, dim) => product * dim, 1) ?? 0;

/** K of [..., M, K] times [..., K, N], either of them transposed or without one of its dimensions. */
function sharedLength(a: Operand | undefined, b: Operand | undefined, y: Operand | undefined): number {
  const [first = [], second = [], product = []] = [a?.dims, b?.dims, y?.dims];
  if (first.length < 2) return first[0] ?? 0;
  const rows = product.at(second.length < 2 ? -1 : -2) || 1;
  return (first.at(-1)! * first.at(-2)!) / rows;
}

/** 0 for operators that do not sum products. */
export function macsOf(op: string, inputs: readonly (Operand | undefined)[], outputs: readonly Operand[]): number {
  const [x, weights] = inputs;
  const channels = weights?.dims[0] || 1;
  switch (op) {
    case 'Conv2D':
    case 'ConvInteger':
    case 'DynamicConv':
    case 'FullyConnected':
      return (size(outputs[0]) / channels) * size(weights); // [O, ...]: each output sums the products of one filter
    case 'DepthwiseConv2D':
    case 'PlanarDepthwiseConv2D':
      return size(outputs[0]) * (weights?.dims[1] ?? 0) * (weights?.dims[2] ?? 0);
    case 'TransposeConv2D':
      return (size(x) / (x?.dims[3] || 1)) * size(weights);
    case 'MatMul':
    case 'MatMulInteger':
      return size(outputs[0]) * sharedLength(x, weights, outputs[0]);
    case 'DynamicMatMul':
      return outputs.reduce((sum, y) => sum + size(y) * (x?.dims.at(-1) ?? 0), 0);
    case 'HeadAttention':
      return (size(x) + size(outputs[0])) * (weights?.dims[1] ?? 0); // each query with each key, and then with each value
    case 'Svdf':
      return (x?.dims[0] ?? 0) * (size(weights) + size(inputs[2]));
    case 'UnidirectionalSequenceLstm': {
      // Inputs 1 to 8: the gates' weights; 16: the projection. Each is read once for each step and batch.
      const steps = (x?.dims[0] ?? 0) * (x?.dims[1] ?? 0);
      return [1, 2, 3, 4, 5, 6, 7, 8, 16].reduce((sum, index) => sum + steps * size(inputs[index]), 0);
    }
    case 'Gru':
    case 'Lstm':
    case 'Rnn':
      return (x?.dims[0] ?? 0) * (x?.dims[1] ?? 0) * (size(weights) + size(inputs[2]));
    case 'Einsum':
      // Of matrices (M·K · K·N · M·N)^(1/2); of batches of them more than there are
      return Math.sqrt(inputs.reduce((all, input) => all * size(input), size(outputs[0])));
    default:
      return 0;
  }
}
