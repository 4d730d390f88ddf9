/**
 * x · min(max(x + 3, 0), 6) / 6, spelled out: one HardSwish (Howard et al. 2019, 5.2). Frameworks divide before or after the product,
 * or write it as x · HardSigmoid(x). Of real numbers alone, whose roundings may then be others.
 */
import type { Node } from '../graph/graph.js';
import { Edit, scalarOf } from './edit.js';
import type { Pass } from './pass.js';

export const fuseHardSwish: Pass = {
  name: 'fuse-hard-swish',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      if (node.op === 'HardSigmoid') fromHardSigmoid(edit, node);
      else if (isRelu6(node)) fromRelu6(edit, node);
    }
    return edit.finish();
  },
};

function isRelu6({ op, attributes }: Node): boolean {
  return op === 'Relu6' || (op === 'Clip' && attributes.min === 0 && attributes.max === 6);
}

function fromHardSigmoid(edit: Edit, node: Node): void {
  const { alpha = 0.2, beta = 0.5 } = node.attributes as { readonly alpha?: number; readonly beta?: number };
  const product = onlyReader(edit, node, 'Mul');
  const x = node.inputs[0]!;
  if (product === undefined || Math.abs(alpha - 1 / 6) > 1e-6 || beta !== 0.5 || !product.inputs.includes(x)) return;
  replace(edit, x, product, [node]);
}

function fromRelu6(edit: Edit, node: Node): void {
  const shifted = edit.producer(node.inputs[0]!);
  const isShift = shifted !== undefined && isPlain(shifted, 'Add') && shifted.inputs.some((name) => scalarOf(edit, name) === 3);
  if (!isShift || !edit.isReadOnce(node.inputs[0]!)) return;
  const x = shifted.inputs.find((name) => scalarOf(edit, name) === undefined);
  if (x === undefined) return;
  const steps = [shifted, node];
  let [last, isMultiplied, isDivided]: [Node, boolean, boolean] = [node, false, false];
  for (let k = 0; k < 2; k++) {
    const next = onlyReader(edit, last, 'Mul') ?? onlyReader(edit, last, 'Div');
    if (next === undefined) return;
    if (next.op === 'Mul' && !isMultiplied && next.inputs.includes(x)) isMultiplied = true;
    else if (!isDivided && isSixth(edit, next, last.outputs[0]!)) isDivided = true;
    else return;
    steps.push(next);
    last = next;
  }
  replace(edit, x, last, steps.slice(0, -1));
}

/** Whether a node divides by 6. */
function isSixth(edit: Edit, { op, inputs }: Node, value: string): boolean {
  const [a, b] = inputs as readonly [string, string];
  if (op === 'Div') return a === value && scalarOf(edit, b) === 6;
  const factor = scalarOf(edit, a === value ? b : a);
  return factor !== undefined && Math.abs(factor - 1 / 6) < 1e-7;
}

function replace(edit: Edit, x: string, last: Node, others: readonly Node[]): void {
  const [from, to] = [edit.value(x), edit.value(last.outputs[0]!)];
  if (from.type !== 'float32' || String(from.dims) !== String(to.dims) || !edit.claim(last, ...others)) return;
  edit.replace(last, { ...last, op: 'HardSwish', attributes: {}, inputs: [x] });
  for (const node of others) edit.replace(node);
}

function isPlain({ op, attributes }: Node, name: string): boolean {
  return op === name && (attributes.activation ?? 'none') === 'none';
}

function onlyReader(edit: Edit, { outputs }: Node, op: string): Node | undefined {
  const reader = edit.isReadOnce(outputs[0]!) ? edit.readers(outputs[0]!)[0] : undefined;
  return reader !== undefined && isPlain(reader, op) ? reader : undefined;
}
