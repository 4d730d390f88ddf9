/**
 * TensorFlow.js Layers models as graphs of our operators: model.json with its files of weights, or `tf.io` artifacts in memory.
 * TensorFlow.js itself is not needed. Layers compute what they do at inference; a node has the name of its layer.
 */
import { dirname } from 'node:path';
import { describe, OctensorError } from '../../errors.js';
import type { Dim, Graph, Value } from '../../graph/graph.js';
import { ExternalData } from '../external-data.js';
import { type LayersModelArtifacts, readArtifacts, readModelJson, type Source } from './artifacts.js';
import { GraphBuilder, type Ref } from './builder.js';
import { isInteger, maxSize } from './fields.js';
import { batchName, inferValues } from './infer.js';
import type { LayerRule } from './layer-call.js';
import { ModelLowering } from './lower-model.js';
import { type LayerDefinition, type ModelDefinition, readTopology, type TensorRef } from './topology.js';

export type { LayersModelArtifacts } from './artifacts.js';
export type { Ref } from './builder.js';
export { LayerCall, type LayerRule } from './layer-call.js';

export interface LayersImportOptions {
  /** Of model.json; its weights are looked for beside it, and nowhere else. */
  readonly path?: string | undefined;
}

export interface ImportedLayers {
  readonly graph: Graph;
  /** Of each layer, by its name behind those of the models around it (`outer/inner`): the values that its calls give, in order. */
  readonly layerValues: ReadonlyMap<string, readonly string[]>;
}

/**
 * The graph of a model.json. Throws ERR_MODEL_FORMAT for what is no valid model, ERR_UNSUPPORTED_OP for a layer, or an option of one,
 * that is not implemented, ERR_SHAPE for weights that do not fit; each names the layer and its class.
 */
export function importLayersModel(bytes: Uint8Array, { path }: LayersImportOptions = {}): Graph {
  return importSource(readModelJson(bytes, new ExternalData(path === undefined ? undefined : dirname(path)))).graph;
}

/** As `importLayersModel`, of a model in memory. `rules` are for classes of layers that are not tfjs's own, by class name. */
export function importLayers(artifacts: LayersModelArtifacts, rules?: ReadonlyMap<string, LayerRule>): ImportedLayers {
  return importSource(readArtifacts(artifacts), rules);
}

function importSource({ topology, weights }: Source, rules?: ReadonlyMap<string, LayerRule>): ImportedLayers {
  const model = readTopology(topology);
  const builder = new GraphBuilder();
  const inputs = model.inputs.map((ref) => addInput(builder, model, ref));
  const names = inputs.map(({ value }) => value);
  if (new Set(names).size !== names.length) {
    throw topology.error('ERR_MODEL_FORMAT', `input_layers: expected each once, got ${names.join(', ').slice(0, 100)}`);
  }
  const lowering = new ModelLowering(builder, weights, rules);
  const outputs = distinct(builder, lowering.lower(model, inputs, ''), new Set(names));
  const { nodes, values, constants } = builder;
  // Sizes of images that are left open become known when the graph runs
  const isOpen = [...values.values()].some(({ dims }) => dims!.includes(null));
  if (!isOpen) inferValues(nodes, values, constants);
  else for (const { value, type } of outputs) if (!values.has(value)) values.set(value, { name: value, type });
  const graph: Graph = {
    name: model.name,
    numerics: 'onnx',
    inputs: names,
    outputs: outputs.map(({ value }) => value),
    values,
    constants,
    states: [],
    nodes,
    metadata: { format: 'layers-model' },
  };
  return { graph, layerValues: lowering.layerValues };
}

const inputTypes = ['float32', 'int32', 'bool'] as const;
const maxRank = 16;

function addInput(builder: GraphBuilder, { layers }: ModelDefinition, ref: TensorRef): Ref {
  const layer = layers.get(ref.layer);
  if (layer === undefined || ref.call !== 0 || ref.tensor !== 0) {
    const message = `input_layers: expected an input layer, got ${describe(ref.layer)}, call ${ref.call}, output ${ref.tensor}`;
    throw new OctensorError('ERR_MODEL_FORMAT', message);
  }
  const { config } = layer;
  const type = config.oneOf('dtype', inputTypes, 'float32');
  const dims = inputDims(layer);
  builder.values.set(ref.layer, { name: ref.layer, type, dims } satisfies Value);
  return { value: builder.freshName(ref.layer), type, rank: dims.length };
}

/** Keras writes `batch_input_shape`, and `batch_shape` in later versions. */
function inputDims({ config }: LayerDefinition): readonly Dim[] {
  const key = config.has('batch_shape') ? 'batch_shape' : 'batch_input_shape';
  return config.list(key, maxRank).map((dim, i) => {
    if (dim === null) return i === 0 ? batchName : null;
    if (isInteger(dim, 1, maxSize)) return dim;
    throw config.wrong(key, 'dimensions from 1 on, or null', dim);
  });
}

/** A value that is returned twice, or is an input, gets a name of its own. */
function distinct(builder: GraphBuilder, outputs: readonly Ref[], taken: Set<string>): readonly Ref[] {
  return outputs.map((ref) => {
    const value = taken.has(ref.value) ? builder.freshName(`${ref.value}/output`) : ref.value;
    const own = { ...ref, value };
    if (value !== ref.value) builder.add(value, 'Identity', {}, [ref], [own]);
    taken.add(value);
    return own;
  });
}
