/** Nodes for every call of every layer of a model, and of the models inside it. */
import { describe, OctensorError } from '../../errors.js';
import type { GraphBuilder, Ref } from './builder.js';
import { LayerCall, type LayerRule } from './layer-call.js';
import { layerRules } from './layers/index.js';
import { type Call, keyOf, orderedCalls } from './order.js';
import { inputClass, type ModelDefinition } from './topology.js';
import type { Weights } from './weights.js';

/** A model that is called twice by one that is called twice, and so on, would grow without end. */
const maxCalls = 2 ** 16;
/** Names of models around a layer stand before its own, in every node and value. */
const maxPathLength = 1024;

export class ModelLowering {
  readonly #builder: GraphBuilder;
  readonly #weights: Weights;
  readonly #rules: ReadonlyMap<string, LayerRule>;
  #left = maxCalls;
  /** Of each layer, by its path, the names of the values that its calls give. */
  readonly layerValues = new Map<string, string[]>();

  /** `rules`: of classes that are not tfjs's own. */
  constructor(builder: GraphBuilder, weights: Weights, rules?: ReadonlyMap<string, LayerRule>) {
    this.#builder = builder;
    this.#weights = weights;
    this.#rules = new Map([...layerRules, ...(rules ?? [])]);
  }

  /** `inputs`: what stands for the model's inputs, in their order. */
  lower(model: ModelDefinition, inputs: readonly Ref[], scope: string): readonly Ref[] {
    const results = new Map<string, readonly Ref[]>();
    for (const [i, { layer, call }] of model.inputs.entries()) results.set(keyOf(layer, call), [inputs[i]!]);
    const resultOf = ({ layer, call, tensor }: ModelDefinition['inputs'][number], where: string) => {
      const ref = results.get(keyOf(layer, call))?.[tensor];
      if (ref !== undefined) return ref;
      const message = `${where}: expected an output that exists, got output ${tensor} of layer ${describe(layer)}`;
      throw new OctensorError('ERR_MODEL_FORMAT', message);
    };
    for (const call of orderedCalls(model)) {
      const { layer, index } = call;
      const key = keyOf(layer.name, index);
      if (results.has(key)) continue;
      if (layer.className === inputClass) {
        throw layer.config.error('ERR_MODEL_FORMAT', 'expected an input of the model, got one that it does not list');
      }
      if (this.#left-- <= 0) throw layer.config.unsupported(`a model in which layers are called more than ${maxCalls} times`);
      const given = layer.calls[index]!.map((ref) => resultOf(ref, layer.config.where));
      results.set(key, this.#call(call, given, scope));
    }
    return model.outputs.map((ref) => resultOf(ref, 'output_layers'));
  }

  #call({ layer, index }: Call, inputs: readonly Ref[], scope: string): readonly Ref[] {
    const { name, className, config, model } = layer;
    const path = scope + name;
    if (path.length > maxPathLength) throw config.unsupported(`a path of more than ${maxPathLength} characters`);
    if (model !== undefined) {
      if (inputs.length !== model.inputs.length) {
        throw config.error('ERR_MODEL_FORMAT', `expected ${model.inputs.length} inputs, got ${inputs.length}`);
      }
      return this.#record(path, this.lower(model, inputs, `${path}/`));
    }
    const rule = this.#rules.get(className);
    if (rule === undefined) throw config.unsupported(`a layer of class ${describe(className)}`);
    const first = this.#builder.nodes.length;
    const context = { name, path, className, config, inputs, builder: this.#builder, weights: this.#weights };
    const call = new LayerCall(context);
    const returned = rule(call);
    const refs = (Array.isArray(returned) ? returned : [returned]) as readonly Ref[];
    return this.#record(path, this.#named(call, refs, first, index));
  }

  /** Outputs have the layer's name: `lstm`, further ones `lstm:1`; of its second call `lstm/1`. Each is a value of its own. */
  #named(call: LayerCall, refs: readonly Ref[], first: number, index: number): readonly Ref[] {
    const own: Ref[] = [];
    for (const ref of refs) {
      const isFree = this.#builder.makes(first, ref.value) && !own.some(({ value }) => value === ref.value);
      own.push(isFree ? ref : call.add('Identity', {}, [ref]));
    }
    if (!call.hasMainNode) this.#builder.nameLast(call.path);
    return own.map((ref, i) => {
      const label = `${call.path}${index === 0 ? '' : `/${index}`}${i === 0 ? '' : `:${i}`}`;
      const value = this.#builder.freshName(label);
      this.#builder.rename(first, ref.value, value);
      return { ...ref, value };
    });
  }

  #record(path: string, refs: readonly Ref[]): readonly Ref[] {
    const values = this.layerValues.get(path) ?? [];
    values.push(...refs.map(({ value }) => value));
    this.layerValues.set(path, values);
    return refs;
  }
}
