/** The nodes of one ONNX graph, or of a branch or body inside it, handed to their rules in order. */
import { describe } from '../../errors.js';
import type { Graph, Value } from '../../graph/graph.js';
import type { Tensor } from '../../tensor.js';
import type { ExternalData } from '../external-data.js';
import { Lowering, type Surroundings } from './lowering.js';
import { formatError, tensorTypeOf, unsupported } from './model.js';
import { OnnxNode, operatorName } from './node.js';
import { rules } from './ops/index.js';
import { type GraphProto, type NodeProto, TensorProto_DataType } from './schema/onnx_pb.js';
import { readSparseTensor, readTensor } from './tensors.js';

export interface LoweringContext {
  readonly external: ExternalData;
  readonly opsetOf: (domain: string) => number | undefined;
}

/** What a graph inside another finds around it. */
interface Outer {
  readonly lowering: Lowering;
  /** What the values of the file's names are called. */
  readonly alias: (name: string) => string;
  /** Names that are inputs of the graph too, after its own. */
  readonly captured: readonly string[];
}

export function lowerGraph(proto: GraphProto, context: LoweringContext, outer?: Outer): Graph {
  const surroundings: Surroundings = {
    capture: (graphs) =>
      [...new Set(graphs.flatMap((graph) => [...freeNames(graph)]))].filter((name) => !lowering.constants.has(alias(name))),
    alias: (name) => alias(name),
    lower: (graph, captured) => lowerGraph(graph, context, { lowering, alias, captured }),
  };
  const lowering = new Lowering(namesOf(proto), surroundings);
  const defined = new Set<string>();
  const define = (name: string, what: string) => {
    if (name === '') throw formatError(`${what}: expected a name, got none`);
    if (defined.has(name)) throw formatError(`${what}: expected a value that nothing before defines, got ${describe(name)}`);
    defined.add(name);
  };
  // What is known around a graph is known inside, as far as it is read there; own names hide it
  for (const name of outer === undefined ? [] : freeNames(proto)) {
    const around = outer!.alias(name);
    const tensor = outer!.lowering.constants.get(around);
    if (tensor !== undefined) lowering.define(name, tensor, outer!.lowering.values.get(around)?.qparams);
  }
  const hide = (name: string) => {
    lowering.constants.delete(name);
    lowering.values.delete(name);
  };

  // float16 stays outside: what is computed has another name than the input or output that the file declares
  const halves = new Map<string, string>();
  const alias = (name: string) => halves.get(name) ?? name;
  const outputTypes =
    outer === undefined ? proto.output.map(({ name, type }) => tensorTypeOf(type, `output ${describe(name)}`)) : [];
  for (const [i, { type }] of outputTypes.entries()) {
    const { name } = proto.output[i]!;
    if (type === 'float16') halves.set(name, lowering.freshName(`${name}/float32`));
  }

  for (const initializer of proto.initializer) {
    define(initializer.name, 'initializer');
    const tensor = readTensor(initializer, `initializer ${describe(initializer.name)}`, context.external);
    lowering.define(alias(initializer.name), tensor);
  }
  for (const sparse of proto.sparseInitializer) {
    const name = sparse.values?.name ?? '';
    define(name, 'sparse initializer');
    lowering.define(alias(name), readSparseTensor(sparse, `initializer ${describe(name)}`, context.external));
  }
  // Before version 4 of the format initializers were inputs as well, which a caller could leave out
  const inputs = proto.input
    .filter((input) => !defined.has(input.name))
    .map(({ name, type }) => {
      define(name, 'input');
      hide(name);
      if (outer !== undefined && type === undefined) return name;
      const declared = tensorTypeOf(type, `input ${describe(name)}`);
      if (outer === undefined) lowering.values.set(name, { name, ...declared });
      if (outer === undefined && declared.type === 'float16') {
        const inside = halves.get(name) ?? lowering.freshName(`${name}/float32`);
        halves.set(name, inside);
        lowering.cast(name, inside, 'float32');
      }
      return name;
    });
  for (const name of outer?.captured ?? []) defined.add(name);

  for (const [i, node] of proto.node.entries()) {
    const { domain, opType } = node;
    const name = node.name || `${opType}_${i}`;
    const where = `node ${describe(name)} (${operatorName(node)})`;
    for (const input of node.input) {
      const isKnown = input === '' || defined.has(input) || lowering.constants.has(input);
      if (!isKnown) throw formatError(`${where}: expected inputs that are defined before, got ${describe(input)}`);
    }
    const opset = context.opsetOf(domain);
    const rule = rules.get(operatorName(node));
    if (rule === undefined) throw unsupported(`${where}, version ${opset ?? '?'}: this operator is not supported`);
    if (opset === undefined) throw formatError(`${where}: expected an opset_import of domain ${describe(domain)}, got none`);
    if (node.attribute.some(({ name, i }) => name === 'broadcast' && i !== 0n)) {
      throw unsupported(`${where}, version ${opset}: broadcasting along an axis, as before version 7, is not supported`);
    }
    for (const output of node.output) {
      if (output === '') continue;
      define(output, where);
      hide(output);
    }
    if (!node.output.some(Boolean)) continue;
    const results = node.output.map(alias);
    // What a Cast to float16 loses is lost, though float32 goes on
    const half = isCastToHalf(node) && results[0] ? lowering.freshName(`${results[0]}/float16`) : undefined;
    const given = { ...node, input: node.input.map(alias), output: half === undefined ? results : [half] };
    rule(new OnnxNode(given, name, opset, context.external), lowering);
    if (half !== undefined) lowering.cast(half, results[0]!, 'float32');
  }

  const ownInputs = new Set(inputs);
  const outputs = proto.output.map(({ name }, i) => {
    if (!defined.has(name) && !lowering.constants.has(alias(name))) {
      throw formatError(`expected an output that is computed, got ${describe(name)}`);
    }
    const declared = outputTypes[i];
    const isInput = ownInputs.has(name);
    if (declared?.type === 'float16' && !isInput) lowering.cast(alias(name), name, 'float16');
    if (declared !== undefined && !isInput) lowering.values.set(name, { ...lowering.values.get(name), name, ...declared });
    return name;
  });
  const all = [...inputs, ...(outer?.captured ?? [])];
  return finish(proto.name, lowering, all, outputs);
}

function finish(
  name: string,
  { nodes, values, constants }: Lowering,
  inputs: readonly string[],
  outputs: readonly string[],
): Graph {
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...outputs]);
  const kept = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([key]) => !constants.has(key) || used.has(key)));
  const states = [] as const;
  return {
    name,
    numerics: 'onnx',
    inputs,
    outputs,
    values: kept<Value>(values),
    constants: kept<Tensor>(constants),
    states,
    nodes,
    metadata: {},
  };
}

/** What float16 loses is lost, though float32 goes on. */
function isCastToHalf({ opType, domain, attribute }: NodeProto): boolean {
  if (operatorName({ opType, domain }) !== 'Cast') return false;
  return attribute.some(({ name, i }) => name === 'to' && Number(i) === TensorProto_DataType.FLOAT16);
}

/** Every name in a graph and in those inside it. */
function* namesOf(graph: GraphProto): Generator<string> {
  yield* graph.input.map(({ name }) => name);
  yield* graph.output.map(({ name }) => name);
  yield* graph.initializer.map(({ name }) => name);
  for (const { input, output, attribute } of graph.node) {
    yield* input;
    yield* output;
    for (const { g } of attribute) if (g !== undefined) yield* namesOf(g);
  }
}

/** Names that a graph reads and does not define. */
function freeNames(graph: GraphProto): Set<string> {
  const sparse = graph.sparseInitializer.map(({ values }) => ({ name: values?.name ?? '' }));
  const own = new Set([...graph.input, ...graph.initializer, ...sparse].map(({ name }) => name));
  const free = new Set<string>();
  const read = (name: string) => {
    if (name !== '' && !own.has(name)) free.add(name);
  };
  for (const { input, output, attribute } of graph.node) {
    for (const name of input) read(name);
    for (const { g } of attribute) if (g !== undefined) for (const name of freeNames(g)) read(name);
    for (const name of output) own.add(name);
  }
  for (const { name } of graph.output) read(name);
  return free;
}
