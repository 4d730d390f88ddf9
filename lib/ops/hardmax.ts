/** Hardmax: 1 where the largest element along `axis` stands, of equals the first, and 0 elsewhere. */
import { inferUnary } from './elementwise.js';
import { defineOp } from './op.js';
import { forEachRow, parseRows, type Row, type RowAttributes, rowCases, rowLayout } from './softmax-input.js';
import { allocate, inputData, outputTensor } from './storage.js';

export const hardmax = defineOp<RowAttributes>({
  name: 'Hardmax',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: parseRows,
  infer(context) {
    rowLayout(context);
    return inferUnary(context, ['float32', 'float64']);
  },
  run(context) {
    const x = inputData(context, 0) as Row;
    const y = allocate(context.outputs[0]!.type, x.length) as Row;
    forEachRow(x, y, rowLayout(context), (from, to) => {
      let best = 0;
      for (let i = 1; i < from.length; i++) if (from[i]! > from[best]!) best = i;
      to.fill(0);
      to[best] = 1;
    });
    return [outputTensor(context, 0, y)];
  },
  cases: () => rowCases('Hardmax'),
});
