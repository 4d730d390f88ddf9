/** A model as a list of calls of layers, models inside it taken apart. */
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { describe, OctensorError } from '../errors.js';

/** One call of one layer, which computes one tensor. */
export interface Step {
  /** Of the layer, with the model that it is in and the call's number, where it has those. */
  readonly name: string;
  readonly layer: layers.Layer;
  readonly kind: string;
  readonly inputs: readonly Step[];
  /** Steps that read it, once for each time that they do. */
  readonly readers: Step[];
  readonly shape: readonly (number | null)[];
  readonly isOutput: boolean;
}

export interface Steps {
  /** Each after those that it reads; inputs of the model first. */
  readonly all: readonly Step[];
  readonly inputs: readonly Step[];
  readonly outputs: readonly Step[];
}

/** A model, or one call of a model inside it. */
interface Scope {
  readonly prefix: string;
  /** By the id of the tensor. */
  readonly known: Map<number, Step>;
  readonly calls: Map<string, Scope>;
}

/** ERR_UNSUPPORTED_OP, naming the layer, for those with several results; ERR_OPTION for a model that has not been built. */
export function stepsOf(model: LayersModel): Steps {
  const isBuilt = Array.isArray(model?.inputs) && Array.isArray(model.outputs) && model.outputs.length > 0;
  if (!isBuilt)
    throw new OctensorError('ERR_OPTION', 'model: expected a LayersModel with known shapes, got none or one not built');
  const all: Step[] = [];
  const outputs = new Set<Step>();
  const names = new Set<string>();
  const scope: Scope = { prefix: '', known: new Map(), calls: new Map() };
  for (const tensor of model.inputs) add(tensor, scope, []);
  const results = model.outputs.map((tensor) => visit(tensor, scope));
  for (const step of results) outputs.add(step);
  const given = model.inputs.map(({ id }) => scope.known.get(id)!);
  return { all, inputs: given, outputs: results };

  function visit(tensor: SymbolicTensor, where: Scope): Step {
    const known = where.known.get(tensor.id);
    if (known !== undefined) return known;
    const { sourceLayer: layer, inputs, outputTensorIndex = 0 } = tensor;
    const read = inputs.map((each) => visit(each, where));
    if (isModel(layer)) {
      const call = `${layer.name}:${tensor.nodeIndex}`;
      const inner = where.calls.get(call) ?? { prefix: `${where.prefix}${layer.name}_`, known: new Map(), calls: new Map() };
      where.calls.set(call, inner);
      for (const [i, each] of layer.inputs.entries()) inner.known.set(each.id, read[i]!);
      const result = visit(layer.outputs[outputTensorIndex]!, inner);
      where.known.set(tensor.id, result);
      return result;
    }
    if (outputTensorIndex !== 0) {
      throw new OctensorError('ERR_UNSUPPORTED_OP', `layer ${describe(layer.name)}: expected one result, got several`);
    }
    return add(tensor, where, read);
  }

  function add(tensor: SymbolicTensor, where: Scope, inputs: readonly Step[]): Step {
    const { sourceLayer: layer, shape } = tensor;
    const base = `${where.prefix}${layer.name}`;
    let name = base;
    for (let call = 1; names.has(name); call++) name = `${base}_${call}`;
    names.add(name);
    const step: Step = {
      name,
      layer,
      kind: layer.getClassName(),
      inputs,
      readers: [],
      shape,
      get isOutput() {
        return outputs.has(step);
      },
    };
    for (const each of inputs) each.readers.push(step);
    where.known.set(tensor.id, step);
    all.push(step);
    return step;
  }
}

function isModel(layer: layers.Layer): layer is LayersModel {
  return Array.isArray((layer as LayersModel).layers);
}
