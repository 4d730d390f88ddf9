/**
 * Control flow that is known: the branch of an If whose condition is known, a round of a Loop whose count and condition are. Their
 * nodes take the place of the node, so that a plan is a flat list and every backend runs them.
 */
import { describe } from '../errors.js';
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import { bodyOf, branchesOf, maxRounds } from '../ops/control-flow.js';
import { nodeError, type Operand } from '../ops/op.js';
import { shapeText } from '../ops/shapes.js';
import { Tensor } from '../tensor.js';
import { type ResolvedNode, resolveNode } from './resolve.js';

export interface Expanded {
  readonly nodes: readonly ResolvedNode[];
  readonly constants: readonly Operand[];
}

/** Where a Loop stands that has gone through some of its rounds. */
interface LoopState {
  readonly round: number;
  /** Of each stacked output, what the rounds gave; each round adds to the lists of the one before. */
  readonly scans: readonly string[][];
}

/** Names of values in all nodes that expansions of one graph may give; a few nested loops in a file could ask for any number. */
const maxNames = 2 ** 18;
/** What new names keep of old ones: a long text in the file may become a part of one in each round. */
const maxKeptName = 64;

export class Expansion {
  readonly #graph: Graph;
  /** Of values that expansions made. */
  readonly #values = new Map<string, Value>();
  readonly #loops = new WeakMap<Node, LoopState>();
  #left = maxNames;
  #uniqueName: ((name: string) => string) | undefined;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  valueOf(name: string): Value | undefined {
    return this.#graph.values.get(name) ?? this.#values.get(name);
  }

  /** Undefined for a node that stays as it is. */
  expand(node: Node, inputs: readonly (Operand | undefined)[]): Expanded | undefined {
    if (node.op === 'If') return this.#branch(node, inputs[0]);
    if (node.op === 'Loop') return this.#round(node, inputs);
    return undefined;
  }

  #branch(node: Node, condition: Operand | undefined): Expanded | undefined {
    const constant = condition?.constant;
    if (constant === undefined) return undefined;
    const { taken, otherwise } = branchesOf(node);
    return this.#inline(node, single(node, constant, 'bool') ? taken : otherwise, node.inputs.slice(1), node.outputs);
  }

  /** One round, and the loop that is left; or the results, where it is over. */
  #round(node: Node, [count, condition]: readonly (Operand | undefined)[]): Expanded | undefined {
    const isKnown = [count, condition].every((operand) => operand === undefined || operand.constant !== undefined);
    if (!isKnown) return undefined;
    const body = bodyOf(node);
    const stacked = body.outputs.length - 1 - this.#carried(node, body);
    const { round, scans } = this.#loops.get(node) ?? { round: 0, scans: Array.from({ length: stacked }, (): string[] => []) };
    const isCounted = count?.constant !== undefined && round >= single(node, count.constant, 'int64');
    const isOver = isCounted || (condition?.constant !== undefined && single(node, condition.constant, 'bool') === 0);
    if (isOver) return this.#results(node, body, scans);
    if (round === maxRounds) throw nodeError('ERR_UNSUPPORTED_OP', node, `expected at most ${maxRounds} rounds, got more`);

    const carried = this.#carried(node, body);
    const iteration = scalar(this.#fresh(node, round), new Tensor('int64', [BigInt(round)], []));
    const isTrue = scalar(this.#fresh(node, round, 'condition'), new Tensor('bool', [true], []));
    const outputs = body.outputs.map((name) => this.#fresh(node, round, name));
    const { nodes, constants } = this.#inline(node, body, [iteration.name, isTrue.name, ...node.inputs.slice(2)], outputs);
    const next: Node = {
      ...node,
      inputs: [node.inputs[0]!, outputs[0]!, ...outputs.slice(1, 1 + carried), ...node.inputs.slice(2 + carried)],
    };
    for (const [i, names] of scans.entries()) names.push(outputs[1 + carried + i]!);
    this.#loops.set(next, { round: round + 1, scans });
    return { nodes: [...nodes, resolveNode(next)], constants: [iteration, isTrue, ...constants] };
  }

  #results(node: Node, body: Graph, scans: LoopState['scans']): Expanded {
    const carried = this.#carried(node, body);
    const nodes = node.outputs.map((name, i): ResolvedNode => {
      const names = i < carried ? undefined : scans[i - carried]!;
      if (names === undefined) return this.#identity(node, node.inputs[2 + i]!, name);
      if (names.length === 0) {
        throw nodeError('ERR_UNSUPPORTED_OP', node, `expected a round to stack ${describe(name)} from, got none`);
      }
      const pack = { name: this.#fresh(node, name), op: 'Pack', attributes: { axis: 0 } };
      return resolveNode({ ...pack, inputs: names, outputs: [name] });
    });
    return { nodes, constants: [] };
  }

  /** How many values go from round to round: as many as the body's own inputs after iteration and condition. */
  #carried(node: Node, body: Graph): number {
    const carried = node.attributes.carried as number;
    const fits =
      Number.isInteger(carried) && carried >= 0 && 2 + carried <= node.inputs.length && carried < body.outputs.length;
    if (fits && node.outputs.length <= body.outputs.length - 1) return carried;
    throw nodeError(
      'ERR_MODEL_FORMAT',
      node,
      `expected a body that carries ${describe(carried)} values, got one that does not`,
    );
  }

  /** The nodes of a subgraph, which reads `inputs` and computes `outputs`, under names of their own. */
  #inline(node: Node, graph: Graph, inputs: readonly string[], outputs: readonly string[]): Expanded {
    this.#left -= graph.inputs.length + graph.constants.size + outputs.length;
    for (const { inputs: read, outputs: computed } of graph.nodes) this.#left -= read.length + computed.length;
    if (this.#left < 0) {
      throw nodeError('ERR_UNSUPPORTED_OP', node, `expected at most ${maxNames} names of values in subgraphs, got more`);
    }
    const names = new Map(graph.inputs.map((name, i) => [name, inputs[i]!]));
    const produced = new Set(graph.nodes.flatMap((inner) => inner.outputs));
    // The first output that a value is for gives it its name; others are copies
    const copies: [from: string, to: string][] = [];
    for (const [i, to] of outputs.entries()) {
      const name = graph.outputs[i]!;
      if (produced.has(name) && !names.has(name)) names.set(name, to);
      else copies.push([name, to]);
    }
    const rename = (name: string): string => {
      if (name === '') return '';
      let renamed = names.get(name);
      if (renamed === undefined) {
        renamed = this.#fresh(node, name);
        names.set(name, renamed);
      }
      return renamed;
    };
    const constants = [...graph.constants].map(([name, constant]): Operand => {
      const qparams = graph.values.get(name)?.qparams;
      const { type, dims } = constant;
      return { name: rename(name), type, dims, ...(qparams !== undefined && { qparams }), constant };
    });
    const nodes = graph.nodes.map((inner) => {
      const renamed = { inputs: inner.inputs.map(rename), outputs: inner.outputs.map(rename) };
      return resolveNode({ ...inner, ...renamed, name: this.#fresh(node, inner.name) });
    });
    for (const [from, to] of copies) nodes.push(this.#identity(node, rename(from), to));
    for (const [name, value] of graph.values) {
      const renamed = names.get(name);
      const isInner = renamed !== undefined && produced.has(name) && !this.#graph.values.has(renamed);
      // Shapes may change from round to round
      if (isInner && value.qparams !== undefined)
        this.#values.set(renamed, { name: renamed, type: value.type, qparams: value.qparams });
    }
    return { nodes, constants };
  }

  #identity(node: Node, from: string, to: string): ResolvedNode {
    return resolveNode({ name: this.#fresh(node, to), op: 'Identity', attributes: {}, inputs: [from], outputs: [to] });
  }

  /** A name, of a node and of parts in it, that no value and no node has. */
  #fresh(node: Node, ...parts: readonly (string | number)[]): string {
    if (this.#uniqueName === undefined) {
      const { values, nodes } = this.#graph;
      this.#uniqueName = uniqueNames([...values.keys(), ...nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
    }
    return this.#uniqueName([node.name, ...parts].map((part) => String(part).slice(0, maxKeptName)).join('/'));
  }
}

/** The only element of a condition or a count. */
function single(node: Node, { type, size, data, dims }: Tensor, expected: 'bool' | 'int64'): number {
  if (type === expected && size === 1) return Number(data[0]);
  throw nodeError('ERR_SHAPE', node, `expected one element of ${expected}, got ${type} ${shapeText(dims)}`);
}

function scalar(name: string, constant: Tensor): Operand {
  return { name, type: constant.type, dims: constant.dims, constant };
}
