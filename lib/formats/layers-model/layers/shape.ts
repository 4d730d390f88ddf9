/** Layers that move elements, and those that do nothing once a model is trained. */
import type { Ref } from '../builder.js';
import { isInteger, maxSize } from '../fields.js';
import type { LayerCall, LayerRule, LayerRules } from '../layer-call.js';
import { isChannelsFirst, onChannelsLast, pairOf } from './images.js';

const maxRank = 16;
const maxPixels = 2 ** 20;

const identity: LayerRule = (call) => call.add('Identity', {}, [call.input()]);

export const shapeRules: LayerRules = {
  ActivityRegularization: identity,
  AlphaDropout: identity,
  Dropout: identity,
  GaussianDropout: identity,
  GaussianNoise: identity,
  SpatialDropout1D: identity,
  SpatialDropout2D: identity,

  Flatten(call) {
    const x = call.input();
    const perm = [0, ...Array.from({ length: x.rank - 2 }, (_, i) => i + 2), 1];
    const last = isChannelsFirst(call) && x.rank > 2 ? call.add('Transpose', { perm }, [x]) : x;
    return call.add('Flatten', { axis: 1 }, [last], { rank: 2 });
  },

  Reshape(call) {
    const shape = call.config.list('target_shape', maxRank).map((dim) => {
      if (dim === null || dim === -1) return -1;
      if (isInteger(dim, 1, maxSize)) return dim;
      throw call.config.wrong('target_shape', 'dimensions from 1 on, or one that is left open', dim);
    });
    // The batch stays as it is
    return call.add('Reshape', { shape: [0, ...shape], zeroCopies: true }, [call.input()], { rank: shape.length + 1 });
  },

  Permute(call) {
    const x = call.input();
    const perm = [0, ...call.config.integers('dims', x.rank - 1, 1, x.rank - 1)];
    return call.add('Transpose', { perm }, [x]);
  },

  RepeatVector(call) {
    const steps = call.add('ExpandDims', { axis: 1 }, [call.input(2)], { rank: 3 });
    return call.add('Tile', { multiples: [1, call.config.integer('n', 1, maxSize), 1] }, [steps]);
  },

  ZeroPadding1D: (call) => {
    const [before, after] = sidesOf(call, 'padding', 1)[0]!;
    return call.add('Pad', { pads: [0, 0, before, after, 0, 0] }, [call.input(3)]);
  },
  ZeroPadding2D: (call) => {
    const sides = sidesOf(call, 'padding', 2).flat();
    const pads = isChannelsFirst(call) ? [0, 0, 0, 0, ...sides] : [0, 0, ...sides, 0, 0];
    return call.add('Pad', { pads }, [call.input(4)]);
  },
  Cropping1D: (call) => cropped(call, call.input(3), sidesOf(call, 'cropping', 1), 1),
  Cropping2D: (call) => cropped(call, call.input(4), sidesOf(call, 'cropping', 2), isChannelsFirst(call) ? 2 : 1),

  UpSampling1D(call) {
    return resized(call, call.input(3), [1, call.config.integer('size', 1, maxPixels, 2), 1], 'nearest');
  },
  UpSampling2D: (call) => {
    const mode = call.config.oneOf('interpolation', ['nearest', 'bilinear'], 'nearest');
    const scales = [1, ...pairOf(call, 'size', 2, [2, 2]), 1];
    return onChannelsLast(call, call.input(4), (x) => resized(call, x, scales, mode));
  },
};

/** `[[before, after], ...]`: one number is both of all, one for each dimension both of it. */
function sidesOf({ config }: LayerCall, key: string, spatial: 1 | 2): readonly (readonly [number, number])[] {
  const isCount = (value: unknown): value is number => isInteger(value, 0, maxPixels);
  const isPair = (value: unknown): value is [number, number] =>
    Array.isArray(value) && value.length === 2 && value.every(isCount);
  const given = config.raw(key) ?? 1;
  if (isCount(given)) return Array.from({ length: spatial }, () => [given, given] as const);
  if (spatial === 1 && isPair(given)) return [given];
  if (Array.isArray(given) && given.length === spatial) {
    if (given.every(isCount)) return given.map((count) => [count, count] as const);
    if (given.every(isPair)) return given;
  }
  throw config.wrong(key, 'numbers of elements before and after', given);
}

function cropped(call: LayerCall, x: Ref, sides: readonly (readonly [number, number])[], first: number): Ref {
  const list = (values: readonly number[]) => call.literal('int32', values);
  const starts = sides.map(([before]) => before);
  const ends = sides.map(([, after]) => (after === 0 ? maxSize : -after));
  return call.add('SliceAxes', {}, [x, list(starts), list(ends), list(sides.map((_, i) => first + i))]);
}

/** Pixel i of the result is at i / scale of x. */
function resized(call: LayerCall, x: Ref, scales: readonly number[], mode: 'nearest' | 'bilinear'): Ref {
  const attributes = {
    mode: mode === 'nearest' ? 'nearest' : 'linear',
    coordinates: 'asymmetric',
    nearest: 'floor',
  };
  return call.add('Resize', attributes, [x, undefined, call.literal('float32', scales)]);
}
