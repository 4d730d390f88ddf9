/** Layers again, in another model. */
import type { serialization } from '@tensorflow/tfjs-core';
import type { layers, SymbolicTensor } from '@tensorflow/tfjs-layers';

type Constructor = serialization.SerializableConstructor<layers.Layer> & {
  fromConfig: serialization.FromConfigMethod<layers.Layer>;
};

/** What a layer of the same configuration and weights computes of `inputs`. */
export function copyOf(layer: layers.Layer, name: string, inputs: SymbolicTensor | SymbolicTensor[]): SymbolicTensor {
  const { trainable } = layer;
  const type = layer.constructor as Constructor;
  const copy = type.fromConfig(type, { ...layer.getConfig(), name, trainable });
  const output = copy.apply(inputs) as SymbolicTensor;
  if (layer.weights.length > 0) copy.setWeights(layer.getWeights());
  return output;
}
