/**
 * The patches of a layer's input: what its weights are multiplied with for one place of the output (im2col, one column at a
 * time).
 */
import { AttributeReader, nodeError } from '../../ops/op.js';
import { extentOf, parseWindow } from '../../ops/window.js';
import type { Layer } from './layer.js';

export interface Patches {
  /** Places of the output, those of all batches. */
  readonly count: number;
  /**
   * Element k of the patch at `place`, of all groups one after the other, goes to into[k · stride + offset]. Zeros are not
   * written.
   */
  read(x: Float32Array, place: number, into: Float64Array, offset: number, stride: number): void;
}

/** Throws ERR_SHAPE for an input that the layer cannot have. */
export function patchesOf(layer: Layer, dims: readonly number[]): Patches {
  const { node } = layer;
  if (node.op === 'Conv2D' || node.op === 'DepthwiseConv2D') return windows(layer, dims);
  const { patch } = layer;
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size % patch !== 0) throw nodeError('ERR_SHAPE', node, `expected rows of ${patch}, got shape [${dims.join(', ')}]`);
  return {
    count: size / patch,
    read(x, place, into, offset, stride) {
      for (let k = 0; k < patch; k++) into[k * stride + offset] = x[place * patch + k]!;
    },
  };
}

function windows({ node, dims: weights, groups, depth, patch }: Layer, dims: readonly number[]): Patches {
  const [batches = 0, height = 0, width = 0, channels = 0] = dims;
  const [, kernelHeight, kernelWidth] = weights as readonly [number, number, number, number];
  const window = parseWindow(new AttributeReader(node));
  const [vertical, horizontal] = [extentOf(window, 0, height, kernelHeight), extentOf(window, 1, width, kernelWidth)];
  if (dims.length !== 4 || channels !== groups * depth || vertical.size < 1 || horizontal.size < 1) {
    throw nodeError('ERR_SHAPE', node, `expected [N, H, W, ${groups * depth}] that its window fits, got [${dims.join(', ')}]`);
  }
  const { strides, dilations } = window;
  return {
    count: batches * vertical.size * horizontal.size,
    read(x, place, into, offset, stride) {
      const row = Math.floor(place / horizontal.size);
      const [n, oy, ox] = [Math.floor(row / vertical.size), row % vertical.size, place % horizontal.size];
      for (let ky = 0; ky < kernelHeight; ky++) {
        const y = oy * strides[0] - vertical.before + ky * dilations[0];
        if (y < 0 || y >= height) continue;
        for (let kx = 0; kx < kernelWidth; kx++) {
          const pixel = ox * strides[1] - horizontal.before + kx * dilations[1];
          if (pixel < 0 || pixel >= width) continue;
          const from = ((n * height + y) * width + pixel) * channels;
          for (let c = 0; c < channels; c++) {
            const k = Math.floor(c / depth) * patch + (ky * kernelWidth + kx) * depth + (c % depth);
            into[k * stride + offset] = x[from + c]!;
          }
        }
      }
    },
  };
}
