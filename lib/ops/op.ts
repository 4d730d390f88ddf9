/**
 * What an operator is: one file each, listed in index.ts. The same object serves shape inference, the reference backend, the
 * quantizer and the tests.
 */
import { invalid, OctensorError } from '../errors.js';
import type { Attributes, Graph, Node } from '../graph/graph.js';
import type { QParams } from '../quant/qparams.js';
import type { Numerics } from '../quant/requant.js';
import type { DataType, Tensor } from '../tensor.js';

/** A value whose shape is known. */
export interface Operand {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly qparams?: QParams;
  /** Where the value is known before anything runs. */
  readonly constant?: Tensor;
}

/** One node, ready for shape inference. Absent optional inputs are undefined. */
export interface NodeContext<A> {
  readonly node: Node;
  readonly attributes: A;
  readonly inputs: readonly (Operand | undefined)[];
  readonly numerics: Numerics;
}

/** One node, ready to run: the data of its inputs, and what its outputs are declared to be. */
export interface RunContext<A> extends NodeContext<A> {
  readonly data: readonly (Tensor | undefined)[];
  readonly outputs: readonly Operand[];
}

/** What shape inference finds out about an output. `type` is checked against what the graph declares. */
export interface OutputShape {
  readonly type: DataType;
  readonly dims: readonly number[];
}

/** A small instance of an operator: a graph with one node, and data for its inputs. The parity test runs it on every backend. */
export interface OpCase {
  readonly name: string;
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

export interface Op<A = unknown> {
  readonly name: string;
  /** Smallest and largest number of inputs, optional ones included. */
  readonly inputs: readonly [min: number, max: number];
  readonly outputs: readonly [min: number, max: number];
  /** Checks a node's attributes and fills in defaults. Throws through `AttributeReader`. */
  parse(attributes: AttributeReader): A;
  /** Checks types and shapes and returns those of the outputs. Runs no arithmetic on data. */
  infer(context: NodeContext<A>): readonly OutputShape[];
  /** The definition: computes the outputs, for every type that `infer` lets pass. */
  run(context: RunContext<A>): readonly Tensor[];
  cases(): Iterable<OpCase>;
}

/** Erases the attribute type for the list of operators; parse's result only ever goes back to the same operator. */
export function defineOp<A>(op: Op<A>): Op {
  return op as unknown as Op;
}

/** Reads a node's attributes by name; what is missing or of the wrong kind is ERR_MODEL_FORMAT that names node and operator. */
export class AttributeReader {
  readonly #node: Node;
  readonly #attributes: Attributes;

  constructor(node: Node) {
    this.#node = node;
    this.#attributes = node.attributes;
  }

  integer(name: string, min: number, max: number, otherwise?: number): number {
    const value = this.#attributes[name] ?? otherwise;
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw this.wrong(name, `an integer from ${min} to ${max}`, value);
    }
    return value as number;
  }

  number(name: string, otherwise?: number): number {
    const value = this.#attributes[name] ?? otherwise;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong(name, 'a finite number', value);
    return value;
  }

  boolean(name: string, otherwise?: boolean): boolean {
    const value = this.#attributes[name] ?? otherwise;
    if (typeof value !== 'boolean') throw this.wrong(name, 'true or false', value);
    return value;
  }

  oneOf<const T extends string>(name: string, values: readonly T[], otherwise?: T): T {
    const value = this.#attributes[name] ?? otherwise;
    if (!(values as readonly unknown[]).includes(value)) throw this.wrong(name, `one of ${values.join(', ')}`, value);
    return value as T;
  }

  integers(name: string, min: number, max: number, otherwise?: readonly number[]): readonly number[] {
    const value = this.#attributes[name] ?? otherwise;
    if (!Array.isArray(value) || !value.every((item) => Number.isInteger(item) && item >= min && item <= max)) {
      throw this.wrong(name, `integers from ${min} to ${max}`, value);
    }
    return value as readonly number[];
  }

  string(name: string, otherwise?: string): string {
    const value = this.#attributes[name] ?? otherwise;
    if (typeof value !== 'string') throw this.wrong(name, 'a text', value);
    return value;
  }

  numbers(name: string, otherwise?: readonly number[]): readonly number[] {
    const value = this.#attributes[name] ?? otherwise;
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'number' && Number.isFinite(item))) {
      throw this.wrong(name, 'finite numbers', value);
    }
    return value as readonly number[];
  }

  oneOfEach<const T extends string>(name: string, values: readonly T[], otherwise?: readonly T[]): readonly T[] {
    const value = this.#attributes[name] ?? otherwise;
    if (!Array.isArray(value) || !value.every((item) => (values as readonly unknown[]).includes(item))) {
      throw this.wrong(name, `a list of ${values.join(', ')}`, value);
    }
    return value as readonly T[];
  }

  graph(name: string): Graph {
    const value = this.#attributes[name];
    if (typeof value !== 'object' || !('nodes' in value)) throw this.wrong(name, 'a graph', value);
    return value;
  }

  wrong(name: string, expected: string, actual: unknown): OctensorError {
    const { message } = invalid('ERR_MODEL_FORMAT', `attribute ${name}`, expected, actual);
    return nodeError('ERR_MODEL_FORMAT', this.#node, message);
  }
}

/** An error about a node: the message begins with its name and operator. */
export function nodeError(code: OctensorError['code'], node: Node, message: string): OctensorError {
  return new OctensorError(code, `node ${JSON.stringify(node.name)} (${node.op}): ${message}`, { node: node.name });
}

/** The input at `index`; ERR_MODEL_FORMAT where it is absent. */
export function requiredInput<A>({ node, inputs }: NodeContext<A>, index: number): Operand {
  const operand = inputs[index];
  if (operand === undefined) throw nodeError('ERR_MODEL_FORMAT', node, `expected input ${index}, got none`);
  return operand;
}

export function expectType<A>({ node }: NodeContext<A>, operand: Operand, types: readonly DataType[]): void {
  if (!types.includes(operand.type)) {
    throw nodeError('ERR_DTYPE', node, `expected ${types.join(' or ')} for ${operand.name}, got ${operand.type}`);
  }
}

export function expectRank<A>({ node }: NodeContext<A>, operand: Operand, rank: number): void {
  if (operand.dims.length !== rank) {
    const shape = `[${operand.dims.join(', ')}]`;
    throw nodeError('ERR_SHAPE', node, `expected ${rank} dimensions for ${operand.name}, got ${shape}`);
  }
}

/** The parameters of a value that is quantized as a whole. */
export interface TensorQParams {
  readonly dtype: QParams['dtype'];
  readonly scale: number;
  readonly zeroPoint: number;
}

/** ERR_QUANTIZATION where the operand has none, or has them per channel. */
export function perTensor<A>({ node }: NodeContext<A>, operand: Operand): TensorQParams {
  const { qparams } = operand;
  if (qparams !== undefined && typeof qparams.scale === 'number' && typeof qparams.zeroPoint === 'number') {
    return { dtype: qparams.dtype, scale: qparams.scale, zeroPoint: qparams.zeroPoint };
  }
  const found = qparams === undefined ? 'none' : 'some per channel';
  throw nodeError('ERR_QUANTIZATION', node, `expected quantization parameters per tensor for ${operand.name}, got ${found}`);
}
