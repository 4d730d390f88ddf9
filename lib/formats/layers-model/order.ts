/** The order in which the calls of a model's layers can be computed (Kahn 1962). */
import { describe, OctensorError } from '../../errors.js';
import type { LayerDefinition, ModelDefinition, TensorRef } from './topology.js';

export interface Call {
  readonly layer: LayerDefinition;
  readonly index: number;
}

/** Every call after those that it reads. Throws ERR_MODEL_FORMAT for what does not exist and for cycles, naming a layer. */
export function orderedCalls({ layers, outputs }: ModelDefinition): readonly Call[] {
  const calls = new Map<string, { readonly call: Call; readonly readers: string[]; waits: number }>();
  for (const layer of layers.values()) {
    for (const index of layer.calls.keys())
      calls.set(keyOf(layer.name, index), { call: { layer, index }, readers: [], waits: 0 });
  }
  const find = (ref: TensorRef, reader: string) => {
    const found = calls.get(keyOf(ref.layer, ref.call));
    if (found !== undefined) return found;
    const message = `${reader}: expected a layer that exists and is called, got ${describe(ref.layer)}, call ${ref.call}`;
    throw new OctensorError('ERR_MODEL_FORMAT', message);
  };
  for (const [key, state] of calls) {
    const { layer, index } = state.call;
    for (const ref of layer.calls[index]!) {
      find(ref, layer.config.where).readers.push(key);
      state.waits++;
    }
  }
  for (const ref of outputs) find(ref, 'output_layers');

  const ready = [...calls.values()].filter(({ waits }) => waits === 0);
  const ordered: Call[] = [];
  for (let i = 0; i < ready.length; i++) {
    ordered.push(ready[i]!.call);
    for (const key of ready[i]!.readers) {
      const reader = calls.get(key)!;
      if (--reader.waits === 0) ready.push(reader);
    }
  }
  const stuck = [...calls.values()].find(({ waits }) => waits > 0);
  if (stuck === undefined) return ordered;
  const { config, name } = stuck.call.layer;
  throw new OctensorError('ERR_MODEL_FORMAT', `${config.where}: expected inputs that do not depend on it`, { node: name });
}

export function keyOf(layer: string, call: number): string {
  return `${call} ${layer}`;
}
