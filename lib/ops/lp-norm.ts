/** LpNormalization: x / (Σ |x|^p)^(1/p) along `axis`, p 1 or 2, in float64; 0 where all are 0. */
import { caseGraph } from './cases.js';
import { inferUnary } from './elementwise.js';
import { type AttributeReader, defineOp } from './op.js';
import { forEachRow, parseRows, type Row, type RowAttributes, rowLayout } from './softmax-input.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface LpNormalizationAttributes extends RowAttributes {
  readonly p: number;
}

export const lpNormalization = defineOp<LpNormalizationAttributes>({
  name: 'LpNormalization',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes: AttributeReader) => ({ ...parseRows(attributes), p: attributes.integer('p', 1, 2, 2) }),
  infer(context) {
    rowLayout(context);
    return inferUnary(context, ['float32', 'float64']);
  },
  run(context) {
    const { p } = context.attributes;
    const x = inputData(context, 0) as Row;
    const y = allocate(context.outputs[0]!.type, x.length) as Row;
    forEachRow(x, y, rowLayout(context), (from, to) => {
      let sum = 0;
      for (const value of from) sum += p === 1 ? Math.abs(value) : value * value;
      const norm = p === 1 ? sum : Math.sqrt(sum);
      for (let i = 0; i < to.length; i++) to[i] = norm === 0 ? 0 : from[i]! / norm;
    });
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    for (const type of ['float32', 'float64'] as const) {
      for (const p of [1, 2]) {
        for (const axis of [-1, 0]) {
          const value = { type, dims: [3, 5] };
          yield caseGraph({ op: 'LpNormalization', attributes: { axis, p }, inputs: [value], outputs: [value] });
        }
      }
      const zeros = { type, dims: [2, 2], data: [0, 0, 3, -4] };
      const name = `LpNormalization ${type} zeros`;
      yield caseGraph({ op: 'LpNormalization', inputs: [zeros], outputs: [{ type, dims: [2, 2] }], name });
    }
  },
});
