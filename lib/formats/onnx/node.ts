/** One node of an ONNX graph, with its attributes checked as they are read. */
import { describe, OctensorError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import type { ExternalData } from '../external-data.js';
import {
  type AttributeProto,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
  type NodeProto,
} from './schema/onnx_pb.js';
import { readSparseTensor, readTensor } from './tensors.js';

const decoder = new TextDecoder();

export class OnnxNode {
  readonly name: string;
  /** `Conv`, or `com.microsoft.QGemm` outside of the default domain. */
  readonly op: string;
  /** The version of the operator's domain that the model asks for. */
  readonly opset: number;
  /** '' where an optional input is absent; those at the end may be missing. */
  readonly inputs: readonly string[];
  /** '' where nobody reads an optional output. */
  readonly outputs: readonly string[];
  readonly #attributes: ReadonlyMap<string, AttributeProto>;
  readonly #external: ExternalData;

  /** `proto` with the names of values that it has in the graph that is made. */
  constructor(proto: NodeProto, name: string, opset: number, external: ExternalData) {
    this.name = name;
    this.op = operatorName(proto);
    this.opset = opset;
    this.inputs = proto.input;
    this.outputs = proto.output;
    this.#attributes = new Map(proto.attribute.map((attribute) => [attribute.name, attribute]));
    this.#external = external;
  }

  /** The name of input `index`, '' where it is absent. */
  input(index: number): string {
    return this.inputs[index] ?? '';
  }

  /** The name of an input that has to be there. */
  required(index: number): string {
    const name = this.input(index);
    if (name === '') throw this.error('ERR_MODEL_FORMAT', `expected input ${index}, got none`);
    return name;
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  int(name: string, otherwise?: number): number {
    const value = this.#read(name, Kind.INT, otherwise, ({ i }) => this.#safe(name, i));
    return value;
  }

  boolean(name: string, otherwise = false): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0;
  }

  float(name: string, otherwise?: number): number {
    return this.#read(name, Kind.FLOAT, otherwise, ({ f }) => f);
  }

  string(name: string, otherwise?: string): string {
    return this.#read(name, Kind.STRING, otherwise, ({ s }) => decoder.decode(s));
  }

  ints(name: string, otherwise?: readonly number[]): readonly number[] {
    return this.#read(name, Kind.INTS, otherwise, ({ ints }) => ints.map((value) => this.#safe(name, value)));
  }

  floats(name: string, otherwise?: readonly number[]): readonly number[] {
    return this.#read(name, Kind.FLOATS, otherwise, ({ floats }) => floats);
  }

  strings(name: string, otherwise?: readonly string[]): readonly string[] {
    return this.#read(name, Kind.STRINGS, otherwise, ({ strings }) => strings.map((bytes) => decoder.decode(bytes)));
  }

  tensor(name: string, otherwise?: Tensor): Tensor {
    const where = `node ${describe(this.name)} (${this.op}), attribute ${name}`;
    return this.#read(name, Kind.TENSOR, otherwise, ({ t }) => t && readTensor(t, where, this.#external));
  }

  /** Dense: zeros where the file has no value. */
  sparseTensor(name: string): Tensor {
    const where = `node ${describe(this.name)} (${this.op}), attribute ${name}`;
    return this.#read(name, Kind.SPARSE_TENSOR, undefined, ({ sparseTensor: sparse }) => {
      return sparse && readSparseTensor(sparse, where, this.#external);
    });
  }

  graph(name: string): GraphProto {
    return this.#read(name, Kind.GRAPH, undefined, ({ g }) => g);
  }

  /** One of the values that the operator knows; ERR_UNSUPPORTED_OP for others. */
  oneOf<const T extends string>(name: string, values: readonly T[], otherwise?: T): T {
    const value = this.string(name, otherwise);
    if ((values as readonly string[]).includes(value)) return value as T;
    throw this.error('ERR_UNSUPPORTED_OP', `attribute ${name}: expected one of ${values.join(', ')}, got ${describe(value)}`);
  }

  /** The message begins with the node's name and operator. */
  error(code: OctensorError['code'], message: string): OctensorError {
    return new OctensorError(code, `node ${describe(this.name)} (${this.op}): ${message}`, { node: this.name });
  }

  #read<T>(name: string, kind: Kind, otherwise: T | undefined, get: (attribute: AttributeProto) => T | undefined): T {
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) {
      if (otherwise !== undefined) return otherwise;
      throw this.error('ERR_MODEL_FORMAT', `expected attribute ${name}, got none`);
    }
    const value = attribute.type === kind ? get(attribute) : undefined;
    if (value !== undefined) return value;
    throw this.error(
      'ERR_MODEL_FORMAT',
      `attribute ${name}: expected ${Kind[kind]}, got ${Kind[attribute.type] ?? attribute.type}`,
    );
  }

  /** Integers from files as numbers: what stands for "to the end" keeps its meaning. */
  #safe(name: string, value: bigint): number {
    const number = Number(value);
    if (Math.abs(number) <= Number.MAX_SAFE_INTEGER) return number;
    // INT64_MAX and INT64_MIN are how models write no limit.
    if (value === 2n ** 63n - 1n || value === -(2n ** 63n)) return Math.sign(number) * Number.MAX_SAFE_INTEGER;
    throw this.error('ERR_MODEL_FORMAT', `attribute ${name}: expected an integer of at most 53 bits, got ${value}`);
  }
}

export function operatorName({ domain, opType }: Pick<NodeProto, 'domain' | 'opType'>): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
}
