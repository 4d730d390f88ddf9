/** TensorFlow Lite files as graphs. */
import { describe } from '../../errors.js';
import type { Attributes, Graph, Node, State } from '../../graph/graph.js';
import { uniqueNames } from '../../graph/unique-names.js';
import { ops } from '../../ops/index.js';
import type { Operand } from '../../ops/op.js';
import { product } from '../../ops/shapes.js';
import { allocate } from '../../ops/storage.js';
import { type DataType, Tensor } from '../../tensor.js';
import { inferNode } from './infer.js';
import { builtinRules, complexOps, customRules, type OpRule } from './op-table.js';
import { type OperatorCode, OperatorReader, readOperatorCodes } from './operator.js';
import { BuiltinOperator, type Model, type SubGraph } from './schema/tflite_generated.js';
import { TensorReader, type TfliteTensor } from './tensors.js';
import { type CheckedByteBuffer, formatError, openModel, unsupported, vector } from './verify.js';

/**
 * The first subgraph of a file, for its own input shapes (where it leaves a dimension open it says 1). Inputs that only describe
 * other inputs (shapes, axes, paddings) are attributes, and what computes them from static shapes is computed here.
 *
 * Throws ERR_MODEL_FORMAT for bytes that are no valid file, ERR_UNSUPPORTED_OP, naming node, operator and version, for what is
 * valid but not implemented, and what operators throw for types and shapes that do not fit.
 *
 * With `keepsBytes` constants are parts of `bytes`, which nobody may change then; without, they are copies.
 */
export function importTflite(bytes: Uint8Array, { keepsBytes = false } = {}): Graph {
  // A plain view: a Buffer's `slice` is no copy.
  const { model, buffer } = openModel(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (model.subgraphsLength() === 0) throw formatError('expected a subgraph, got none');
  const subgraph = model.subgraphs(0)!;
  const builder = new GraphBuilder(model, subgraph, buffer, keepsBytes);
  return { name: subgraph.name() ?? '', numerics: 'tflite', ...builder.build(), metadata: readMetadata(model) };
}

/** All states together; they are the only memory that a file asks for without giving its content. */
const maxStateElements = 2 ** 24;

class GraphBuilder {
  readonly #subgraph: SubGraph;
  readonly #buffer: CheckedByteBuffer;
  readonly #codes: readonly OperatorCode[];
  readonly #tensors: TensorReader;
  readonly #uniqueNodeName = uniqueNames();
  readonly #uniqueValueName = uniqueNames();
  /** What is known so far: inputs, constants that were read, states, and outputs of nodes. */
  readonly #operands = new Map<string, Operand>();
  readonly #states: State[] = [];
  #stateElements = 0;
  readonly #nodes: Node[] = [];

  constructor(model: Model, subgraph: SubGraph, buffer: CheckedByteBuffer, keepsBytes: boolean) {
    this.#subgraph = subgraph;
    this.#buffer = buffer;
    this.#codes = readOperatorCodes(model);
    this.#tensors = new TensorReader(model, subgraph, buffer, this.#uniqueValueName, keepsBytes);
  }

  build(): Pick<Graph, 'inputs' | 'outputs' | 'values' | 'constants' | 'states' | 'nodes'> {
    const subgraph = this.#subgraph;
    const where = 'subgraph output';
    const inputs = vector(subgraph.inputsLength(), (i) => subgraph.inputs(i)).map((index) => this.#input(index));
    // Before the operators' tensors, so that outputs keep their names.
    const outputs = vector(subgraph.outputsLength(), (i) => subgraph.outputs(i)).map((i) => this.#tensors.at(i, where));
    for (let i = 0; i < subgraph.operatorsLength(); i++) this.#operator(i);
    for (const tensor of outputs) this.#use(tensor, where);

    // Constants that became attributes are not part of the graph.
    const used = new Set([...this.#nodes.flatMap((node) => node.inputs), ...outputs.map(({ name }) => name)]);
    const operands = [...this.#operands.values()].filter(({ name, constant }) => constant === undefined || used.has(name));
    return {
      inputs: inputs.map(({ name }) => name),
      outputs: outputs.map(({ name }) => name),
      values: new Map(operands.map((operand) => [operand.name, toValue(operand)])),
      constants: new Map(operands.flatMap(({ name, constant }) => (constant === undefined ? [] : [[name, constant]]))),
      states: this.#states,
      nodes: this.#nodes,
    };
  }

  #input(index: number): TfliteTensor {
    const tensor = this.#tensors.at(index, 'subgraph input');
    this.#define(tensor, toValue(tensor), 'subgraph input');
    return tensor;
  }

  #operator(index: number): void {
    const operator = this.#subgraph.operators(index)!;
    const code = this.#codes[operator.opcodeIndex()];
    if (code === undefined) {
      const range = `from 0 to ${this.#codes.length - 1}`;
      throw formatError(`operator ${index}: expected an operator code ${range}, got ${operator.opcodeIndex()}`);
    }
    const where = `operator ${index} (${code.name}, version ${code.version})`;
    const context = { code, where, tensors: this.#tensors, buffer: this.#buffer, operands: this.#operands };
    const reader = new OperatorReader(operator, context, this.#uniqueNodeName);
    const rule = ruleOf(reader);
    for (const [i, tensor] of reader.inputs.entries()) {
      if (tensor !== undefined && !rule.states?.includes(i)) this.#use(tensor, where);
    }
    const states = rule.states?.map((i) => this.#state(reader, i)) ?? [];
    expectComplex(reader, rule);
    const attributes = rule.attributes?.(reader) ?? {};
    const inputs = (rule.inputs?.map((i) => reader.inputs[i]) ?? reader.inputs).map((tensor) => tensor?.name ?? '');
    const outputs = [...reader.outputs.map(toValue), ...states];
    const hasTanh = isTanhApart(reader, rule, attributes);
    const own = hasTanh ? { ...attributes, activation: 'none' } : attributes;
    if (hasTanh) outputs[0] = { ...outputs[0]!, name: this.#uniqueValueName(`${outputs[0]!.name}/linear`) };
    this.#node({ name: reader.name, op: rule.op, attributes: own, inputs }, outputs, reader, where);
    if (hasTanh) {
      const node = {
        name: this.#uniqueNodeName(`${reader.name}/tanh`),
        op: 'Tanh',
        attributes: {},
        inputs: [outputs[0]!.name],
      };
      this.#node(node, [toValue(reader.output(0))], reader, where);
    }
  }

  /** Adds a node, unless its outputs turn out to be known. */
  #node(begun: Omit<Node, 'outputs'>, outputs: readonly Operand[], reader: OperatorReader, where: string): void {
    const node = { ...begun, outputs: outputs.map(({ name }) => name) };
    const inputs = node.inputs.map((name) => this.#operands.get(name));
    const operands = inferNode(node, inputs, outputs, 'tflite');
    for (const [i, operand] of operands.entries()) this.#define(reader.outputs[i], operand, where);
    if (operands.some(({ constant }) => constant === undefined)) this.#nodes.push(node);
  }

  /** Registers a tensor that is read: it is constant, or something before produced it. */
  #use(tensor: TfliteTensor, where: string): void {
    if (this.#operands.has(tensor.name)) {
      if (!tensor.isVariable) return;
      throw unsupported(`${where}: expected a variable tensor to be read by one operator, got ${describe(tensor.name)}`);
    }
    if (tensor.isVariable) throw unsupported(`${where}: expected no variable tensor, got ${describe(tensor.name)}`);
    const isEmpty = tensor.dims.includes(0);
    const constant = tensor.constant ?? (isEmpty ? new Tensor(tensor.type, [], tensor.dims) : undefined);
    if (constant === undefined) throw formatError(`${where} reads ${describe(tensor.name)}, which nothing before it produces`);
    this.#operands.set(tensor.name, { ...toValue(tensor), constant });
  }

  /** Registers an operand that is new; `tensor` is what the file says of it. */
  #define(tensor: TfliteTensor | undefined, operand: Operand, where: string): void {
    const isFixed = tensor !== undefined && (tensor.constant !== undefined || tensor.isVariable);
    if (isFixed || this.#operands.has(operand.name)) {
      throw formatError(`${where}: expected to be the only one that produces ${describe(operand.name)}`);
    }
    this.#operands.set(operand.name, operand);
  }

  /** The state that is input `index`; returns the value that follows it. It begins as real zeros. */
  #state(reader: OperatorReader, index: number): Operand {
    const tensor = reader.input(index);
    const isOwn = tensor.isVariable && tensor.constant === undefined && !this.#operands.has(tensor.name);
    if (!isOwn) {
      throw reader.error(
        'ERR_UNSUPPORTED_OP',
        `expected a variable tensor of its own as input ${index}, got ${describe(tensor.name)}`,
      );
    }
    this.#stateElements += product(tensor.dims);
    if (this.#stateElements > maxStateElements) {
      throw reader.error('ERR_UNSUPPORTED_OP', `expected states of at most ${maxStateElements} elements in all`);
    }
    const next = { ...toValue(tensor), name: this.#uniqueValueName(`${tensor.name}/next`) };
    this.#operands.set(tensor.name, toValue(tensor));
    this.#states.push({ current: tensor.name, next: next.name, initial: zeros(tensor) });
    return next;
  }
}

function ruleOf(reader: OperatorReader): OpRule {
  const { builtin, name, version } = reader.code;
  const rule = builtin === BuiltinOperator.CUSTOM ? customRules.get(name) : builtinRules.get(builtin);
  if (rule === undefined || !ops.has(rule.op)) throw reader.error('ERR_UNSUPPORTED_OP', 'this operator is not supported');
  if (version <= rule.version) return rule;
  throw reader.error('ERR_UNSUPPORTED_OP', `expected a version of at most ${rule.version}, got ${version}`);
}

/** Pairs of numbers go only where they are meant. */
function expectComplex(reader: OperatorReader, { op }: OpRule): void {
  const isComplex = [...reader.inputs, ...reader.outputs].some((tensor) => tensor?.isComplex === true);
  if (isComplex && !complexOps.has(op)) throw reader.error('ERR_UNSUPPORTED_OP', 'complex numbers are not supported here');
}

/** Tanh is no clamp, so no operator but LSTM takes it as its activation: a node of its own, for float32, follows. */
function isTanhApart(reader: OperatorReader, { op }: OpRule, { activation }: Attributes): boolean {
  const isApart = activation === 'tanh' && op !== 'UnidirectionalSequenceLstm';
  if (!isApart || reader.output(0).type === 'float32') return isApart;
  throw reader.error('ERR_UNSUPPORTED_OP', 'a quantized fused tanh is not supported');
}

function toValue({ name, type, dims, qparams }: Operand): Operand {
  return { name, type, dims, ...(qparams !== undefined && { qparams }) };
}

/** What TFLite resets a variable to: its zero point if it is int8, else 0. */
function zeros({ type, dims, qparams }: TfliteTensor): Tensor {
  const data = allocate(type, product(dims));
  if (data instanceof Int8Array && typeof qparams?.zeroPoint === 'number') data.fill(qparams.zeroPoint);
  return new Tensor<DataType>(type, data, dims);
}

function readMetadata(model: Model): Readonly<Record<string, string>> {
  const entries = vector(model.metadataLength(), (i) => model.metadata(i)).map((entry) => entry.name() ?? '');
  return {
    format: 'tflite',
    version: String(model.version()),
    description: model.description() ?? '',
    ...(entries.length > 0 && { entries: entries.join('\n') }),
  };
}
