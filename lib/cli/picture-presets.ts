/** How models that are known by the framework they come from want their pictures. */
import { InvalidArgumentError } from 'commander';
import { describe } from '../errors.js';
import { formatDims } from '../plan/infer.js';
import type { ValueInfo } from '../session.js';
import { wrongUsage } from './command-error.js';
import type { Normalization, PictureOptions } from './image.js';

interface Preset {
  readonly normalization?: Normalization;
  readonly color?: 'rgb' | 'bgr';
}

export const presetNames = ['unit', 'imagenet', 'tf', 'caffe', 'raw'] as const;

export const presets: Readonly<Record<(typeof presetNames)[number], Preset>> = {
  /** 0 to 1. */
  unit: {},
  /** torchvision's: mean 0.485, 0.456, 0.406 and standard deviation 0.229, 0.224, 0.225 of 0 to 1. */
  imagenet: { normalization: { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] } },
  /** -1 to 1: TensorFlow's MobileNets and Inceptions. */
  tf: { normalization: { mean: [127.5], std: [127.5] } },
  /** Blue first, means taken off: the older networks of the model zoos. */
  caffe: { normalization: { mean: [103.939, 116.779, 123.68], std: [1] }, color: 'bgr' },
  /** 0 to 255. */
  raw: { normalization: { mean: [0], std: [1] } },
};

const maxSide = 65535;

/** `224` or `480x640`, height first. */
export function size(text: string): readonly [height: number, width: number] {
  const sides = text.split('x').map((side) => (/^\d+$/.test(side) ? Number(side) : NaN));
  const [height = NaN, width = height] = sides;
  const isSize = sides.length <= 2 && [height, width].every((side) => side >= 1 && side <= maxSide);
  if (isSize) return [height, width];
  throw new InvalidArgumentError(`Expected N or HxW, 224 or 480x640 say, got '${text}'.`);
}

/** The input with height and width where it takes pictures; wrong usage against what the model declares. */
export function sizedInput(
  input: ValueInfo,
  asked: readonly [height: number, width: number] | undefined,
  layout: PictureOptions['layout'],
): ValueInfo {
  const { name, dims } = input;
  if (asked === undefined || dims.length !== 4) return input;
  const isChannelsFirst =
    layout === 'nchw' || (layout === undefined && (dims[1] === 1 || dims[1] === 3) && dims[3] !== 1 && dims[3] !== 3);
  const first = isChannelsFirst ? 2 : 1;
  const sized = dims.map((dim, i) =>
    typeof dim === 'number' ? dim : i === first || i === first + 1 ? asked[i - first]! : dim,
  );
  if (sized[first] === asked[0] && sized[first + 1] === asked[1]) return { ...input, dims: sized };
  throw wrongUsage(`--size: input ${describe(name)} is declared ${formatDims(dims)}, got ${asked.join('x')}`);
}
