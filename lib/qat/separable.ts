/** A separable convolution is two products. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayerConfig, ProductName } from './layers/products.js';

export interface ProductPart {
  readonly product: ProductName;
  /** Of its layer's name. */
  readonly suffix: string;
  readonly config: LayerConfig;
  readonly weights: Tensor[];
}

/** `weights`: [height, width, C, multiplier], [1, 1, C · multiplier, filters] and perhaps a bias [filters]. */
export function separableParts(config: LayerConfig, weights: Tensor[]): readonly ProductPart[] {
  const { kernelSize, strides, padding, dilationRate, depthMultiplier, filters, useBias } = config;
  const [depthwise, ...pointwise] = weights;
  return [
    {
      product: 'depthwise',
      suffix: '_depthwise',
      config: {
        ...{ kernelSize, strides, padding, dilationRate, depthMultiplier, useBias: false },
        ...of(config, 'depthwise', 'depthwise'),
      } as LayerConfig,
      weights: [depthwise!],
    },
    {
      product: 'conv2d',
      suffix: '_pointwise',
      config: {
        ...{ kernelSize: [1, 1], strides: [1, 1], padding: 'valid', dilationRate: [1, 1], filters, useBias },
        ...of(config, 'pointwise', 'kernel'),
        ...of(config, 'bias', 'bias'),
        activation: config.activation,
      } as LayerConfig,
      weights: pointwise,
    },
  ];
}

/** What a configuration says of one of its weights, by the name that another layer has for it. */
function of(config: LayerConfig, from: string, to: string): LayerConfig {
  const names = ['Initializer', 'Regularizer', 'Constraint'];
  return Object.fromEntries(names.map((name) => [`${to}${name}`, config[`${from}${name}`] ?? null])) as LayerConfig;
}
