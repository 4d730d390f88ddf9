/** What an ONNX graph becomes, node by node: our nodes, with values that know their quantization. */
import { describe } from '../../errors.js';
import { fromFloat16Bits } from '../../float16.js';
import type { Attributes, Dim, Graph, Node, Value } from '../../graph/graph.js';
import { uniqueNames } from '../../graph/unique-names.js';
import type { QParams } from '../../quant/qparams.js';
import { type DataType, Tensor, type TensorData } from '../../tensor.js';
import type { OnnxNode } from './node.js';
import type { GraphProto } from './schema/onnx_pb.js';

/** Lowers one node: adds what computes `node.outputs` from `node.inputs`. One for each operator, in lib/formats/onnx/ops/. */
export type Rule = (node: OnnxNode, graph: Lowering) => void;
export type Rules = Readonly<Record<string, Rule>>;

/** How a rule gets at the graphs inside its node. */
export interface Surroundings {
  /** What the graphs read from around them, constants apart, which they know. */
  capture(graphs: readonly GraphProto[]): readonly string[];
  /** The value of this graph that a name of the file stands for. */
  alias(name: string): string;
  /** A graph inside this one; `captured` are inputs after its own. */
  lower(proto: GraphProto, captured: readonly string[]): Graph;
}

/** Operators that stand around the one that a node is about, which has the node's name. */
const aroundOthers: ReadonlySet<string> = new Set(['Cast', 'ExpandDims', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze']);

export class Lowering {
  readonly values = new Map<string, Value>();
  readonly constants = new Map<string, Tensor>();
  readonly nodes: Node[] = [];
  readonly surroundings: Surroundings;
  /** A name like this one, which neither the file nor another value has. */
  readonly freshName: (name: string) => string;
  readonly #uniqueNodeName = uniqueNames();

  constructor(taken: Iterable<string>, surroundings: Surroundings) {
    this.freshName = uniqueNames(taken);
    this.surroundings = surroundings;
  }

  /**
   * Adds a node. `outputs`: names of the file, or how many new ones to make (1 by default); '' becomes a new one too. Returns them.
   * Node names are made unique from `node`'s.
   */
  add(
    node: OnnxNode,
    op: string,
    attributes: Attributes,
    inputs: readonly string[],
    outputs: readonly string[] | number = 1,
  ): readonly [string, ...string[]] {
    const given = typeof outputs === 'number' ? new Array<string>(outputs).fill('') : outputs;
    const names = given.map((name) =>
      name === '' ? this.freshName(`${node.outputs.find(Boolean) ?? node.name}/${op}`) : name,
    );
    // Absent optional inputs at the end are left out
    const last = inputs.findLastIndex((name) => name !== '');
    const isAround = op !== node.op && aroundOthers.has(op);
    this.nodes.push({
      name: this.#uniqueNodeName(isAround ? `${node.name}/${op}` : node.name),
      op,
      attributes,
      inputs: inputs.slice(0, last + 1),
      outputs: names,
    });
    // What is dequantized is of the shape of its integers
    const dims = op === 'Dequantize' ? this.dimsOf(inputs[0]!) : undefined;
    if (dims !== undefined && !this.values.has(names[0]!))
      this.values.set(names[0]!, { name: names[0]!, type: 'float32', dims });
    return names as [string, ...string[]];
  }

  /** Adds a constant and returns its name. */
  constant(node: OnnxNode, tensor: Tensor, qparams?: QParams): string {
    const name = this.freshName(`${node.outputs.find(Boolean) ?? node.name}/constant`);
    this.define(name, tensor, qparams);
    return name;
  }

  /** A constant of numbers. */
  literal(node: OnnxNode, type: DataType, data: readonly number[], dims: readonly number[] = [data.length]): string {
    return this.constant(node, new Tensor<DataType>(type, data as TensorData<DataType>, dims));
  }

  /** float16 becomes float32, in which everything is computed. */
  define(name: string, given: Tensor, qparams?: QParams): void {
    const tensor = given.type === 'float16' ? toFloat32(given) : given;
    const { type, dims } = tensor;
    this.values.set(name, { name, type, dims, ...(qparams !== undefined && { qparams }) });
    this.constants.set(name, tensor);
  }

  /** What a value is before anything runs; undefined where it is computed or absent. */
  constantOf(name: string): Tensor | undefined {
    return this.constants.get(name);
  }

  /** The numbers of a constant input that a rule cannot do without. */
  numbers(node: OnnxNode, index: number): readonly number[] {
    const tensor = this.constants.get(node.required(index));
    if (tensor !== undefined && tensor.type !== 'string') return Array.from(tensor.data as Int32Array, Number);
    const found = tensor === undefined ? 'a computed value' : 'strings';
    throw node.error(
      'ERR_UNSUPPORTED_OP',
      `expected numbers that are constant for ${describe(node.input(index))}, got ${found}`,
    );
  }

  /** Undefined where the file does not say: then it is only known for inputs of known shapes. */
  dimsOf(name: string): readonly Dim[] | undefined {
    return this.values.get(name)?.dims;
  }

  typeOf(name: string): DataType | undefined {
    return this.values.get(name)?.type;
  }

  rankOf(name: string): number | undefined {
    return this.dimsOf(name)?.length;
  }

  /**
   * The value's integers under these parameters: the value itself, which gets them if it had none, or another value of the same
   * integers (a Reinterpret node) if it had others.
   */
  withQParams(node: OnnxNode, name: string, qparams: QParams): string {
    const value = this.values.get(name);
    if (value?.qparams === undefined) {
      this.values.set(name, { ...value, name, type: value?.type ?? qparams.dtype, qparams });
      return name;
    }
    if (sameQParams(value.qparams, qparams)) return name;
    const [other] = this.add(node, 'Reinterpret', {}, [name]);
    this.values.set(other, { name: other, type: qparams.dtype, ...(value.dims && { dims: value.dims }), qparams });
    return other;
  }

  /** Adds a node that the file does not have, where a value changes its type at the border of the graph. */
  cast(from: string, to: string, type: DataType): void {
    this.nodes.push({
      name: this.#uniqueNodeName(`${to}/Cast`),
      op: 'Cast',
      attributes: { to: type },
      inputs: [from],
      outputs: [to],
    });
  }
}

/** Exact. */
function toFloat32({ data, dims }: Tensor): Tensor {
  return new Tensor('float32', Float32Array.from(data as Uint16Array, fromFloat16Bits), dims);
}

function sameQParams(a: QParams, b: QParams): boolean {
  return (
    a.dtype === b.dtype &&
    a.axis === b.axis &&
    String(a.scale) === String(b.scale) &&
    String(a.zeroPoint) === String(b.zeroPoint)
  );
}
