/**
 * Functions that a model brings along, put in the place of the nodes that call them: the body's values get names that nothing
 * else has, its inputs and outputs the caller's, and its attributes the caller's values or the function's defaults.
 */
import { create } from '@bufbuild/protobuf';
import { describe } from '../../errors.js';
import { domainName, formatError, modelOpsets, opsetsOf, unsupported } from './model.js';
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
} from './schema/onnx_pb.js';

/** Nodes, and names of inputs, outputs and attributes in them, that calls may become: some 2^17 nodes, usually. */
const maxExpanded = 2 ** 20;
/** Of calls and subgraphs in each other. */
const maxDepth = 64;
/** What new names keep of old ones: a long text in the file may become a name once per call. */
const maxKeptName = 64;

/**
 * The model's graph without calls of the model's functions, also in its subgraphs; nodes keep their order. A function comes
 * before an operator of the same name. What calls become has no value_info.
 *
 * ERR_MODEL_FORMAT for functions that call themselves, are given inputs or attributes they do not have, read what they do not
 * define, or expand without bound; ERR_UNSUPPORTED_OP for one that is written for another version of an operator set.
 */
export function inlineFunctions(model: ModelProto): GraphProto {
  return model.functions.length === 0 ? model.graph! : new Inliner(model).graph(model.graph!, undefined);
}

interface Callee {
  readonly proto: FunctionProto;
  readonly where: string;
  /** Attributes by name; undefined where they have no default. */
  readonly attributes: ReadonlyMap<string, AttributeProto | undefined>;
}

/** Where names in a function's body, or in a subgraph of one, are looked up. The model's own graph has none: it keeps its names. */
interface Scope {
  readonly callee: Callee;
  /** The caller's attributes, with the caller's names in their graphs. */
  readonly given: ReadonlyMap<string, AttributeProto>;
  /** Names of values by those in the body; '' for an input that the caller leaves out. */
  readonly names: Map<string, string>;
  /** The caller's names of outputs. */
  readonly results: ReadonlyMap<string, string>;
  readonly outer: Scope | undefined;
  /** The functions that are being expanded, this one included. */
  readonly active: ReadonlySet<Callee>;
  readonly depth: number;
}

class Inliner {
  readonly #callees = new Map<string, Callee>();
  readonly #opsets: ReadonlyMap<string, number>;
  readonly #taken = new Set<string>();
  readonly #counters = new Map<string, number>();
  #expanded = 0;

  constructor(model: ModelProto) {
    this.#opsets = modelOpsets(model);
    for (const proto of model.functions) {
      const key = keyOf(proto.domain, proto.name, proto.overload);
      if (this.#callees.has(key)) throw formatError(`expected one function ${describe(proto.name)} of its domain, got several`);
      const attributes = new Map<string, AttributeProto | undefined>(proto.attribute.map((name) => [name, undefined]));
      for (const each of proto.attributeProto) attributes.set(each.name, each);
      this.#callees.set(key, { proto, where: `function ${describe(proto.name)}`, attributes });
    }
    for (const name of namesIn(model.graph!)) this.#taken.add(name);
  }

  graph(graph: GraphProto, outer: Scope | undefined): GraphProto {
    if (outer === undefined) return { ...graph, node: this.#nodes(graph.node, undefined) };
    this.#charge(graph.input.length + graph.initializer.length + graph.sparseInitializer.length + graph.output.length);
    const scope = { ...outer, names: new Map<string, string>(), results: new Map<string, string>(), outer, ...deeper(outer) };
    const input = graph.input.map((each) => ({ ...each, name: this.#define(scope, each.name) }));
    // One of an input's name is the input's default, and no other value
    const inputs = new Set(scope.names.keys());
    const initializer = graph.initializer.map((each) => {
      const name = inputs.has(each.name) ? resolve(scope, each.name) : this.#define(scope, each.name);
      return { ...each, name };
    });
    const sparseInitializer = graph.sparseInitializer.map((each) => {
      if (each.values === undefined) return each;
      return { ...each, values: { ...each.values, name: this.#define(scope, each.values.name) } };
    });
    const node = this.#nodes(graph.node, scope);
    const output = graph.output.map((each) => ({ ...each, name: resolve(scope, each.name) }));
    return { ...graph, input, initializer, sparseInitializer, node, output, valueInfo: [], quantizationAnnotation: [] };
  }

  #nodes(nodes: readonly NodeProto[], scope: Scope | undefined): NodeProto[] {
    const result: NodeProto[] = [];
    for (const proto of nodes) {
      const node = scope === undefined ? this.#withGraphs(proto) : this.#renamed(proto, scope);
      const callee = this.#callees.get(keyOf(node.domain, node.opType, node.overload));
      if (callee === undefined) result.push(node);
      else for (const each of this.#expand(node, callee, scope)) result.push(each);
    }
    return result;
  }

  /** A node of the model's own graph, whose subgraphs may hold calls. */
  #withGraphs(node: NodeProto): NodeProto {
    if (!node.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0)) return node;
    return { ...node, attribute: node.attribute.map((each) => this.#attributeGraphs(each, undefined)) };
  }

  #renamed(node: NodeProto, scope: Scope): NodeProto {
    this.#charge(1 + node.input.length + node.output.length + node.attribute.length);
    const input = node.input.map((name) => resolve(scope, name));
    const attribute = node.attribute.flatMap((each) => this.#attribute(each, scope));
    const output = node.output.map((name) => this.#define(scope, name));
    return { ...node, name: this.#unique(node.name === '' ? node.opType : node.name), input, output, attribute };
  }

  /** Empty where it refers to one that the caller leaves out and that has no default. */
  #attribute(proto: AttributeProto, scope: Scope): AttributeProto[] {
    const { refAttrName, name, type } = proto;
    if (refAttrName === '') return [this.#attributeGraphs(proto, scope)];
    const { where, attributes } = scope.callee;
    const place = `${where}, attribute ${describe(name)}`;
    if (!attributes.has(refAttrName)) {
      throw formatError(`${place}: expected a reference to an attribute of the function, got ${describe(refAttrName)}`);
    }
    const given = scope.given.get(refAttrName);
    const byDefault = attributes.get(refAttrName);
    const value = given ?? (byDefault && this.#attributeGraphs(byDefault, scope));
    if (value === undefined) return [];
    if (type !== Kind.UNDEFINED && value.type !== type) {
      throw formatError(`${place}: expected ${Kind[type] ?? type}, got ${Kind[value.type] ?? value.type}`);
    }
    // Graphs that are referred to more than once double with each function that passes them on
    if (given !== undefined) for (const graph of graphsOf(given)) for (const _ of namesIn(graph)) this.#charge(1);
    return [{ ...value, name }];
  }

  #attributeGraphs(attribute: AttributeProto, scope: Scope | undefined): AttributeProto {
    const { g, graphs } = attribute;
    if (g === undefined && graphs.length === 0) return attribute;
    const expanded = graphs.map((each) => this.graph(each, scope));
    return { ...attribute, ...(g !== undefined && { g: this.graph(g, scope) }), graphs: expanded };
  }

  /** `node` has the names and attributes of the caller. */
  #expand(node: NodeProto, callee: Callee, caller: Scope | undefined): NodeProto[] {
    const { proto, where } = callee;
    if (caller?.active.has(callee))
      throw formatError(`${where}: expected functions that do not call themselves, got one that does`);
    this.#checkCall(node, callee);
    this.#charge(proto.input.length + proto.output.length + node.attribute.length);
    const results = new Map<string, string>();
    for (const [i, name] of proto.output.entries()) {
      if (node.output[i]) results.set(name, node.output[i]);
    }
    const given = new Map(node.attribute.map((each) => [each.name, each]));
    const active = new Set([...(caller?.active ?? []), callee]);
    const scope: Scope = { callee, given, names: new Map(), results, outer: undefined, active, ...deeper(caller) };
    for (const [i, name] of proto.input.entries()) {
      if (scope.names.has(name)) throw formatError(`${where}: expected inputs of different names, got ${describe(name)} again`);
      scope.names.set(name, node.input[i] ?? '');
    }
    const nodes = this.#nodes(proto.node, scope);
    for (const [i, name] of proto.output.entries()) {
      const to = node.output[i] ?? '';
      if (to === '') continue;
      const from = resolve(scope, name);
      if (from === '') throw formatError(`${where}: expected a value for output ${describe(name)}, got an absent input`);
      // An output that is an input, or an output for the second time
      if (from !== to)
        nodes.push(
          create(NodeProtoSchema, { name: this.#unique('Identity'), opType: 'Identity', input: [from], output: [to] }),
        );
    }
    return nodes;
  }

  #checkCall(node: NodeProto, { proto, where, attributes }: Callee): void {
    const place = `${where}, called by node ${describe(node.name)}`;
    if (node.input.length > proto.input.length || node.output.length > proto.output.length) {
      const expected = `${proto.input.length} inputs and ${proto.output.length} outputs`;
      throw formatError(`${place}: expected at most ${expected}, got ${node.input.length} and ${node.output.length}`);
    }
    const unknown = node.attribute.find(({ name }) => !attributes.has(name));
    if (unknown !== undefined)
      throw formatError(`${place}: expected attributes of the function, got ${describe(unknown.name)}`);
    this.#charge(proto.opsetImport.length);
    for (const [domain, version] of opsetsOf(proto.opsetImport, `opset_import of ${where}`)) {
      const expected = this.#opsets.get(domain);
      if (version !== expected) {
        throw unsupported(`${place}: expected opset ${expected} of domain ${describe(domain)}, the model's, got ${version}`);
      }
    }
  }

  /** The new name of a value of a body. */
  #define(scope: Scope, name: string): string {
    if (name === '') return '';
    if (scope.names.has(name)) throw formatError(`${scope.callee.where}: expected value ${describe(name)} once, got it again`);
    const renamed = scope.results.get(name) ?? this.#unique(name);
    scope.names.set(name, renamed);
    return renamed;
  }

  #unique(name: string): string {
    let unique = name;
    if (this.#taken.has(name)) {
      const kept = name.slice(0, maxKeptName);
      let count = this.#counters.get(kept) ?? 0;
      do unique = `${kept}_${++count}`;
      while (this.#taken.has(unique));
      this.#counters.set(kept, count);
    }
    this.#taken.add(unique);
    return unique;
  }

  #charge(amount: number): void {
    this.#expanded += amount;
    if (this.#expanded > maxExpanded) {
      throw formatError(
        `expected functions that expand to at most ${maxExpanded} nodes, inputs, outputs and attributes, got more`,
      );
    }
  }
}

/** What a function and the nodes that call it have in common. */
function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([domainName(domain), name, overload]);
}

function deeper(scope: Scope | undefined): { readonly depth: number } {
  const depth = (scope?.depth ?? 0) + 1;
  if (depth > maxDepth)
    throw formatError(`expected functions and subgraphs at most ${maxDepth} deep in each other, got deeper ones`);
  return { depth };
}

function resolve(scope: Scope, name: string): string {
  if (name === '') return '';
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const found = at.names.get(name);
    if (found !== undefined) return found;
  }
  throw formatError(`${scope.callee.where}: expected a value that it defines before, got ${describe(name)}`);
}

function graphsOf({ g, graphs }: AttributeProto): readonly GraphProto[] {
  return g === undefined ? graphs : [g, ...graphs];
}

/** Of values and nodes, subgraphs included. */
function* namesIn(graph: GraphProto): Iterable<string> {
  for (const { name } of [graph.input, graph.initializer].flat()) yield name;
  for (const { values } of graph.sparseInitializer) if (values !== undefined) yield values.name;
  for (const node of graph.node) {
    yield node.name;
    yield* node.input;
    yield* node.output;
    for (const attribute of node.attribute) for (const inner of graphsOf(attribute)) yield* namesIn(inner);
  }
  for (const { name } of graph.output) yield name;
}
