/**
 * What a session does to a graph before it plans it: rewrites that leave less to run. They are exact, but that what folds and fuses real
 * numbers (fold-batch-norm, fuse-hard-swish, fuse-swish) may round them elsewhere.
 */
import type { Graph } from '../graph/graph.js';
import { eliminateDeadNodes } from './eliminate-dead-nodes.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { foldConstants } from './fold-constants.js';
import { foldRequantize } from './fold-requantize.js';
import { fuseActivation } from './fuse-activation.js';
import { fuseAttention } from './fuse-attention.js';
import { fuseDynamic } from './fuse-dynamic.js';
import { fuseDynamicConv } from './fuse-dynamic-conv.js';
import { fuseGelu } from './fuse-gelu.js';
import { fuseHardSwish } from './fuse-hard-swish.js';
import { fusePad } from './fuse-pad.js';
import { fuseSwish } from './fuse-swish.js';
import { cancelTransposes } from './layout.js';
import { type Optimized, type Pass, runPasses } from './pass.js';
import { usePlanarDepthwise } from './planar-depthwise.js';
import { removeIdentities } from './remove-identities.js';
import { rescaleConcat } from './rescale-concat.js';
import { splitWideProducts } from './split-wide-products.js';
import { expandTransposeConvolution } from './transpose-convolution.js';

export type { LogEntry, Optimized, Pass } from './pass.js';

export const passes: readonly Pass[] = [
  foldConstants,
  removeIdentities,
  fuseAttention,
  cancelTransposes,
  foldBatchNorm,
  expandTransposeConvolution,
  foldRequantize,
  fusePad,
  fuseGelu,
  fuseHardSwish,
  fuseSwish,
  fuseDynamic,
  fuseDynamicConv,
  fuseActivation,
  usePlanarDepthwise,
  splitWideProducts,
  rescaleConcat,
  eliminateDeadNodes,
];

/**
 * Inputs, outputs, states, their names and quantization, and metadata stay as they are; outputs that no real number
 * goes into are the same to the bit. The graph
 * must be one that `resolveGraph` lets pass; what folding constants finds wrong with a node is thrown as planning would throw it.
 */
export function optimize(graph: Graph): Optimized {
  return runPasses(graph, passes);
}
