/**
 * Which elements share a scale. `split` views a tensor so that one value per group, of shape `broadcast`, broadcasts over it:
 *
 *     per tensor               any shape           broadcast []
 *     per channel              any shape           broadcast [1, 1, 1, C]
 *     bucket, channels last    [B, bucket, C]      broadcast [B, 1, C]
 *     bucket, channels first   [C, B, bucket]      broadcast [C, B, 1]
 *
 * B = ceil(inputs / bucket); what a last bucket lacks is filled with zeros, which count neither in means nor in ranges that hold 0.
 */
import { div, max, maximum, min, neg, pad, reshape, slice, sum, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { QuantizerOptions } from './quantizer.js';

export interface Groups {
  /** Of a weight with one value per group: [], [C], [B, C] or [C, B]. */
  readonly shape: readonly number[];
  readonly broadcast: readonly number[];
  split(x: Tensor): Tensor;
  /** Back to the shape of the weights (of x, where nothing was moved). */
  join(y: Tensor): Tensor;
  /** One value per group, of shape `broadcast`, from what `split` gives. */
  sum(x: Tensor): Tensor;
  mean(x: Tensor): Tensor;
  min(x: Tensor): Tensor;
  max(x: Tensor): Tensor;
  maxAbs(x: Tensor): Tensor;
  /** Elements of one group; of activations, of one example. */
  count(x: Tensor): number;
  /** Of buckets: how the weights are a matrix. */
  readonly bucket?: { readonly size: number; readonly dims: readonly [number, number]; readonly axis: 0 | 1 };
}

export function groupsOf({ target, granularity, axis }: QuantizerOptions, shape: readonly (number | null)[]): Groups {
  const same = { split: (x: Tensor) => x, join: (y: Tensor) => y };
  if (granularity === undefined || granularity === 'per-tensor') {
    const count = (x: Tensor) => (target === 'activations' ? x.size / Math.max(1, x.shape[0] ?? 1) : x.size);
    return { shape: [], broadcast: [], ...same, ...reductions(undefined, count), count };
  }
  const dims = shape as readonly number[];
  const channel = axis ?? dims.length - 1;
  const channels = dims[channel]!;
  if (granularity === 'per-channel') {
    const count = (x: Tensor) => x.size / channels;
    const axes = dims.map((_, i) => i).filter((i) => i !== channel);
    return {
      shape: [channels],
      broadcast: dims.map((_, i) => (i === channel ? channels : 1)),
      ...same,
      ...reductions(axes, count),
      count,
    };
  }
  return bucketGroups(dims, granularity.bucket, channels, channel !== dims.length - 1 || dims.length === 1);
}

function bucketGroups(dims: readonly number[], size: number, channels: number, isChannelFirst: boolean): Groups {
  const inputs = dims.reduce((product, dim) => product * dim, 1) / channels;
  const buckets = Math.ceil(inputs / size);
  const missing = buckets * size - inputs;
  const matrix: [number, number] = isChannelFirst ? [channels, inputs] : [inputs, channels];
  const padded: [number, number] = isChannelFirst ? [channels, inputs + missing] : [inputs + missing, channels];
  const view = isChannelFirst ? [channels, buckets, size] : [buckets, size, channels];
  const padding: [number, number][] = matrix.map((length, i) => [0, padded[i]! - length]);
  const axis = isChannelFirst ? 2 : 1;
  // The last bucket of a channel divides by what it has
  const counts = Array.from({ length: buckets }, (_, b) => Math.min(size, inputs - b * size));
  const reduce = reductions([axis], () => size);
  return {
    shape: isChannelFirst ? [channels, buckets] : [buckets, channels],
    broadcast: isChannelFirst ? [channels, buckets, 1] : [buckets, 1, channels],
    split(x) {
      const rows = reshape(x, matrix);
      return reshape(missing === 0 ? rows : pad(rows, padding as [[number, number], [number, number]]), view);
    },
    join(y) {
      const rows = reshape(y, padded);
      return reshape(missing === 0 ? rows : slice(rows, [0, 0], matrix), [...dims]);
    },
    ...reduce,
    mean: (x) => div(sum(x, axis, true), tensor(counts, isChannelFirst ? [1, buckets, 1] : [buckets, 1, 1])),
    count: () => Math.min(size, inputs),
    bucket: { size, dims: matrix, axis: isChannelFirst ? 1 : 0 },
  };
}

function reductions(axes: number[] | undefined, count: (x: Tensor) => number) {
  const keep = axes !== undefined;
  const total = (x: Tensor) => sum(x, axes, keep);
  const greatest = (x: Tensor) => max(x, axes, keep);
  const least = (x: Tensor) => min(x, axes, keep);
  return {
    sum: total,
    mean: (x: Tensor) => div(total(x), axes === undefined ? x.size : count(x)) as Tensor,
    min: least,
    max: greatest,
    maxAbs: (x: Tensor) => maximum(neg(least(x)), greatest(x)) as Tensor,
  };
}
