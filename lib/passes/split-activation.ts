/**
 * The clamp of a float operator as a node behind it: the opposite of `fuseActivation`, for what looks at graphs whose importers have the
 * one or the other form. Exact.
 */
import { clamps } from '../ops/integer-forms.js';
import type { Activation } from '../ops/output-stage.js';
import { Edit } from './edit.js';
import type { Pass } from './pass.js';

const operators = new Map(Object.entries(clamps).map(([op, activation]) => [activation, op]));

/** Those that quantization takes apart from what clamps them. */
const split: ReadonlySet<string> = new Set(['Conv2D', 'DepthwiseConv2D', 'FullyConnected', 'MatMul', 'Add', 'Sub', 'Mul']);

export const splitActivation: Pass = {
  name: 'split-activation',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      const { op, attributes } = node;
      const clamp = split.has(op) ? operators.get((attributes.activation ?? 'none') as Activation) : undefined;
      const output = node.outputs[0]!;
      if (clamp === undefined || edit.value(output).type !== 'float32' || !edit.claim(node)) continue;
      const before = edit.freshName(output);
      edit.setValue({ ...edit.value(output), name: before });
      edit.replace(
        node,
        { ...node, attributes: { ...attributes, activation: 'none' }, outputs: [before] },
        { name: edit.freshName(`${node.name}/${clamp}`), op: clamp, attributes: {}, inputs: [before], outputs: [output] },
      );
    }
    return edit.finish();
  },
};
