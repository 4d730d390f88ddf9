/** The layers that take the place of products, each with the parts of the layer that it is made of. */
import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { CheckedConfig, Place } from './config.js';
import { productNames } from './layers/products.js';
import { QuantizedProduct } from './layers/quantized-product.js';
import { type ProductPart, separableParts } from './separable.js';
import type { Step } from './steps.js';

/** One, or two of a separable convolution. */
export function partsOf({ kind, layer }: Step): readonly ProductPart[] {
  const [config, weights] = [layer.getConfig(), layer.getWeights()];
  return kind === 'SeparableConv2D'
    ? separableParts(config, weights)
    : [{ product: productNames[kind]!, suffix: '', config, weights }];
}

export class ProductLayers {
  readonly #config: CheckedConfig;
  /** Layers that are called several times keep one set of weights. */
  readonly #known = new Map<string, QuantizedProduct>();

  constructor(config: CheckedConfig) {
    this.#config = config;
  }

  /** What a part of a product computes of `x`, with the BatchNormalization behind it, if it has one. */
  apply(step: Step, part: ProductPart, place: Place, x: SymbolicTensor, norm?: Step): SymbolicTensor {
    const key = `${step.layer.id}${part.suffix}:${norm?.layer.id ?? ''}`;
    const layer = this.#known.get(key) ?? this.#make(step, part, place, norm);
    this.#known.set(key, layer);
    const y = layer.apply(x) as SymbolicTensor;
    layer.initialize(part.weights, norm?.layer.getWeights() ?? []);
    return y;
  }

  #make(step: Step, { product, suffix, config }: ProductPart, place: Place, norm?: Step): QuantizedProduct {
    const { delay, schedule } = this.#config;
    return new QuantizedProduct({
      name: `${step.name}${suffix}`,
      trainable: step.layer.trainable && norm?.layer.trainable !== false,
      product,
      layer: { ...config, activation: 'linear' },
      norm: norm?.layer.getConfig() ?? null,
      quantizer: this.#config.weights(step.name, place) ?? null,
      delay,
      schedule,
    });
  }
}
