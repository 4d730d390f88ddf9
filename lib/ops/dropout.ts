/**
 * Dropout of models that are told when they run whether they train: x, and ERR_UNSUPPORTED_OP where elements would be dropped,
 * which is where `training` holds and `ratio` is not 0.
 */
import { caseGraph } from './cases.js';
import { floatTypes } from './elementwise.js';
import { defineOp, expectType, nodeError, requiredInput } from './op.js';
import { product } from './shapes.js';
import { inputData } from './storage.js';
import { copyElements } from './view-op.js';

export const dropout = defineOp<Record<string, never>>({
  name: 'Dropout',
  inputs: [3, 3],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const [x, ratio, training] = [requiredInput(context, 0), requiredInput(context, 1), requiredInput(context, 2)];
    expectType(context, x, floatTypes);
    expectType(context, ratio, floatTypes);
    expectType(context, training, ['bool']);
    for (const { name, dims } of [ratio, training]) {
      if (product(dims) === 1) continue;
      throw nodeError('ERR_SHAPE', context.node, `expected one element for ${name}, got ${product(dims)}`);
    }
    return [{ type: x.type, dims: x.dims }];
  },
  run(context) {
    const [ratio, training] = [inputData(context, 1)[0], inputData(context, 2)[0]];
    if (training !== 0 && ratio !== 0) {
      throw nodeError('ERR_UNSUPPORTED_OP', context.node, `expected inference, got training with a ratio of ${ratio}`);
    }
    return copyElements(context);
  },
  *cases() {
    for (const [ratio, training] of [
      [0, 1],
      [0.5, 0],
    ] as const) {
      const inputs = [
        { type: 'float32', dims: [2, 3] },
        { type: 'float32', dims: [], data: [ratio] },
        { type: 'bool', dims: [], data: [training] },
      ] as const;
      yield caseGraph({
        op: 'Dropout',
        inputs,
        outputs: [{ type: 'float32', dims: [2, 3] }],
        name: `Dropout ratio=${ratio} training=${training}`,
      });
    }
  },
});
