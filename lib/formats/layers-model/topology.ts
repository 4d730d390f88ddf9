/**
 * The topology of a Layers model as its `config` describes it: layers, and for each the calls that apply it to tensors. A layer that
 * is called twice shares its weights; a model inside a model is a layer.
 */
import { describe } from '../../errors.js';
import { Fields, isInteger, isObject, maxSize, plain } from './fields.js';

/** One output of one call of a layer. */
export interface TensorRef {
  readonly layer: string;
  readonly call: number;
  readonly tensor: number;
}

export interface LayerDefinition {
  readonly name: string;
  readonly className: string;
  readonly config: Fields;
  /** What each call is applied to; an input layer has one call on nothing. */
  readonly calls: readonly (readonly TensorRef[])[];
  /** Of a layer that is a model. */
  readonly model?: ModelDefinition;
}

export interface ModelDefinition {
  readonly name: string;
  readonly layers: ReadonlyMap<string, LayerDefinition>;
  readonly inputs: readonly TensorRef[];
  readonly outputs: readonly TensorRef[];
}

export const inputClass = 'InputLayer';

const maxDepth = 32;
const maxLayers = 2 ** 16;
/** Names stand in errors and in the names of nodes and values. */
const maxNameLength = 1024;

/** Throws ERR_MODEL_FORMAT for what is no topology, ERR_UNSUPPORTED_OP for models nested more than 32 deep. */
export function readTopology(topology: Fields): ModelDefinition {
  return readModel(topology, 0, { left: maxLayers });
}

function readModel(given: Fields, depth: number, budget: { left: number }): ModelDefinition {
  if (depth >= maxDepth) throw given.unsupported(`a model nested more than ${maxDepth} deep`);
  const className = given.string('class_name');
  // Old versions wrote the list of a Sequential's layers as its config
  const config = Array.isArray(given.raw('config'))
    ? new Fields({ layers: given.raw('config') }, given.where)
    : given.object('config');
  const name = config.string('name', 'model');
  const entries = config.list('layers').map((value, i) => {
    if (budget.left-- <= 0) throw given.unsupported(`a model of more than ${maxLayers} layers`);
    return readEntry(value, i, given.where, depth, budget);
  });
  if (className === 'Sequential') return readSequential(name, given, entries);
  if (!isModelClass(className)) throw given.unsupported(`a model of class ${describe(className)}`);

  const layers = new Map<string, LayerDefinition>();
  for (const { entry, ...layer } of entries) {
    if (layers.has(layer.name)) throw layer.config.error('ERR_MODEL_FORMAT', 'expected a name that no other layer has');
    const calls =
      layer.className === inputClass ? [[]] : entry.list('inbound_nodes').map((call) => readCall(call, layer.config));
    layers.set(layer.name, { ...layer, calls });
  }
  const unshift = firstCalls(layers.values(), config);
  const refs = (key: string) => refsOf(config.list(key), config, key).map(unshift);
  const shifted = [...layers].map(
    ([key, layer]) => [key, { ...layer, calls: layer.calls.map((call) => call.map(unshift)) }] as const,
  );
  return { name, layers: new Map(shifted), inputs: refs('input_layers'), outputs: refs('output_layers') };
}

const isModelClass = (className: string) => ['Model', 'Functional', 'Sequential'].includes(className);

interface Entry extends Omit<LayerDefinition, 'calls'> {
  readonly entry: Fields;
}

function readEntry(value: unknown, index: number, where: string, depth: number, budget: { left: number }): Entry {
  const unnamed = new Fields(value, `${where}: layer ${index}`);
  const className = unnamed.string('class_name');
  const config = isModelClass(className) && !isObject(unnamed.raw('config')) ? undefined : unnamed.object('config');
  const name = unnamed.string('name', config?.has('name') ? config.string('name') : `layer_${index}`);
  if (name === '' || name.length > maxNameLength) throw unnamed.wrong('name', 'a name of a reasonable length', name);
  const label = `layer ${describe(name)} (${className.slice(0, 40)})`;
  const entry = new Fields(value, label, name);
  const shared = { name, className, entry, config: new Fields(unnamed.raw('config') ?? {}, label, name) };
  return isModelClass(className) ? { ...shared, model: readModel(entry, depth + 1, budget) } : shared;
}

/** A chain; the shape of its input is that of its first layer. */
function readSequential(name: string, given: Fields, entries: readonly Entry[]): ModelDefinition {
  const [first] = entries;
  if (first === undefined) throw given.error('ERR_MODEL_FORMAT', 'expected a layer at least, got none');
  const layers = new Map<string, LayerDefinition>();
  let last: TensorRef | undefined;
  if (first.className !== inputClass) {
    const input = uniqueInputName(first.name, entries);
    const config = new Fields(inputConfigOf(first), first.config.where, first.name);
    layers.set(input, { name: input, className: inputClass, config, calls: [[]] });
    last = { layer: input, call: 0, tensor: 0 };
  }
  const input = last ?? { layer: first.name, call: 0, tensor: 0 };
  for (const { entry: _, ...layer } of entries) {
    if (layers.has(layer.name)) throw layer.config.error('ERR_MODEL_FORMAT', 'expected a name that no other layer has');
    layers.set(layer.name, { ...layer, calls: [last === undefined ? [] : [last]] });
    last = { layer: layer.name, call: 0, tensor: 0 };
  }
  return { name, layers, inputs: [input], outputs: [last!] };
}

/** A model that begins another has the shape in its own first layer. */
function inputConfigOf({ config, model }: Entry): object {
  for (let [own, inner] = [config, model]; ; ) {
    if (own.has('batch_input_shape')) {
      return { batch_input_shape: own.raw('batch_input_shape'), ...(own.has('dtype') && { dtype: own.raw('dtype') }) };
    }
    const start = inner?.inputs[0];
    const layer = start === undefined ? undefined : inner!.layers.get(start.layer);
    if (layer === undefined) return {};
    [own, inner] = [layer.config, layer.model];
  }
}

function uniqueInputName(name: string, entries: readonly Entry[]): string {
  const taken = new Set(entries.map((entry) => entry.name));
  let input = `${name}_input`;
  while (taken.has(input)) input += '_';
  return input;
}

function readCall(call: unknown, layer: Fields): readonly TensorRef[] {
  if (!Array.isArray(call)) throw layer.wrong('inbound_nodes', 'lists of [layer, call, tensor]', call);
  return refsOf(call, layer, 'inbound_nodes');
}

/** `[[layer, call, tensor, arguments?], ...]`, or one such alone. */
function refsOf(list: readonly unknown[], fields: Fields, key: string): readonly TensorRef[] {
  const entries = typeof list[0] === 'string' ? [list] : list;
  return entries.map((entry) => {
    const [layer, call = 0, tensor = 0, given] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
    if (typeof layer !== 'string' || !isInteger(call, 0, maxSize) || !isInteger(tensor, 0, maxSize)) {
      throw fields.wrong(key, '[layer, call, tensor]', entry);
    }
    if (isObject(given)) checkArguments(given, fields);
    return { layer, call, tensor };
  });
}

/** `training`, which Keras records, is false whenever a model runs here. */
function checkArguments(given: Readonly<Record<string, unknown>>, fields: Fields): void {
  const other = Object.keys(given).find((key) => plain(key) !== 'training' && given[key] !== null);
  if (other !== undefined) throw fields.unsupported(`a call with the argument ${describe(other)}`);
}

/**
 * A model that is a layer was called once when it was made itself, and some versions count that call: then its first one here is
 * number 1.
 */
function firstCalls(layers: Iterable<LayerDefinition>, config: Fields): (ref: TensorRef) => TensorRef {
  const all = [...layers];
  const models = new Set(all.filter((layer) => layer.model !== undefined).map(({ name }) => name));
  if (models.size === 0) return (ref) => ref;
  const zero = new Set<string>();
  const used = [
    ...all.flatMap((layer) => layer.calls.flat()),
    ...refsOf(config.list('output_layers'), config, 'output_layers'),
  ];
  for (const { layer, call } of used) if (call === 0) zero.add(layer);
  return (ref) => (models.has(ref.layer) && !zero.has(ref.layer) ? { ...ref, call: ref.call - 1 } : ref);
}
