/** One node that is to become layers, and what a rule may ask of it. */
import * as tf from '@tensorflow/tfjs-core';
import type { layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { OctensorError } from '../../errors.js';
import { nodeError, type Operand } from '../../ops/op.js';
import type { InferredNode } from '../../plan/infer.js';
import { Tensor } from '../../tensor.js';

export type Layer = layers.Layer;

/** Returns what computes the node's output. One for each operator. */
export type RebuildRule = (call: NodeCall) => SymbolicTensor;
export type RebuildRules = Readonly<Record<string, RebuildRule>>;

export class NodeCall {
  readonly #step: InferredNode;
  readonly #tensors: ReadonlyMap<string, SymbolicTensor>;
  readonly #nameOf: (name: string) => string;
  /** Layers whose weights somebody has to dispose of, should the model not be finished. */
  readonly #made: Layer[];

  constructor(
    step: InferredNode,
    tensors: ReadonlyMap<string, SymbolicTensor>,
    nameOf: (name: string) => string,
    made: Layer[],
  ) {
    this.#made = made;
    this.#step = step;
    this.#tensors = tensors;
    this.#nameOf = nameOf;
  }

  /** As the operator parsed them. */
  attributes<A>(): A {
    return this.#step.attributes as A;
  }

  get node(): InferredNode['node'] {
    return this.#step.node;
  }

  get inputs(): readonly (Operand | undefined)[] {
    return this.#step.inputs;
  }

  /** With a batch of one, where that is open. */
  get outputDims(): readonly number[] {
    return this.#step.outputs[0]!.dims;
  }

  operand(index: number): Operand {
    const operand = this.#step.inputs[index];
    if (operand === undefined) throw this.error('ERR_MODEL_FORMAT', `expected input ${index}, got none`);
    return operand;
  }

  /** What computes an input. */
  tensor(index: number): SymbolicTensor {
    const tensor = this.#tensors.get(this.operand(index).name);
    if (tensor === undefined) throw this.unsupported(`a constant as input ${index}`);
    return tensor;
  }

  /** An input that is the same in every run. */
  constant(index: number): Tensor<'float32'> {
    const { constant } = this.operand(index);
    if (constant === undefined) throw this.unsupported(`a computed value as input ${index}`);
    if (constant.type !== 'float32') throw this.unsupported(`${constant.type} as input ${index}`);
    return constant as Tensor<'float32'>;
  }

  /** A constant vector of one number for each of `length` channels, where the input is there. */
  vector(index: number, length: number): Tensor<'float32'> | undefined {
    if (this.#step.inputs[index] === undefined) return undefined;
    const { data } = this.constant(index);
    if (data.length !== length)
      throw this.unsupported(`${data.length} elements as input ${index} where there are ${length} channels`);
    return new Tensor('float32', data as Float32Array, [length]);
  }

  /**
   * Applies a new layer, which `make` makes with the name it is given, and sets its weights. `part`: what the layer is called where it
   * is not what the node is about.
   */
  apply(
    make: (name: string) => Layer,
    x: SymbolicTensor | readonly SymbolicTensor[],
    { part, weights }: { readonly part?: string; readonly weights?: readonly Tensor<'float32'>[] } = {},
  ): SymbolicTensor {
    const { name } = this.#step.node;
    const layer = make(this.#nameOf(part === undefined ? name : `${name}/${part}`));
    this.#made.push(layer);
    const y = layer.apply(x as SymbolicTensor | SymbolicTensor[]) as SymbolicTensor;
    if (weights !== undefined) {
      const tensors = weights.map(({ data, dims }) => tf.tensor(data as Float32Array, [...dims]));
      try {
        layer.setWeights(tensors);
      } finally {
        tf.dispose(tensors);
      }
    }
    return y;
  }

  /** That the layers give what the node does, the batch apart. */
  check(tensor: SymbolicTensor): void {
    const [found, expected] = [tensor.shape.slice(1), this.outputDims.slice(1)];
    if (String(found) === String(expected)) return;
    throw this.unsupported(`a result of shape [${this.outputDims}], which layers give as [${['batch', ...found]}],`);
  }

  unsupported(what: string): OctensorError {
    return this.error('ERR_UNSUPPORTED_OP', `${what} is not supported in a Layers model`);
  }

  error(code: OctensorError['code'], message: string): OctensorError {
    return nodeError(code, this.#step.node, message);
  }
}
