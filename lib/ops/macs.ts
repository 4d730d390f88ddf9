/** Multiply-accumulates of one node: what speed is measured in. Zeros of the padding count, as is usual. */
import type { Operand } from './op.js';

const size = (operand: Operand | undefined): number => operand?.dims.reduce((product, dim) => product * dim, 1) ?? 0;

/** 0 for operators that do not sum products. */
export function macsOf(op: string, inputs: readonly (Operand | undefined)[], outputs: readonly Operand[]): number {
  const [x, weights] = inputs;
  const channels = weights?.dims[0] || 1;
  switch (op) {
    case 'Conv2D':
    case 'FullyConnected':
      return (size(outputs[0]) / channels) * size(weights); // [O, ...]: each output sums the products of one filter
    case 'DepthwiseConv2D':
      return size(outputs[0]) * (weights?.dims[1] ?? 0) * (weights?.dims[2] ?? 0);
    case 'TransposeConv2D':
      return (size(x) / (x?.dims[3] || 1)) * size(weights);
    case 'Svdf':
      return (x?.dims[0] ?? 0) * (size(weights) + size(inputs[2]));
    case 'UnidirectionalSequenceLstm': {
      // Inputs 1 to 8: the gates' weights; 16: the projection. Each is read once for each step and batch.
      const steps = (x?.dims[0] ?? 0) * (x?.dims[1] ?? 0);
      return [1, 2, 3, 4, 5, 6, 7, 8, 16].reduce((sum, index) => sum + steps * size(inputs[index]), 0);
    }
    default:
      return 0;
  }
}
