/** ONNX's RNN, GRU and LSTM: native/ops/recurrent.cc. */
import type { Operand } from '../../ops/op.js';
import { type RecurrentAttributes, sizesOf } from '../../ops/recurrent.js';
import { recurrentActivations } from '../../ops/recurrent-activations.js';
import { product } from '../../ops/shapes.js';
import { defineLowering, type Lowering, type Lowerings } from './lowering.js';

interface Attributes extends RecurrentAttributes {
  /** Of a GRU. */
  readonly resetAfter?: boolean;
  /** Of an LSTM. */
  readonly inputForget?: boolean;
}

export const recurrentLowerings: Lowerings = { Rnn: recurrent(0), Gru: recurrent(1), Lstm: recurrent(2) };

function recurrent(kind: number): Lowering {
  return defineLowering<Attributes>((step, context) => {
    const { attributes, inputs, outputs } = step;
    const { activations, alphas, betas, clip, direction, batchFirst } = attributes;
    const sizes = sizesOf(step);
    // Libraries differ in functions of float64
    if (inputs[0]!.type === 'float64' || product(outputs[0]!.dims) === 0 || sizes.depth === 0) return undefined;
    const places = (names: string, operands: readonly (Operand | undefined)[]) => {
      const list = names.split(' ').flatMap((name, i) => {
        return operands[i] === undefined ? [] : [[name, context.place(operands[i])] as const];
      });
      return Object.fromEntries(list);
    };
    const numbers = (values: readonly number[]) => Float64Array.from(activations, (_, i) => values[i] ?? 0);
    const fields = {
      ...places('x w r b lengths h0 c0 peepholes', inputs),
      ...places('y h c', outputs),
      ...sizes,
      kind,
      batchFirst: Number(batchFirst),
      reverse: Number(direction === 'reverse'),
      joins: Number(attributes.resetAfter ?? attributes.inputForget ?? false),
      activations: Int32Array.from(activations, (name) => recurrentActivations.indexOf(name)),
      ...{ alphas: numbers(alphas), betas: numbers(betas), clip },
    };
    return [{ kind: 'recurrent', fields }];
  });
}
