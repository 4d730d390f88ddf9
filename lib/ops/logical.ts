/** LogicalAnd, LogicalOr, of two bools broadcast as in NumPy; LogicalNot, of one. (NotEqual of bools is the exclusive or.) */
import { caseGraph } from './cases.js';
import { inferBinary, inferUnary, mapBinary, mapUnary } from './elementwise.js';
import { defineOp, type Op } from './op.js';

export const logicalAnd = defineLogical('LogicalAnd', (a, b) => a & b);
export const logicalOr = defineLogical('LogicalOr', (a, b) => a | b);

export const logicalNot = defineOp<Record<string, never>>({
  name: 'LogicalNot',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => inferUnary(context, ['bool']),
  run: (context) => mapUnary(context, (x) => 1 - x),
  *cases() {
    for (const dims of [[9], [2, 3], []]) {
      yield caseGraph({ op: 'LogicalNot', inputs: [{ type: 'bool', dims }], outputs: [{ type: 'bool', dims }] });
    }
  },
});

function defineLogical(name: string, f: (a: number, b: number) => number): Op {
  return defineOp<Record<string, never>>({
    name,
    inputs: [2, 2],
    outputs: [1, 1],
    parse: () => ({}),
    infer: (context) => inferBinary(context, ['bool']),
    run: (context) => mapBinary(context, f),
    *cases() {
      for (const [a, b, dims] of [
        [[8], [8], [8]],
        [
          [2, 1, 3],
          [4, 1],
          [2, 4, 3],
        ],
        [[], [5], [5]],
      ] as const) {
        const inputs = [
          { type: 'bool', dims: a },
          { type: 'bool', dims: b },
        ] as const;
        yield caseGraph({ op: name, inputs, outputs: [{ type: 'bool', dims }] });
      }
    },
  });
}
