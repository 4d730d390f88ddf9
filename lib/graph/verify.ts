/** Whether a graph is what graph.ts says a graph is. */
import { describe, OctensorError } from '../errors.js';
import { checkQParams } from '../quant/qparams.js';
import type { Tensor } from '../tensor.js';
import type { Graph, Node, Value } from './graph.js';

/** What is to be known of operators: how many inputs and outputs their nodes may have. */
export type OpCounts = ReadonlyMap<
  string,
  { readonly inputs: readonly [min: number, max: number]; readonly outputs: readonly [min: number, max: number] }
>;

const maxElements = 2 ** 31 - 1;

/**
 * Throws ERR_MODEL_FORMAT that names the node or the value, unless names are unique, every value that is read has one producer
 * and that stands before its readers, and types, dimensions and quantization parameters are well formed and agree with the
 * constants. With `ops`, throws ERR_UNSUPPORTED_OP for operators that are not among them, and checks the counts of operands.
 */
export function verifyGraph(graph: Graph, ops?: OpCounts): void {
  for (const [name, value] of graph.values) verifyValue(name, value);
  const produced = new Set<string>();
  const produce = (name: string, by: string, node?: Node) => {
    const isNamed = node === undefined ? graph.values.has(name) : name !== '';
    if (!isNamed) throw wrong(`${by}: expected the name of a value, got ${describe(name)}`, node);
    if (produced.has(name)) throw wrong(`${by}: expected a value with one producer, got ${describe(name)}`, node);
    produced.add(name);
  };
  for (const name of graph.inputs) produce(name, 'inputs');
  for (const [name, tensor] of graph.constants) {
    produce(name, 'constants');
    verifyContent(graph.values.get(name)!, tensor);
  }
  for (const { current, initial } of graph.states) {
    produce(current, 'states');
    verifyContent(graph.values.get(current)!, initial);
  }
  const names = new Set<string>();
  for (const node of graph.nodes) {
    if (node.name === '' || names.has(node.name)) throw wrong('expected a name of its own', node);
    names.add(node.name);
    if (ops !== undefined) verifyCounts(node, ops);
    for (const name of node.inputs) {
      if (name !== '' && !produced.has(name))
        throw wrong(`expected inputs that are produced before, got ${describe(name)}`, node);
    }
    for (const name of node.outputs) produce(name, 'outputs', node);
  }
  const last = [...graph.outputs, ...graph.states.map(({ next }) => next)];
  for (const name of last) {
    if (!produced.has(name)) throw wrong(`outputs: expected values that are produced, got ${describe(name)}`);
  }
  for (const { current, next } of graph.states) verifyState(graph.values.get(current)!, graph.values.get(next));
}

function verifyValue(name: string, value: Value): void {
  const where = `value ${describe(name)}`;
  if (name === '' || value.name !== name) throw wrong(`${where}: expected its own name, got ${describe(value.name)}`);
  const dims = value.dims ?? [null];
  const known = dims.filter((dim) => typeof dim === 'number');
  const bound = known.reduce((product, dim) => product * Math.max(dim, 1), 1);
  if (!known.every((dim) => Number.isInteger(dim) && dim >= 0) || bound > maxElements) {
    throw wrong(`${where}: expected dimensions whose product is at most 2^31 - 1, got [${dims.join(', ')}]`);
  }
  const { qparams } = value;
  if (qparams === undefined) return;
  if (qparams.dtype !== value.type) throw wrong(`${where}: expected parameters for ${value.type}, got ${qparams.dtype}`);
  try {
    checkQParams(qparams, known.length === dims.length ? known : undefined);
  } catch (cause) {
    if (cause instanceof OctensorError) throw wrong(`${where}: ${cause.message}`, undefined, cause);
    throw cause;
  }
}

/** A dimension that is not a number is any. */
function verifyContent(value: Value, tensor: Tensor): void {
  const { type, dims = tensor.dims } = value;
  const fits = dims.length === tensor.dims.length && dims.every((d, i) => typeof d !== 'number' || d === tensor.dims[i]);
  if (fits && type === tensor.type) return;
  const declared = `${type}[${dims.join(', ')}]`;
  throw wrong(`value ${describe(value.name)}: expected ${declared}, got ${tensor.type}[${tensor.dims.join(', ')}]`);
}

function verifyState(current: Value, next: Value | undefined): void {
  if (next !== undefined && current.type !== next.type) {
    throw wrong(
      `state ${describe(current.name)}: expected ${current.type} for its next, ${describe(next.name)}, got ${next.type}`,
    );
  }
}

function verifyCounts(node: Node, ops: OpCounts): void {
  const op = ops.get(node.op);
  if (op === undefined) {
    const message = `node ${describe(node.name)} (${node.op}): expected an operator that exists, got ${describe(node.op)}`;
    throw new OctensorError('ERR_UNSUPPORTED_OP', message, { node: node.name });
  }
  for (const which of ['inputs', 'outputs'] as const) {
    const [min, max] = op[which];
    const { length } = node[which];
    const expected = min === max ? String(min) : max === Infinity ? `at least ${min}` : `${min} to ${max}`;
    if (length < min || length > max) throw wrong(`expected ${expected} ${which}, got ${length}`, node);
  }
}

function wrong(message: string, node?: Node, cause?: OctensorError): OctensorError {
  const details = { ...(node !== undefined && { node: node.name }), ...(cause !== undefined && { cause }) };
  const where = node === undefined ? '' : `node ${describe(node.name)} (${node.op}): `;
  return new OctensorError('ERR_MODEL_FORMAT', where + message, details);
}
