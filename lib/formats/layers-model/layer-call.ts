/** One call of a layer, and what a rule may ask and do to turn it into nodes. */
import type { OctensorError } from '../../errors.js';
import type { Attributes } from '../../graph/graph.js';
import { type DataType, Tensor, type TensorData } from '../../tensor.js';
import type { GraphBuilder, Ref } from './builder.js';
import { Fields } from './fields.js';
import type { Weights } from './weights.js';

/** Adds nodes for a call and returns its outputs. One for each class of layers. */
export type LayerRule = (call: LayerCall) => Ref | readonly Ref[];
export type LayerRules = Readonly<Record<string, LayerRule>>;

/** Operators that stand around the one that a layer is about, which has the layer's name. */
const aroundOthers: ReadonlySet<string> = new Set(['Cast', 'ExpandDims', 'Pad', 'Reshape', 'Squeeze', 'Transpose']);

export interface NodeOptions {
  /** Of the output, where it is not that of the first input. */
  readonly rank?: number;
  readonly type?: DataType;
}

export interface LayerCallOptions {
  readonly name: string;
  /** The layer's name behind those of the models around it; unique. */
  readonly path: string;
  readonly className: string;
  readonly config: Fields;
  readonly inputs: readonly Ref[];
  readonly builder: GraphBuilder;
  readonly weights: Weights;
}

export class LayerCall {
  readonly name: string;
  readonly path: string;
  readonly className: string;
  readonly config: Fields;
  readonly inputs: readonly Ref[];
  readonly #builder: GraphBuilder;
  readonly #weights: Weights;
  #hasMain = false;

  constructor({ name, path, className, config, inputs, builder, weights }: LayerCallOptions) {
    this.name = name;
    this.path = path;
    this.className = className;
    this.config = config;
    this.inputs = inputs;
    this.#builder = builder;
    this.#weights = weights;
  }

  /** Whether a node has the layer's name. */
  get hasMainNode(): boolean {
    return this.#hasMain;
  }

  /** The only input; `rank`: how many dimensions it must have. */
  input(...ranks: readonly number[]): Ref {
    const [x, ...rest] = this.inputs;
    if (x === undefined || rest.length > 0)
      throw this.error('ERR_MODEL_FORMAT', `expected one input, got ${this.inputs.length}`);
    if (ranks.length > 0 && !ranks.includes(x.rank)) {
      throw this.error('ERR_SHAPE', `expected an input of ${ranks.join(' or ')} dimensions, got ${x.rank}`);
    }
    return x;
  }

  /** At least `count`. */
  several(count: number): readonly [Ref, ...Ref[]] {
    if (this.inputs.length < count) {
      throw this.error('ERR_MODEL_FORMAT', `expected at least ${count} inputs, got ${this.inputs.length}`);
    }
    return this.inputs as readonly [Ref, ...Ref[]];
  }

  /** Appends a node with one output. */
  add(op: string, attributes: Attributes, inputs: readonly (Ref | undefined)[], { rank, type }: NodeOptions = {}): Ref {
    const [first] = inputs;
    return this.addAll(op, attributes, inputs, [{ rank: rank ?? first!.rank, type: type ?? first!.type }])[0]!;
  }

  addAll(
    op: string,
    attributes: Attributes,
    inputs: readonly (Ref | undefined)[],
    outputs: readonly Omit<Ref, 'value'>[],
  ): readonly Ref[] {
    const last = inputs.findLastIndex((input) => input !== undefined);
    const refs = outputs.map((output) => ({ ...output, value: this.#builder.freshName(`${this.path}/${op}`) }));
    const isMain = !this.#hasMain && !aroundOthers.has(op);
    this.#hasMain ||= isMain;
    this.#builder.add(isMain ? this.path : `${this.path}/${op}`, op, attributes, inputs.slice(0, last + 1), refs);
    return refs;
  }

  /** A constant of numbers. */
  literal(type: DataType, data: readonly number[], dims: readonly number[] = [data.length]): Ref {
    const make = () => new Tensor<DataType>(type, data as TensorData<DataType>, dims);
    return this.constant(`${type} [${dims}] ${data}`, make);
  }

  /** A constant that every layer that names this key has. */
  constant(key: string, make: () => Tensor): Ref {
    return this.#builder.cached(key, `${this.path}/constant`, make);
  }

  /** A float32 weight of the layer, of a shape with this many dimensions. ERR_MODEL_FORMAT where there is none. */
  weight(name: string, rank: number): Tensor<'float32'> {
    const tensor = this.#weights.read(this.#find(name));
    if (tensor.type !== 'float32') throw this.error('ERR_DTYPE', `weight ${name}: expected float32, got ${tensor.type}`);
    if (tensor.dims.length !== rank) {
      throw this.error('ERR_SHAPE', `weight ${name}: expected ${rank} dimensions, got [${tensor.dims.join(', ')}]`);
    }
    return tensor as Tensor<'float32'>;
  }

  /**
   * The weight as a constant, in the order and shape that `arrange` gives it, which is the same for all layers of a class. There is one,
   * however often the layer is called, and however many layers in other models say that they have it.
   */
  parameter(name: string, rank: number, arrange: (weight: Tensor<'float32'>) => Tensor = (weight) => weight): Ref {
    const found = this.#find(name);
    return this.#builder.cached(`${this.className} ${found}`, found, () => arrange(this.weight(name, rank)));
  }

  /** The bias, where the layer has one. */
  bias(): Ref | undefined {
    return this.config.boolean('use_bias', true) ? this.parameter('bias', 1) : undefined;
  }

  hasWeight(name: string): boolean {
    return this.#weights.find(`${this.name}/${name}`) !== undefined;
  }

  #find(name: string): string {
    const found = this.#weights.find(`${this.name}/${name}`);
    if (found !== undefined) return found;
    throw this.error('ERR_MODEL_FORMAT', `expected a weight named ${JSON.stringify(`${this.name}/${name}`)}, got none`);
  }

  /** The call of a layer that this one wraps: the same inputs, another configuration, weights below this one's. */
  inner(name: string, className: string, config: unknown, inputs = this.inputs): LayerCall {
    return new LayerCall({
      name: `${this.name}/${name}`,
      path: this.path,
      className,
      config: new Fields(config, this.config.where, this.name),
      inputs,
      builder: this.#builder,
      weights: this.#weights,
    });
  }

  unsupported(what: string): OctensorError {
    return this.config.unsupported(what);
  }

  error(code: OctensorError['code'], message: string): OctensorError {
    return this.config.error(code, message);
  }
}
