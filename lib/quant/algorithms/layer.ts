/**
 * Convolutions and matrix products with constant weights, as what they have in common: a matrix of output channels and patches.
 */
import type { Graph, Node } from '../../graph/graph.js';

/**
 * y[o] = Σ_k w[o, k] · x[k] + bias[o] for each patch x of the input: the element w[o, k] stands at o · outputStride + k ·
 * patchStride. The input channel of k, among those of o's group, is k modulo `depth`: patches are in the order KH, KW, C /
 * groups.
 */
export interface Layer {
  readonly node: Node;
  readonly weights: Float32Array;
  readonly dims: readonly number[];
  /** Output channels; those of one group stand together. */
  readonly outputs: number;
  readonly groups: number;
  /** Weights of one output channel. */
  readonly patch: number;
  /** Input channels of one group. */
  readonly depth: number;
  readonly outputStride: number;
  readonly patchStride: number;
}

type Shape = Omit<Layer, 'node' | 'weights' | 'dims'>;
type Dims = readonly [number, number, number, number];

/** Undefined for other nodes, and where weights are not constant float32. */
export function layerOf(graph: Graph, node: Node): Layer | undefined {
  const constant = graph.constants.get(node.inputs[1] ?? '');
  const input = graph.values.get(node.inputs[0] ?? '');
  if (constant?.type !== 'float32' || constant.size === 0) return undefined;
  const shape = shapeOf(node, constant.dims, input?.dims?.at(-1));
  if (shape === undefined || !(shape.groups >= 1) || shape.outputs % shape.groups !== 0) return undefined;
  return { node, weights: constant.data as Float32Array, dims: constant.dims, ...shape };
}

function shapeOf({ op, attributes }: Node, dims: readonly number[], channels: unknown): Shape | undefined {
  if (op === 'Conv2D' && dims.length === 4) {
    const [outputs, height, width, depth] = dims as Dims;
    return byRows(outputs, height * width * depth, (attributes.groups ?? 1) as number, depth);
  }
  if (op === 'DepthwiseConv2D' && dims.length === 4 && typeof channels === 'number' && channels > 0) {
    const [, height, width, outputs] = dims as Dims;
    return { outputs, groups: channels, patch: height * width, depth: 1, outputStride: 1, patchStride: outputs };
  }
  if (dims.length !== 2) return undefined;
  const [first, second] = dims as readonly [number, number];
  if (op === 'FullyConnected') return byRows(first, second, 1, second);
  if (op !== 'MatMul' || attributes.transposeA === true) return undefined;
  if (attributes.transposeB === true) return byRows(first, second, 1, second);
  return { outputs: second, groups: 1, patch: first, depth: first, outputStride: 1, patchStride: second };
}

function byRows(outputs: number, patch: number, groups: number, depth: number): Shape {
  return { outputs, groups, patch, depth, outputStride: patch, patchStride: 1 };
}

/** Output channels of one group. */
export function groupSize({ outputs, groups }: Layer): number {
  return outputs / groups;
}
