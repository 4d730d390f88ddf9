/**
 * Random small graphs that are valid by construction, for comparing one way of running them with another: chains and diamonds of
 * operators in int8, uint8 and float32 under all numerics, with what optimizers and kernels trip over: odd sizes, strides,
 * dilations, all kinds of padding, scales per channel, zero points of weights, nodes that do nothing, values that are read twice.
 */
import fc from 'fast-check';
import {
  type Attributes,
  type DataType,
  type Graph,
  type Node,
  type Numerics,
  type QParams,
  Tensor,
  type TensorData,
} from 'octensor';
import { printGraph } from '#lib/graph/print.js';
import { ops } from '#lib/ops/index.js';
import { AttributeReader, type Operand } from '#lib/ops/op.js';
import { Random } from './random.js';
import { makers } from './random-nodes.js';

export type Family = 'int8' | 'uint8' | 'float32';

export interface RandomGraphOptions {
  readonly seed: number;
  /** Nodes, about. A larger graph of the same seed begins with the smaller one. */
  readonly size: number;
  readonly families?: readonly Family[];
  readonly numerics?: readonly Numerics[];
}

export interface RandomGraph extends RandomGraphOptions {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

const allFamilies = ['int8', 'uint8', 'float32'] as const;
const allNumerics = ['tflite', 'single', 'onnx'] as const;
/** Operators whose float kernels sum or approximate, each in its own order: their results agree within a bound, not to the bit. */
const roundApart = new Set(
  'AveragePool2D Conv2D DepthwiseConv2D FullyConnected HardSwish Logistic Mean Softmax Tanh'.split(' '),
);
/** Of one value: many graphs in little time. */
export const maxElements = 3000;

export class GraphBuilder {
  readonly random: Random;
  readonly numerics: Numerics;
  readonly operands = new Map<string, Operand>();
  readonly #nodes: Node[] = [];
  readonly #inputs: string[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #roundedApart = new Set<string>();

  constructor(random: Random, numerics: Numerics) {
    this.random = random;
    this.numerics = numerics;
  }

  input(type: Family, dims: readonly number[]): Operand {
    const qparams = type === 'float32' ? undefined : this.qparams(type, 0.02 + this.random.integer(0, 30) / 500);
    const operand = this.#define('input', type, dims, qparams);
    this.#inputs.push(operand.name);
    return operand;
  }

  constant(type: DataType, dims: readonly number[], qparams: QParams | undefined, elements: readonly number[]): Operand {
    const operand = this.#define('constant', type, dims, qparams);
    this.#constants.set(operand.name, new Tensor<DataType>(type, elements as TensorData<DataType>, dims));
    return operand;
  }

  /** Shapes and types of the outputs are what the operator infers; their quantization is given, the same for all. */
  add(op: string, attributes: Attributes, inputs: readonly (Operand | undefined)[], qparams?: QParams, outputs = 1): Operand[] {
    const name = `${op}${this.#nodes.length}`;
    const outputNames = Array.from({ length: outputs }, (_, i) => `${name}.${i}`);
    const node = { name, op, attributes, inputs: inputs.map((input) => input?.name ?? ''), outputs: outputNames };
    const definition = ops.get(op)!;
    const constants = inputs.map((input) => input && this.#constants.get(input.name));
    const known = inputs.map((input, i) => input && { ...input, ...(constants[i] && { constant: constants[i] }) });
    const parsed = definition.parse(new AttributeReader(node));
    const shapes = definition.infer({ node, attributes: parsed, inputs: known, numerics: this.numerics });
    this.#nodes.push(node);
    const made = shapes.slice(0, outputs).map(({ type, dims }, i) => this.#define(outputNames[i]!, type, dims, qparams));
    const isApart = roundApart.has(op) || inputs.some((input) => input && this.mayDiffer(input));
    if (isApart) for (const { name, type } of made) if (type === 'float32') this.#roundedApart.add(name);
    return made;
  }

  /** Whether kernels may round this value differently, so that quantizing it could give either of two steps. */
  mayDiffer({ name }: Operand): boolean {
    return this.#roundedApart.has(name);
  }

  /** A zero point at random, at either end and in the middle more often. */
  qparams(dtype: 'int8' | 'uint8', scale: number): QParams {
    const low = dtype === 'int8' ? -128 : 0;
    const zeroPoint = low + this.random.pick([0, 255, 128, this.random.integer(0, 255), this.random.integer(90, 160)]);
    return { dtype, scale: Math.fround(scale), zeroPoint };
  }

  /** The value made last, most of the time: chains are what is fused. */
  pick(): Operand {
    const candidates = [...this.operands.values()].filter(({ name }) => !this.#constants.has(name));
    return this.random.integer(0, 9) < 7 ? candidates.at(-1)! : this.random.pick(candidates);
  }

  /** x, or the last value that is a batch of images. */
  image(x: Operand): Operand | undefined {
    const isImage = ({ name, dims }: Operand) => dims.length === 4 && !this.#constants.has(name);
    return isImage(x) ? x : [...this.operands.values()].findLast(isImage);
  }

  /** Values, constants among them, of the type of x, quantized as a whole, and with dimensions that fit. */
  like(x: Operand, fits: (dims: readonly number[]) => boolean): readonly Operand[] {
    return [...this.operands.values()].filter(
      ({ type, dims, qparams }) => type === x.type && qparams?.axis === undefined && fits(dims),
    );
  }

  elements(count: number, min: number, max: number): number[] {
    return Array.from({ length: count }, () => this.random.integer(min, max));
  }

  reals(count: number, limit = 2): number[] {
    return Array.from({ length: count }, () => Math.fround((this.random.uint32() / 2 ** 31 - 1) * limit));
  }

  /** What nobody reads is an output, and something in the middle now and then. */
  finish(name: string): Omit<RandomGraph, keyof RandomGraphOptions> {
    const read = new Set(this.#nodes.flatMap(({ inputs }) => inputs));
    const made = this.#nodes.flatMap(({ outputs }) => outputs);
    const outputs = made.filter((value) => !read.has(value) || this.random.integer(0, 14) === 0);
    const feeds = this.#inputs.map((input) => [input, this.#feed(this.operands.get(input)!)] as const);
    const graph: Graph = {
      name,
      numerics: this.numerics,
      inputs: this.#inputs,
      outputs,
      values: this.operands,
      constants: this.#constants,
      states: [],
      nodes: this.#nodes,
      metadata: {},
    };
    return { graph, feeds: Object.fromEntries(feeds) };
  }

  #feed({ type, dims }: Operand): Tensor {
    const size = dims.reduce((product, dim) => product * dim, 1);
    if (type === 'float32') return new Tensor('float32', this.reals(size, 4), dims);
    const low = type === 'int8' ? -128 : 0;
    return new Tensor(type as 'int8' | 'uint8', this.elements(size, low, low + 255), dims);
  }

  #define(name: string, type: DataType, dims: readonly number[], qparams: QParams | undefined): Operand {
    const unique = this.operands.has(name) || /^(input|constant)$/.test(name) ? `${name}${this.operands.size}` : name;
    const operand = { name: unique, type, dims, ...(type !== 'float32' && qparams !== undefined && { qparams }) };
    this.operands.set(unique, operand);
    return operand;
  }
}

export function randomGraph(options: RandomGraphOptions): RandomGraph {
  const { seed, size, families = allFamilies, numerics = allNumerics } = options;
  const random = new Random(seed);
  const builder = new GraphBuilder(random, random.pick(numerics));
  const side = () => random.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
  for (let count = random.integer(1, 2); count > 0; count--) {
    const channels = random.pick([1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 19]);
    const isImage = random.integer(0, 4) > 0;
    builder.input(
      random.pick(families),
      isImage ? [random.integer(1, 3), side(), side(), channels] : [random.integer(1, 3), channels],
    );
  }
  for (let tries = 0, made = 0; made < size && tries < 20 * size; tries++) {
    // A maker that does not suit the value returns false and has added nothing.
    if (random.pick(makers)(builder, builder.pick())) made++;
  }
  return { ...options, ...builder.finish(`seed ${seed}, size ${size}`) };
}

/** Shrinks to the shortest graph of its seed that still fails. */
export function randomGraphs(
  options: Partial<RandomGraphOptions> & { readonly maxSize?: number } = {},
): fc.Arbitrary<RandomGraph> {
  const { maxSize = 14, ...rest } = options;
  return fc.record({ seed: fc.noShrink(fc.integer()), size: fc.integer({ min: 1, max: maxSize }) }).map((picked) => {
    const random = randomGraph({ ...picked, ...rest });
    return Object.assign(random, { [fc.toStringMethod]: () => printGraph(random.graph) });
  });
}
