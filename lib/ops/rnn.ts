/** Rnn: h = f(W x + R h + bW + bR), y = h, as recurrent.ts has it (Elman 1990). One gate; f is Tanh by default. */
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

const kind: Kind = { gates: 1, peepholes: 0, activations: ['Tanh'] };

export const rnn = defineOp<RecurrentAttributes>({
  name: 'Rnn',
  inputs: [3, 6],
  outputs: [1, 2],
  parse: (attributes) => parseRecurrent(attributes, kind),
  infer: (context) => inferRecurrent(context, kind),
  run: (context) =>
    runRecurrent(context, kind, (direction) => {
      const [f] = activationsOf(context.attributes, direction, 1) as [(x: number) => number];
      const [ofInput, ofHidden] = [productOf(context, 1, direction), productOf(context, 2, direction)];
      const [fromInput, fromHidden] = [sumsFor(context), sumsFor(context)];
      return (x, at, hidden) => {
        ofInput(x, at, fromInput);
        ofHidden(hidden, 0, fromHidden);
        for (let u = 0; u < hidden.length; u++) hidden[u] = f(fromInput[u]! + fromHidden[u]!);
      };
    }),
  cases: () => recurrentCases('Rnn', kind, [{}]),
});
