/** The weights that are quantized: kernels of convolutions and dense layers, of a float model and of a prepared one. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';

export interface KernelWeight {
  /** `conv/kernel`, unique. */
  readonly name: string;
  readonly weight: LayerVariable;
  /** Along the last axes: an output channel each, so that element i is of channel i % channels. */
  readonly channels: number;
}

/** `conv/kernel`, `conv/depthwise_kernel`, and `conv/kernel_2` where tfjs had the name before. */
const kernelName = /(?:^|[/_])kernel(?:_\d+)?$/;

export function kernelsOf(model: LayersModel): readonly KernelWeight[] {
  return model.trainableWeights.filter(({ originalName }) => kernelName.test(originalName)).map(kernelWeight);
}

function kernelWeight(weight: LayerVariable): KernelWeight {
  const shape = weight.shape as readonly number[];
  // A depthwise kernel is [KH, KW, C, M], and has C·M channels
  const axes = weight.originalName.includes('depthwise_kernel') ? 2 : 1;
  return { name: weight.name, weight, channels: shape.slice(-axes).reduce((product, dim) => product * dim, 1) };
}

/** The tfjs variable behind a layer's weight: what gradients are taken of. */
export function variableOf(weight: LayerVariable): tf.Variable {
  return weight.read() as tf.Variable;
}
