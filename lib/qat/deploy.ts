/** A prepared model as artifacts of an ordinary one: folded, quantized weights, and layers that mark where activations are quantized. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { LayersModelArtifacts } from '../formats/layers-model/import.js';
import { productsOf } from './control.js';
import { FakeQuantize } from './layers/fake-quantize.js';
import type { ProductName } from './layers/products.js';
import { QuantizedProduct } from './layers/quantized-product.js';

const kinds: Readonly<Record<ProductName, { readonly className: string; readonly kernel: string }>> = {
  conv1d: { className: 'Conv1D', kernel: 'kernel' },
  conv2d: { className: 'Conv2D', kernel: 'kernel' },
  dense: { className: 'Dense', kernel: 'kernel' },
  depthwise: { className: 'DepthwiseConv2D', kernel: 'depthwise_kernel' },
};

interface SavedLayer {
  readonly name: string;
  class_name: string;
  config: { readonly [key: string]: unknown };
}

/** Layers keep their names and calls. */
export async function deployedArtifacts(model: LayersModel): Promise<LayersModelArtifacts> {
  let saved: tf.io.ModelArtifacts = {};
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  const products = new Map(productsOf(model).map((layer) => [layer.name, layer]));
  // What was saved may share objects with the model
  const topology = structuredClone(saved.modelTopology) as { readonly config: { readonly layers: readonly SavedLayer[] } };
  for (const layer of topology.config.layers) {
    const product = products.get(layer.name);
    if (product === undefined) continue;
    layer.class_name = kinds[product.product].className;
    layer.config = { ...(layer.config.layer as object), name: layer.name, use_bias: true };
  }
  const { specs, data } = weightsOf(model);
  return { modelTopology: topology, weightSpecs: specs, weightData: data };
}

/** Those of products, and as they are those of layers that stay float. */
function weightsOf(model: LayersModel): { readonly specs: object[]; readonly data: Uint8Array } {
  const specs: object[] = [];
  const parts: Uint8Array[] = [];
  const add = (name: string, tensor: tf.Tensor) => {
    specs.push({ name, shape: tensor.shape, dtype: 'float32' });
    const { buffer, byteOffset, byteLength } = tensor.dataSync<'float32'>();
    parts.push(new Uint8Array(buffer, byteOffset, byteLength));
  };
  for (const layer of model.layers) {
    if (layer instanceof FakeQuantize) continue;
    if (!(layer instanceof QuantizedProduct)) {
      for (const variable of layer.weights) add(variable.originalName, variable.read());
      continue;
    }
    const { kernel, bias } = layer.float();
    add(`${layer.name}/${kinds[layer.product].kernel}`, kernel);
    add(`${layer.name}/bias`, bias);
    tf.dispose([kernel, bias]);
  }
  return { specs, data: joined(parts) };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return data;
}
