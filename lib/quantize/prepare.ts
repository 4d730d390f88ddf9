/** A graph as quantization wants it: float, of fixed shapes, images in NHWC, BatchNorm folded, clamps by themselves. */
import { describe, OctensorError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.js';
import { foldBatchNorm } from '../passes/fold-batch-norm.js';
import { foldConstants } from '../passes/fold-constants.js';
import { fuseGelu } from '../passes/fuse-gelu.js';
import { fuseHardSwish } from '../passes/fuse-hard-swish.js';
import { fuseSwish } from '../passes/fuse-swish.js';
import { globalPool } from '../passes/global-pool.js';
import { moveTransposes } from '../passes/layout.js';
import { runPasses } from '../passes/pass.js';
import { removeIdentities } from '../passes/remove-identities.js';
import { splitActivation } from '../passes/split-activation.js';
import { resolveGraph } from '../plan/resolve.js';
import { specializeGraph } from '../plan/specialize.js';

const passes = [
  foldConstants,
  removeIdentities,
  splitActivation,
  moveTransposes,
  foldBatchNorm,
  fuseGelu,
  fuseHardSwish,
  fuseSwish,
  globalPool,
  eliminateDeadNodes,
];

/** Throws ERR_QUANTIZATION for a model that is quantized already, naming what is, and what planning for these shapes throws. */
export function prepareGraph(graph: Graph, inputDims: ReadonlyMap<string, readonly number[]>): Graph {
  const computed = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  for (const { name, qparams } of graph.values.values()) {
    if (qparams === undefined || !computed.has(name)) continue;
    throw new OctensorError('ERR_QUANTIZATION', `the model is quantized already: ${describe(name)} is ${qparams.dtype}`);
  }
  const nodes = resolveGraph(graph);
  const specialized = specializeGraph(graph, nodes, inputDims);
  // Fixed point is for what TFLite quantized; what is quantized here rounds as ONNX does
  return { ...asFunctions(runPasses(specialized, passes).graph), numerics: 'onnx' };
}

/** Of 8 bits, a Gelu that a file spells out is a table, which rounds once. */
function asFunctions(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => {
    return node.op === 'ErfGelu' ? { ...node, op: 'Gelu', attributes: { approximate: 'none' } } : node;
  });
  return { ...graph, nodes };
}

/** Sizes to prepare a graph for whose dimensions are open, where there is no data: the first that it accepts. */
const triedSizes = [1, 64, 224, 320];

/** As `prepareGraph`, for shapes that the graph accepts: those of `feeds`, or declared ones. */
export function prepareForAny(
  graph: Graph,
  feeds?: Readonly<Record<string, { readonly dims: readonly number[] }>>,
): { readonly prepared: Graph; readonly dims: ReadonlyMap<string, readonly number[]> } {
  let problem: unknown;
  for (const size of triedSizes) {
    const dims = inputDimsOf(graph, feeds, size);
    try {
      return { prepared: prepareGraph(graph, dims), dims };
    } catch (error) {
      problem ??= error;
      if (!(error instanceof OctensorError) || error.code !== 'ERR_SHAPE' || feeds !== undefined) throw error;
    }
  }
  throw problem;
}

/** The shapes of the graph's inputs: those of `feeds`, or the declared ones, with a batch of 1 and `size` for what else is open. */
export function inputDimsOf(
  graph: Graph,
  feeds?: Readonly<Record<string, { readonly dims: readonly number[] }>>,
  size = 1,
): Map<string, readonly number[]> {
  return new Map(
    graph.inputs.map((name) => {
      const declared = graph.values.get(name)!.dims ?? [];
      return [name, feeds?.[name]?.dims ?? declared.map((dim, i) => (typeof dim === 'number' ? dim : i === 0 ? 1 : size))];
    }),
  );
}
