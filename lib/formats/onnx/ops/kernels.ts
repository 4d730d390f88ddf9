/** Weights of convolutions: how many dimensions they have, and how they become ours. */
import type { QParams } from '../../../quant/qparams.js';
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { move, type SpatialRank, spatialRank } from './images.js';

export interface Kernel {
  readonly rank: SpatialRank;
  readonly groups: number;
  /** One filter for each input channel: where the shape of the weights says so. */
  readonly isDepthwise: boolean;
}

/** Of the weights at input `index`, [O, C / groups, ...]. */
export function kernelOf(node: OnnxNode, graph: Lowering, index: number): Kernel {
  const dims = graph.dimsOf(node.required(index));
  const shape = node.ints('kernel_shape', []);
  const rank = dims === undefined ? shape.length : dims.length - 2;
  if (dims === undefined && shape.length === 0) {
    throw node.error('ERR_UNSUPPORTED_OP', 'expected kernel_shape where the weights are computed, got none');
  }
  if (dims !== undefined && (rank < 1 || (shape.length > 0 && !isShapeOf(shape, dims.slice(2))))) {
    throw node.error('ERR_MODEL_FORMAT', `expected weights with a kernel of ${shape.join(' x ')}, got [${dims.join(', ')}]`);
  }
  const groups = node.int('group', 1);
  return { rank: spatialRank(node, rank), groups, isDepthwise: groups > 1 && dims?.[1] === 1 };
}

function isShapeOf(shape: readonly number[], dims: readonly unknown[]): boolean {
  return shape.length === dims.length && dims.every((dim, i) => typeof dim !== 'number' || dim === shape[i]);
}

/** [O, C / groups, KH, KW] as the [O, KH, KW, C / groups] or, depthwise, [1, KH, KW, O] of ours. */
export function convolutionWeights(
  node: OnnxNode,
  graph: Lowering,
  weights: string,
  { rank, isDepthwise }: Kernel,
  qparams?: QParams,
): string {
  const perm = isDepthwise ? [1, 2, 3, 0] : [0, 2, 3, 1];
  const ordered = graph.add(node, 'Transpose', { perm: rank === 2 ? perm : isDepthwise ? [1, 2, 0] : [0, 2, 1] }, [weights])[0];
  const images = rank === 2 ? ordered : move(node, graph, 'ExpandDims', { axis: 1 }, ordered);
  if (qparams === undefined) return images;
  const axis = isDepthwise ? 3 : 0;
  return graph.withQParams(node, images, qparams.axis === undefined ? qparams : { ...qparams, axis });
}
