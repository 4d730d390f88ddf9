/** Two graphs, made comparable: fed by the same tensors, in the same order, as real numbers. */
import type { Graph } from '../graph/graph.js';
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.js';
import { foldConstants } from '../passes/fold-constants.js';
import { cancelTransposes } from '../passes/layout.js';
import { runPasses } from '../passes/pass.js';
import { removeIdentities } from '../passes/remove-identities.js';
import { resolveGraph } from '../plan/resolve.js';
import { specializeGraph } from '../plan/specialize.js';
import type { QParams } from '../quant/qparams.js';
import type { Tensor } from '../tensor.js';

const passes = [foldConstants, removeIdentities, cancelTransposes, eliminateDeadNodes];

/** For these shapes of its inputs, images in NHWC, as a float graph is that was prepared for quantization: a file has NCHW. */
export function withoutTransposes(graph: Graph, inputDims: ReadonlyMap<string, readonly number[]>): Graph {
  return runPasses(specializeGraph(graph, resolveGraph(graph), inputDims), passes).graph;
}

/** Real numbers for inputs that are quantized: quantized as those are. */
export function feedsFor({ inputs, values }: Graph, feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.flatMap((name) => {
      const tensor = feeds[name];
      if (tensor === undefined) return [];
      const { type, qparams } = values.get(name)!;
      return [[name, tensor.type === 'float32' && type === qparams?.dtype ? tensor.quantize(qparams) : tensor]];
    }),
  );
}

/** float32, dequantized where the tensor holds integers that mean something else; undefined for other types. */
export function realsOf({
  tensor,
  qparams,
}: {
  readonly tensor: Tensor;
  readonly qparams?: QParams;
}): Tensor<'float32'> | undefined {
  if (qparams !== undefined && tensor.type === qparams.dtype) return tensor.dequantize(qparams);
  return tensor.type === 'float32' ? (tensor as Tensor<'float32'>) : undefined;
}
