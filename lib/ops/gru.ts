/**
 * Gru: as recurrent.ts has it, with the update, reset and hidden gates in this order (Cho et al. 2014):
 *
 *     z = f(Wz x + Rz h + bWz + bRz)    r = f(Wr x + Rr h + bWr + bRr)    h = (1 - z)·n + z·h,   y = h
 *     n = g(Wn x + Rn (r·h) + bWn + bRn),   or with `resetAfter`   n = g(Wn x + bWn + r·(Rn h + bRn))
 */
import { defineOp } from './op.js';
import {
  inferRecurrent,
  type Kind,
  parseRecurrent,
  productOf,
  type RecurrentAttributes,
  runRecurrent,
  sumsFor,
} from './recurrent.js';
import { activationsOf } from './recurrent-activations.js';
import { recurrentCases } from './recurrent-cases.js';

export interface GruAttributes extends RecurrentAttributes {
  readonly resetAfter: boolean;
}

const kind: Kind = { gates: 3, peepholes: 0, activations: ['Sigmoid', 'Tanh'] };

export const gru = defineOp<GruAttributes>({
  name: 'Gru',
  inputs: [3, 6],
  outputs: [1, 2],
  parse: (attributes) => ({
    ...parseRecurrent(attributes, kind),
    resetAfter: attributes.boolean('resetAfter', false),
  }),
  infer: (context) => inferRecurrent(context, kind),
  run: (context) =>
    runRecurrent(context, kind, (direction) => {
      type Real = (x: number) => number;
      const [f, g] = activationsOf(context.attributes, direction, 2) as [Real, Real];
      const [ofInput, ofHidden] = [productOf(context, 1, direction), productOf(context, 2, direction)];
      const [fromInput, fromHidden, fromReset] = [sumsFor(context), sumsFor(context), sumsFor(context)];
      const { resetAfter } = context.attributes;
      return (x, at, hidden) => {
        const units = hidden.length;
        ofInput(x, at, fromInput);
        ofHidden(hidden, 0, fromHidden);
        const gate = (index: number) => f(fromInput[index]! + fromHidden[index]!);
        if (!resetAfter)
          ofHidden(
            Float64Array.from(hidden, (value, u) => gate(units + u) * value),
            0,
            fromReset,
          );
        for (let u = 0; u < units; u++) {
          const n = 2 * units + u;
          const candidate = g(fromInput[n]! + (resetAfter ? gate(units + u) * fromHidden[n]! : fromReset[n]!));
          const update = gate(u);
          hidden[u] = (1 - update) * candidate + update * hidden[u]!;
        }
      };
    }),
  cases: () => recurrentCases('Gru', kind, [{ resetAfter: false }, { resetAfter: true }]),
});
