/** Layers that multiply with weights: how each is made, computed with other weights than its own, and where its channels are. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayerVariable, layers } from '@tensorflow/tfjs-layers';

export type LayerConfig = Readonly<tf.serialization.ConfigDict>;

/** What a layer that was built shows of itself, and what tfjs-layers declares as its own business. */
export type BuiltProduct = layers.Layer & {
  readonly kernel?: LayerVariable;
  readonly depthwiseKernel?: LayerVariable;
  readonly bias?: LayerVariable | null;
};

export interface Product {
  make(config: LayerConfig): layers.Layer;
  /** The weights, whose last axis is that of output channels, or whose last two are (`isDepthwise`). */
  kernel(layer: BuiltProduct): LayerVariable;
  /** Sums of products without bias; x is [batch, ..., channels], and so is the result. */
  run(x: tf.Tensor, kernel: tf.Tensor, config: LayerConfig): tf.Tensor;
  readonly isDepthwise?: true;
}

type Pair = [number, number];
type Padding = 'valid' | 'same';

const convolution = (config: LayerConfig) => ({
  strides: config.strides as number[],
  padding: config.padding as Padding,
  dilations: config.dilationRate as number[],
});

export const products = {
  conv2d: {
    make: (config) => layers.conv2d(config as never),
    kernel: (layer) => layer.kernel!,
    run(x, kernel, config) {
      const { strides, padding, dilations } = convolution(config);
      return tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, strides as Pair, padding, 'NHWC', dilations as Pair);
    },
  },
  depthwise: {
    make: (config) => layers.depthwiseConv2d(config as never),
    kernel: (layer) => layer.depthwiseKernel!,
    run(x, kernel, config) {
      const { strides, padding, dilations } = convolution(config);
      const weights = kernel as tf.Tensor4D;
      return tf.depthwiseConv2d(x as tf.Tensor4D, weights, strides as Pair, padding, 'NHWC', dilations as Pair);
    },
    isDepthwise: true,
  },
  conv1d: {
    make: (config) => layers.conv1d(config as never),
    kernel: (layer) => layer.kernel!,
    run(x, kernel, config) {
      const { strides, padding, dilations } = convolution(config);
      return tf.conv1d(x as tf.Tensor3D, kernel as tf.Tensor3D, strides[0]!, padding as 'same', 'NWC', dilations[0]!);
    },
  },
  dense: {
    make: (config) => layers.dense(config as never),
    kernel: (layer) => layer.kernel!,
    run(x, kernel) {
      const [inputs, units] = kernel.shape as Pair;
      const rows = tf.matMul(tf.reshape(x, [-1, inputs]), kernel as tf.Tensor2D);
      return tf.reshape(rows, [...x.shape.slice(0, -1), units]);
    },
  },
} as const satisfies Record<string, Product>;

export type ProductName = keyof typeof products;
export const productOf = (name: ProductName): Product => products[name];

/** Layers of tfjs that are products as they are. */
export const productNames: Readonly<Record<string, ProductName>> = {
  Conv1D: 'conv1d',
  Conv2D: 'conv2d',
  Dense: 'dense',
  DepthwiseConv2D: 'depthwise',
};

/** With all output channels along one last axis: those of a depthwise convolution are [inputs, multiplier]. */
export function joinChannels(kernel: tf.Tensor, { isDepthwise }: Product): tf.Tensor {
  if (isDepthwise !== true) return kernel;
  const [height, width, inputs, multiplier] = kernel.shape as [number, number, number, number];
  return tf.reshape(kernel, [height, width, 1, inputs * multiplier]);
}

/** The shape of such a kernel. */
export function joinedShape(shape: readonly number[], { isDepthwise }: Product): number[] {
  if (isDepthwise !== true) return [...shape];
  const [height, width, inputs, multiplier] = shape as [number, number, number, number];
  return [height, width, 1, inputs * multiplier];
}
