/**
 * Lstm: as recurrent.ts has it, with the input, output, forget and cell gates in this order, two more inputs, c0 and the peepholes
 * P[D, 3·H] of the input, output and forget gates, and one more output, c:
 *
 *     i = f(Wi x + Ri h + Pi·c + bi)     F = f(Wf x + Rf h + Pf·c + bf), or 1 - i with `inputForget`
 *     n = g(Wc x + Rc h + bc)            c = F·c + i·n
 *     o = f(Wo x + Ro h + Po·c + bo)     h = o·k(c),   y = h
 *
 * (Hochreiter and Schmidhuber 1997; Gers and Schmidhuber 2000.) f, g and k are Sigmoid, Tanh and Tanh by default.
 */
import { defineOp } from './op.js';
import {
  inferRecurrent,
  type Kind,
  parseRecurrent,
  productOf,
  type Reals,
  type RecurrentAttributes,
  runRecurrent,
  sumsFor,
} from './recurrent.js';
import { activationsOf } from './recurrent-activations.js';
import { recurrentCases } from './recurrent-cases.js';
import { inputData } from './storage.js';

export interface LstmAttributes extends RecurrentAttributes {
  readonly inputForget: boolean;
}

const kind: Kind = { gates: 4, peepholes: 3, activations: ['Sigmoid', 'Tanh', 'Tanh'] };
const peepholeInput = 7;

export const lstm = defineOp<LstmAttributes>({
  name: 'Lstm',
  inputs: [3, 8],
  outputs: [1, 3],
  parse: (attributes) => ({
    ...parseRecurrent(attributes, kind),
    inputForget: attributes.boolean('inputForget', false),
  }),
  infer: (context) => inferRecurrent(context, kind),
  run: (context) =>
    runRecurrent(context, kind, (direction) => {
      type Real = (x: number) => number;
      const [f, g, k] = activationsOf(context.attributes, direction, 3) as [Real, Real, Real];
      const [ofInput, ofHidden] = [productOf(context, 1, direction), productOf(context, 2, direction)];
      const [fromInput, fromHidden] = [sumsFor(context), sumsFor(context)];
      const units = fromInput.length / kind.gates;
      const peepholes =
        context.inputs[peepholeInput] === undefined
          ? new Float64Array(kind.peepholes * units)
          : (inputData(context, peepholeInput) as Reals).subarray(direction * kind.peepholes * units);
      const sum = (index: number) => fromInput[index]! + fromHidden[index]!;
      return (x, at, hidden, cell) => {
        ofInput(x, at, fromInput);
        ofHidden(hidden, 0, fromHidden);
        for (let u = 0; u < units; u++) {
          const [output, forget, candidate] = [units + u, 2 * units + u, 3 * units + u];
          const previous = cell[u]!;
          const taken = f(sum(u) + peepholes[u]! * previous);
          const kept = context.attributes.inputForget ? 1 - taken : f(sum(forget) + peepholes[forget]! * previous);
          const next = kept * previous + taken * g(sum(candidate));
          cell[u] = next;
          hidden[u] = f(sum(output) + peepholes[output]! * next) * k(next);
        }
      };
    }),
  cases: () => recurrentCases('Lstm', kind, [{ inputForget: false }, { inputForget: true }]),
});
