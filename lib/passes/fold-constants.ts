/**
 * Replaces nodes whose inputs are all constant by their results. The plan does so too, for what is constant only once shapes are
 * known; what is constant for all shapes is computed here, once for all plans, and other passes see the result.
 */
import type { Graph, Node, Value } from '../graph/graph.js';
import { FoldBudget, foldNode, isKnownBeforehand, mayBeKnown } from '../ops/fold.js';
import { ops } from '../ops/index.js';
import { macsOf } from '../ops/macs.js';
import { AttributeReader, type Operand } from '../ops/op.js';
import type { Tensor } from '../tensor.js';
import { Edit, staticDims } from './edit.js';
import type { Pass } from './pass.js';

export const foldConstants: Pass = {
  name: 'fold-constants',
  run(graph) {
    const edit = new Edit(graph);
    const budget = new FoldBudget();
    const known = new Map(graph.constants);
    for (const node of graph.nodes) {
      const results = resultsOf(graph, node, known, budget);
      if (results === undefined || !edit.claim(node)) continue;
      for (const [i, name] of node.outputs.entries()) {
        edit.setConstant(edit.value(name), results[i]!);
        known.set(name, results[i]!);
      }
      edit.replace(node);
    }
    return edit.finish();
  },
};

/** Undefined where something is not known, too much to compute, or not what the graph declares, which the plan will report. */
function resultsOf(graph: Graph, node: Node, known: ReadonlyMap<string, Tensor>, budget: FoldBudget) {
  if (!mayBeKnown(node, known)) return undefined;
  const inputs = node.inputs.map((name) => (name === '' ? undefined : operandOf(graph.values.get(name)!, known.get(name))));
  if (node.outputs.includes('') || inputs.includes(null)) return undefined;
  const op = ops.get(node.op)!;
  const context = {
    node,
    attributes: op.parse(new AttributeReader(node)),
    inputs: inputs as (Operand | undefined)[],
    numerics: graph.numerics,
  };
  if (!isKnownBeforehand(context)) return undefined;
  const shapes = op.infer(context);
  const outputs = node.outputs.map((name, i) => declared(graph.values.get(name)!, shapes[i]));
  if (!outputs.every((output) => output !== undefined)) return undefined;
  return budget.allows(outputs, macsOf(node.op, context.inputs, outputs), context.inputs)
    ? foldNode(op, context, outputs)
    : undefined;
}

/** Null for a value whose shape is not known. */
function operandOf(value: Value, constant: Tensor | undefined): Operand | null {
  const dims = constant?.dims ?? staticDims(value);
  if (dims === undefined) return null;
  const { name, type, qparams } = value;
  return { name, type, dims, ...(qparams !== undefined && { qparams }), ...(constant !== undefined && { constant }) };
}

/** Undefined where shape inference finds something else. Names of dimensions are the plan's to bind. */
function declared(value: Value, shape: Pick<Operand, 'type' | 'dims'> | undefined): Operand | undefined {
  const fits =
    shape?.type === value.type &&
    (value.dims === undefined ||
      (shape.dims.length === value.dims.length && value.dims.every((dim, i) => dim === null || dim === shape.dims[i])));
  if (!fits) return undefined;
  const { name, type, qparams } = value;
  return { name, type, dims: shape.dims, ...(qparams !== undefined && { qparams }) };
}
