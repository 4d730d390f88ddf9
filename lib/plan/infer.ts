/** Specialises a graph to concrete shapes: the type and dimensions of every value, and the values that are known beforehand. */
import { describe, OctensorError } from '../errors.js';
import type { Dim, Graph, Node, Value } from '../graph/graph.js';
import { FoldBudget, foldNode, isKnownBeforehand } from '../ops/fold.js';
import { macsOf } from '../ops/macs.js';
import { nodeError, type Operand, type OutputShape } from '../ops/op.js';
import { checkedSize } from '../ops/shapes.js';
import { type DataType, Tensor } from '../tensor.js';
import { Expansion } from './expand.js';
import type { ResolvedNode } from './resolve.js';

export interface InferredNode extends ResolvedNode {
  readonly inputs: readonly (Operand | undefined)[];
  readonly outputs: readonly Operand[];
  readonly macs: number;
  /** Whether its outputs are constants; it need not run. */
  readonly isFolded: boolean;
}

export interface Inference {
  readonly nodes: readonly InferredNode[];
  readonly operands: ReadonlyMap<string, Operand>;
}

/** What an input is known to be: its shape, or with its data. */
export type KnownInput = readonly number[] | Tensor;

/** As `inferSteps`, at once. */
export function inferGraph(graph: Graph, nodes: readonly ResolvedNode[], inputs: ReadonlyMap<string, KnownInput>): Inference {
  const steps = inferSteps(graph, nodes, inputs, new FoldBudget());
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * Runs every operator's shape inference in order, for inputs of the given shapes. Computes nodes whose inputs are all constant:
 * the passes did so where it is so for all shapes; here are those that are constant for these ones.
 * Where the data of all inputs is given, that is every node: the graph is interpreted. Throws NeedsData (ERR_UNSUPPORTED_OP) where
 * a shape or a branch depends on data that is not known, ERR_SHAPE and ERR_DTYPE where an operator refuses its inputs or finds another
 * result than the graph declares.
 */
export function* inferSteps(
  graph: Graph,
  nodes: readonly ResolvedNode[],
  given: ReadonlyMap<string, KnownInput>,
  budget: FoldBudget,
): Generator<InferredNode, Inference> {
  const operands = new Map<string, Operand>();
  const bindings = new Map<string, number>();
  const define = (name: string, type: DataType, dims: readonly number[], constant?: Tensor): void => {
    const value = graph.values.get(name);
    const problem = mismatch(value, type, dims, bindings);
    if (problem !== undefined) throw new OctensorError(problem.code, problem.message);
    operands.set(name, makeOperand(name, value, type, dims, constant));
  };
  for (const name of graph.inputs) {
    const known = given.get(name);
    if (known === undefined) throw new OctensorError('ERR_SHAPE', `no shape given for input ${describe(name)}`);
    const { type } = graph.values.get(name)!;
    if (known instanceof Tensor) define(name, type, known.dims, known);
    else define(name, type, known);
  }
  for (const [name, tensor] of graph.constants) define(name, tensor.type, tensor.dims, tensor);
  for (const { current, initial } of graph.states) define(current, initial.type, initial.dims);

  const inferred: InferredNode[] = [];
  const expansion = new Expansion(graph);
  // From the end; what a node expands to is put where it stood
  const pending = nodes.toReversed();
  for (let resolved = pending.pop(); resolved !== undefined; resolved = pending.pop()) {
    const { node, op, attributes } = resolved;
    const inputs = node.inputs.map((name) => (name === '' ? undefined : operands.get(name)!));
    const expanded = expansion.expand(node, inputs);
    if (expanded !== undefined) {
      for (const operand of expanded.constants) operands.set(operand.name, operand);
      for (const each of expanded.nodes.toReversed()) pending.push(each);
      continue;
    }
    const context = { node, attributes, inputs, numerics: graph.numerics };
    const shapes = checkedShapes(node, op.infer(context));
    const declared = shapes.map(({ type, dims }, i) => {
      const name = node.outputs[i]!;
      const value = expansion.valueOf(name);
      const problem = mismatch(value, type, dims, bindings);
      if (problem !== undefined) throw nodeError(problem.code, node, problem.message);
      return makeOperand(name, value, type, dims);
    });
    const macs = macsOf(node.op, inputs, declared);
    const isFolded = isKnownBeforehand(context) && budget.allows(declared, macs, inputs);
    const constants = isFolded ? foldNode(op, context, declared) : [];
    const outputs = declared.map((operand, i) => (isFolded ? { ...operand, constant: constants[i]! } : operand));
    for (const operand of outputs) operands.set(operand.name, operand);
    const step = { ...resolved, inputs, outputs, macs, isFolded };
    inferred.push(step);
    yield step;
  }
  for (const { current, next } of graph.states) expectSameShape(operands.get(current)!, operands.get(next)!);
  return { nodes: inferred, operands };
}

function makeOperand(
  name: string,
  value: Value | undefined,
  type: DataType,
  dims: readonly number[],
  constant?: Tensor,
): Operand {
  const qparams = value?.qparams;
  return { name, type, dims, ...(qparams !== undefined && { qparams }), ...(constant !== undefined && { constant }) };
}

function checkedShapes(node: Node, shapes: readonly OutputShape[]): readonly OutputShape[] {
  for (const { dims } of shapes) checkedSize(node, dims);
  if (shapes.length >= node.outputs.length) return shapes.slice(0, node.outputs.length);
  const message = `expected ${shapes.length} outputs, got ${node.outputs.length}`;
  throw nodeError('ERR_MODEL_FORMAT', node, message);
}

/** What is wrong with a value of this type and shape, if anything. Names of dimensions are bound where they are first seen. */
function mismatch(
  value: Value | undefined,
  type: DataType,
  dims: readonly number[],
  bindings: Map<string, number>,
): { readonly code: 'ERR_DTYPE' | 'ERR_SHAPE'; readonly message: string } | undefined {
  if (value === undefined) return undefined; // was never declared
  const hasType = type === value.type;
  if (hasType && value.dims === undefined) return undefined;
  if (hasType && fits(value.dims!, dims, bindings)) return undefined;
  const name = describe(value.name);
  if (!hasType) return { code: 'ERR_DTYPE', message: `${name} is declared as ${value.type}, got ${type}` };
  return { code: 'ERR_SHAPE', message: `${name} is declared as ${formatDims(value.dims!)}, got ${formatDims(dims)}` };
}

function fits(declared: readonly Dim[], dims: readonly number[], bindings: Map<string, number>): boolean {
  if (declared.length !== dims.length) return false;
  return declared.every((dim, i) => {
    const actual = dims[i]!;
    if (typeof dim !== 'string') return dim === null || dim === actual;
    if (!bindings.has(dim)) bindings.set(dim, actual);
    return bindings.get(dim) === actual;
  });
}

/** `[1, batch, ?]` */
export function formatDims(dims: readonly Dim[]): string {
  return `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

function expectSameShape(current: Operand, next: Operand): void {
  if (next.type === current.type && formatDims(next.dims) === formatDims(current.dims)) return;
  const [from, to] = [current, next].map(({ name, type, dims }) => `${describe(name)}: ${type} ${formatDims(dims)}`);
  throw new OctensorError('ERR_SHAPE', `a state changes its type or shape from ${from} to ${to}`);
}
