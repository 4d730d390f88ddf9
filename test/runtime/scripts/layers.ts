/** A network of equal int8 convolutions, as long as one likes, that runs on native code alone. */
import { type DataType, type Graph, Tensor, type Value } from 'octensor';
import { graphOf } from '../../support/graphs.js';

/** `layers` 3 x 3 convolutions of `channels` channels on an image of size x size. */
export function layers(count: number, size: number, channels: number): Graph {
  const qparams = { dtype: 'int8', scale: 0.05, zeroPoint: 1 } as const;
  const value = (i: number): Value => ({ name: `v${i}`, type: 'int8', dims: [1, size, size, channels], qparams });
  const weights = Int8Array.from({ length: channels * 9 * channels }, (_, i) => ((i * 37) % 31) - 15);
  const weight: Value = {
    name: 'w',
    type: 'int8',
    dims: [channels, 3, 3, channels],
    qparams: { dtype: 'int8', scale: 0.01, zeroPoint: 0 },
  };
  return graphOf({
    values: [...Array.from({ length: count + 1 }, (_, i) => value(i)), weight],
    inputs: ['v0'],
    outputs: [`v${count}`],
    constants: { w: new Tensor<DataType>('int8', weights, weight.dims as readonly number[]) },
    nodes: Array.from({ length: count }, (_, i) => ({
      op: 'Conv2D',
      attributes: { padding: 'same' },
      inputs: [`v${i}`, 'w'],
      outputs: [`v${i + 1}`],
    })),
  });
}

export function picture(size: number, channels: number, seed = 1): Tensor {
  const data = Int8Array.from({ length: size * size * channels }, (_, i) => (i * seed * 13 + (i >> 5)) & 255);
  return new Tensor<DataType>('int8', data, [1, size, size, channels]);
}
