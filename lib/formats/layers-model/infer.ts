/**
 * Types and shapes of all values, with the batch left open. Shapes are found for batches of 2 and of 3: a dimension that is not the same
 * in both depends on the batch, and where it is the batch itself in both, it has its name. What does not fit is found out here, at
 * import, and not in the first run.
 */
import type { Dim, Node, Value } from '../../graph/graph.js';
import { ops } from '../../ops/index.js';
import { AttributeReader, nodeError, type Operand, type OutputShape } from '../../ops/op.js';
import { checkedSize } from '../../ops/shapes.js';
import type { Tensor } from '../../tensor.js';

export const batchName = 'batch';

const batches = [2, 3] as const;

/** Adds the values of all nodes' outputs to `values`, which has the inputs and the constants. Nodes stand in order. */
export function inferValues(nodes: readonly Node[], values: Map<string, Value>, constants: ReadonlyMap<string, Tensor>): void {
  const [two, three] = batches.map((batch) => shapesFor(batch, nodes, values, constants)) as [Shapes, Shapes];
  for (const [name, { type, dims }] of two) {
    const other = three.get(name)!.dims;
    if (dims.length !== other.length) continue;
    values.set(name, { name, type, dims: dims.map((dim, i) => openDim(dim, other[i]!)) });
  }
}

type Shapes = ReadonlyMap<string, OutputShape>;

function openDim(two: number, three: number): Dim {
  if (two === three) return two;
  return two === batches[0] && three === batches[1] ? batchName : null;
}

function shapesFor(
  batch: number,
  nodes: readonly Node[],
  values: ReadonlyMap<string, Value>,
  constants: ReadonlyMap<string, Tensor>,
): Shapes {
  const operands = new Map<string, Operand>();
  for (const [name, { type, dims }] of values) {
    const constant = constants.get(name);
    const known = dims!.map((dim) => (typeof dim === 'number' ? dim : batch));
    operands.set(name, { name, type, dims: known, ...(constant !== undefined && { constant }) });
  }
  const shapes = new Map<string, OutputShape>();
  for (const node of nodes) {
    const op = ops.get(node.op)!;
    const inputs = node.inputs.map((name) => operands.get(name));
    const context = { node, attributes: op.parse(new AttributeReader(node)), inputs, numerics: 'onnx' } as const;
    const inferred = op.infer(context);
    for (const [i, name] of node.outputs.entries()) {
      const shape = inferred[i];
      if (shape === undefined) throw nodeError('ERR_MODEL_FORMAT', node, `expected ${inferred.length} outputs, got more`);
      checkedSize(node, shape.dims);
      operands.set(name, { name, ...shape });
      shapes.set(name, shape);
    }
  }
  return shapes;
}
