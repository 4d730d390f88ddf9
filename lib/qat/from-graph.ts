/** A float graph, imported from ONNX or TFLite, as a LayersModel: to be trained, prepared and converted. */
import { input, type LayersModel, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { describe, invalid, OctensorError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.js';
import { foldConstants } from '../passes/fold-constants.js';
import { moveTransposes } from '../passes/layout.js';
import { runPasses } from '../passes/pass.js';
import { removeIdentities } from '../passes/remove-identities.js';
import { type InferredNode, inferGraph } from '../plan/infer.js';
import { resolveGraph } from '../plan/resolve.js';
import { specializeGraph } from '../plan/specialize.js';
import { rebuildRules } from './rebuild/index.js';
import { layerNames } from './rebuild/layer-names.js';
import { type Layer, NodeCall } from './rebuild/node-call.js';

/** BatchNorm stays by itself: training folds it with the correction that this needs. */
const passes = [foldConstants, removeIdentities, moveTransposes, eliminateDeadNodes];

/**
 * A LayersModel that computes what the graph does, with its weights. Images are NHWC: an input that the graph takes as
 * [N, C, H, W] and transposes right away is [N, H, W, C] in the model. Layers have the names of the graph's nodes, without what
 * tfjs does not allow in them. Dimensions that are open, the batch apart, become those of `inputDims`, by input, or ERR_SHAPE.
 *
 * Throws ERR_UNSUPPORTED_OP, naming the node, for what no layer computes, and ERR_QUANTIZATION for a model that is quantized.
 */
export function toLayersModel(graph: Graph, inputDims: Readonly<Record<string, readonly number[]>> = {}): LayersModel {
  if (!Array.isArray(graph?.nodes)) throw invalid('ERR_OPTION', 'graph', 'a Graph', graph);
  const quantized = [...graph.values.values()].find(({ qparams }) => qparams !== undefined);
  if (quantized !== undefined) {
    throw new OctensorError(
      'ERR_QUANTIZATION',
      `expected a float model, got ${quantized.type} for ${describe(quantized.name)}`,
    );
  }
  if (graph.states.length > 0) throw new OctensorError('ERR_UNSUPPORTED_OP', 'a model with states is not supported');
  const dims = new Map(graph.inputs.map((name) => [name, knownDims(graph, name, inputDims[name])]));
  const specialized = specializeGraph(graph, resolveGraph(graph), dims);
  const prepared = runPasses(specialized, passes).graph;
  const { nodes } = inferGraph(prepared, resolveGraph(prepared), dims);
  const made: Layer[] = [];
  try {
    return new Rebuilding(prepared, nodes, dims, made).run();
  } catch (error) {
    for (const layer of made) for (const weight of layer.weights) weight.dispose();
    throw error;
  }
}

/** A batch of one, where it is open. */
function knownDims({ values }: Graph, name: string, given: readonly number[] | undefined): readonly number[] {
  const { type, dims } = values.get(name)!;
  if (type !== 'float32') throw new OctensorError('ERR_UNSUPPORTED_OP', `input ${describe(name)} of ${type} is not supported`);
  if (given !== undefined) return given;
  const known = (dims ?? [null]).map((dim, i) => (i === 0 && typeof dim !== 'number' ? 1 : dim));
  if (known.length > 1 && known.every((dim) => typeof dim === 'number')) return known;
  throw new OctensorError('ERR_SHAPE', `input ${describe(name)}: expected known dimensions, given as inputDims, got [${dims}]`);
}

class Rebuilding {
  readonly #graph: Graph;
  readonly #nodes: readonly InferredNode[];
  readonly #inputs: SymbolicTensor[] = [];
  /** Values that layers compute. */
  readonly #tensors = new Map<string, SymbolicTensor>();
  readonly #nameOf = layerNames();
  readonly #made: Layer[];

  constructor(graph: Graph, nodes: readonly InferredNode[], dims: ReadonlyMap<string, readonly number[]>, made: Layer[]) {
    this.#made = made;
    this.#graph = graph;
    this.#nodes = nodes;
    for (const name of graph.inputs) this.#addInput(name, dims.get(name)!);
  }

  run(): LayersModel {
    for (const step of this.#nodes) {
      const { node } = step;
      if (this.#tensors.has(node.outputs[0]!)) continue; // an input in another order
      const rule = rebuildRules.get(node.op);
      const call = new NodeCall(step, this.#tensors, this.#nameOf, this.#made);
      if (rule === undefined || node.outputs.length > 1) throw call.unsupported('an operator that no layer computes');
      const tensor = rule(call);
      call.check(tensor);
      this.#tensors.set(node.outputs[0]!, tensor);
    }
    const outputs = this.#graph.outputs.map((name) => {
      const tensor = this.#tensors.get(name);
      if (tensor !== undefined) return tensor;
      throw new OctensorError('ERR_UNSUPPORTED_OP', `output ${describe(name)} that depends on no input is not supported`);
    });
    return makeModel({ inputs: this.#inputs, outputs, name: this.#nameOf(this.#graph.name || 'model') });
  }

  /** In the order of the Transposes that read it, where nothing else does. */
  #addInput(name: string, dims: readonly number[]): void {
    const readers = this.#nodes.filter(({ node }) => node.inputs.includes(name));
    const perm = readers[0]?.node.op === 'Transpose' ? (readers[0].node.attributes.perm as readonly number[]) : undefined;
    const isTransposed =
      String(perm) === '0,2,3,1' &&
      !this.#graph.outputs.includes(name) &&
      readers.every(({ node }) => node.op === 'Transpose' && String(node.attributes.perm) === String(perm));
    const shape = isTransposed ? perm!.map((axis) => dims[axis]!) : dims;
    const tensor = input({ shape: shape.slice(1), name: this.#nameOf(name) });
    this.#inputs.push(tensor);
    this.#tensors.set(name, tensor);
    if (isTransposed) for (const { node } of readers) this.#tensors.set(node.outputs[0]!, tensor);
  }
}
