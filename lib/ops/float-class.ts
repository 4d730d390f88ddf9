/** IsNaN; IsInf, of either sign or of one: whether a real is none, or infinite, as bool. */
import { caseGraph } from './cases.js';
import { floatTypes, inferUnary, mapUnary } from './elementwise.js';
import { defineOp } from './op.js';

export interface IsInfAttributes {
  readonly positive: boolean;
  readonly negative: boolean;
}

const data = [0, -1, NaN, Infinity, -Infinity, 3e38];

export const isNan = defineOp<Record<string, never>>({
  name: 'IsNaN',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer: (context) => [{ type: 'bool', dims: inferUnary(context, floatTypes)[0]!.dims }],
  run: (context) => mapUnary(context, (x) => Number(Number.isNaN(x))),
  *cases() {
    for (const type of floatTypes) {
      const inputs = [{ type, dims: [2, 3], data }];
      yield caseGraph({ op: 'IsNaN', inputs, outputs: [{ type: 'bool', dims: [2, 3] }] });
    }
  },
});

export const isInf = defineOp<IsInfAttributes>({
  name: 'IsInf',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    positive: attributes.boolean('positive', true),
    negative: attributes.boolean('negative', true),
  }),
  infer: (context) => [{ type: 'bool', dims: inferUnary(context, floatTypes)[0]!.dims }],
  run(context) {
    const { positive, negative } = context.attributes;
    return mapUnary(context, (x) => Number((positive && x === Infinity) || (negative && x === -Infinity)));
  },
  *cases() {
    for (const type of floatTypes) {
      for (const attributes of [{}, { positive: false }, { negative: false }, { positive: false, negative: false }]) {
        const inputs = [{ type, dims: [2, 3], data }];
        yield caseGraph({ op: 'IsInf', attributes, inputs, outputs: [{ type: 'bool', dims: [2, 3] }] });
      }
    }
  },
});
