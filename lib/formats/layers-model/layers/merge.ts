/** Layers that make one tensor of several. */
import type { Ref } from '../builder.js';
import type { LayerCall, LayerRule, LayerRules } from '../layer-call.js';
import { scalar } from './normalization.js';

export const mergeRules: LayerRules = {
  Add: folded('Add'),
  Multiply: folded('Mul'),
  Maximum: folded('Maximum'),
  Minimum: folded('Minimum'),
  Average: (call) => call.add('Mul', {}, [folded('Add')(call) as Ref, scalar(call, 1 / call.inputs.length)]),
  Subtract(call) {
    if (call.inputs.length !== 2) throw call.error('ERR_MODEL_FORMAT', `expected two inputs, got ${call.inputs.length}`);
    return folded('Sub')(call);
  },
  Concatenate(call) {
    const inputs = call.several(1);
    const { rank } = inputs[0];
    const axis = call.config.integer('axis', -rank, rank - 1, -1);
    return call.add('Concat', { axis: axis < 0 ? axis + rank : axis }, inputs);
  },
};

function folded(op: string): LayerRule {
  return (call) => {
    const [first, ...rest] = ofOneRank(call, call.several(2)) as readonly [Ref, ...Ref[]];
    return rest.reduce((sum, next) => call.add(op, {}, [sum, next]), first);
  };
}

/** What has fewer dimensions gets some of 1 behind the batch. */
function ofOneRank(call: LayerCall, inputs: readonly Ref[]): readonly Ref[] {
  const rank = Math.max(...inputs.map((input) => input.rank));
  return inputs.map((input) => {
    let x = input;
    while (x.rank < rank) x = call.add('ExpandDims', { axis: 1 }, [x], { rank: x.rank + 1 });
    return x;
  });
}
