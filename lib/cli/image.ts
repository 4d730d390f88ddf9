/** Pictures as inputs of models, decoded and resized by sharp, which is installed by who wants them. */
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Dim } from '../graph/graph.js';
import { formatDims } from '../plan/infer.js';
import type { ValueInfo } from '../session.js';
import { type DataType, Tensor } from '../tensor.js';
import { CommandError } from './command-error.js';

/** real = (pixel - mean) / std, pixel 0 to 255; one number, or one for each channel. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export const imageLayouts = ['nchw', 'nhwc'] as const;
export const imageColors = ['rgb', 'bgr'] as const;

export interface PictureOptions {
  readonly normalization?: Normalization;
  /** By default what the input's shape tells: where the channels, 1 or 3, are. */
  readonly layout?: (typeof imageLayouts)[number];
  /** The order of the colours in the input; `bgr` for models that were trained on what OpenCV reads. */
  readonly color?: (typeof imageColors)[number];
}

const unit: Normalization = { mean: [0], std: [255] };
const imageExtensions = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.avif', '.tif', '.tiff', '.bmp'];

/** As much of sharp as is used here. */
interface Sharp {
  rotate(): Sharp;
  resize(width: number | null, height: number | null, options: { readonly fit: 'fill' }): Sharp;
  flatten(options: { readonly background: string }): Sharp;
  removeAlpha(): Sharp;
  toColourspace(space: 'srgb' | 'b-w'): Sharp;
  raw(): Sharp;
  toBuffer(options: { readonly resolveWithObject: true }): Promise<{ readonly data: Buffer; readonly info: ImageInfo }>;
}
interface ImageInfo {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

interface ImageLayout {
  readonly height: Dim;
  readonly width: Dim;
  readonly channels: 1 | 3;
  readonly isChannelsFirst: boolean;
  readonly dims: (height: number, width: number) => readonly number[];
}

export function isImage(path: string): boolean {
  return imageExtensions.includes(extname(path).toLowerCase());
}

/** A picture for an input, stretched to its height and width where they are known; values as `tensorOfPixels` says. */
export async function readImage(path: string, input: ValueInfo, options: PictureOptions = {}): Promise<Tensor> {
  if (extname(path).toLowerCase() === '.bmp') {
    throw new CommandError('ERR_INPUT', `${path}: BMP is not read (nor by sharp); convert it to PNG`, 1);
  }
  const layout = layoutOf(input, options.layout);
  const { data, info } = await decode(path, layout);
  if (info.channels !== layout.channels) {
    throw new CommandError('ERR_INPUT', `${path}: expected ${layout.channels} channels, got ${info.channels}`, 1);
  }
  return tensorOfPixels(data, info, input, options);
}

/**
 * `pixels` is [height, width, channels]. uint8 inputs get pixels unless a normalization is asked for; other inputs get
 * (pixel - mean) / std, by default pixel / 255, quantized where the input is.
 */
export function tensorOfPixels(
  pixels: Uint8Array,
  { height, width }: Pick<ImageInfo, 'height' | 'width'>,
  input: ValueInfo,
  { normalization, layout, color = 'rgb' }: PictureOptions = {},
): Tensor {
  const { channels, isChannelsFirst, dims } = layoutOf(input, layout);
  const colors = color === 'bgr' && channels === 3 ? reversedColors(pixels) : pixels;
  const ordered = isChannelsFirst ? channelsFirst(colors, channels) : Uint8Array.from(colors);
  const shape = dims(height, width);
  if (input.type === 'uint8' && normalization === undefined) return new Tensor('uint8', ordered, shape);
  const reals = normalize(ordered, channels, isChannelsFirst ? height * width : 1, normalization ?? unit);
  return fromReals(reals, shape, input);
}

/** Real numbers for an input: as they are, or quantized. */
export function fromReals(reals: Float32Array, dims: readonly number[], input: ValueInfo): Tensor {
  const tensor = new Tensor<DataType>('float32', reals, dims);
  if (input.type === 'float32') return tensor;
  if (input.qparams?.dtype === input.type) return tensor.quantize(input.qparams);
  const message = `input ${input.name} is ${input.type} without quantization parameters: give it an .npy file of that type`;
  throw new CommandError('ERR_INPUT', message, 1);
}

function layoutOf(input: ValueInfo, asked?: PictureOptions['layout']): ImageLayout {
  const { name, dims } = asked === undefined ? input : withChannels(input, asked);
  const isChannels = (dim: Dim | undefined): dim is 1 | 3 => dim === 1 || dim === 3;
  const isBatchOfOne = dims[0] === 1 || typeof dims[0] !== 'number';
  const [, a, b, c] = dims;
  if (dims.length === 4 && isBatchOfOne && isChannels(a) && asked === 'nchw') {
    return { height: b!, width: c!, channels: a, isChannelsFirst: true, dims: (h, w) => [1, a, h, w] };
  }
  if (dims.length === 4 && isBatchOfOne && isChannels(c)) {
    return { height: a!, width: b!, channels: c, isChannelsFirst: false, dims: (h, w) => [1, h, w, c] };
  }
  if (dims.length === 4 && isBatchOfOne && isChannels(a)) {
    return { height: b!, width: c!, channels: a, isChannelsFirst: true, dims: (h, w) => [1, a, h, w] };
  }
  if (dims.length === 3 && isChannels(b)) {
    return { height: dims[0]!, width: a!, channels: b, isChannelsFirst: false, dims: (h, w) => [h, w, b] };
  }
  if (dims.length === 3 && isBatchOfOne) {
    return { height: a!, width: b!, channels: 1, isChannelsFirst: false, dims: (h, w) => [1, h, w] };
  }
  const message = `input ${name} of shape ${formatDims(dims)} takes no picture: expected [1, H, W, 1 or 3], [1, 1 or 3, H, W], [H, W, 1 or 3] or [1, H, W]`;
  throw new CommandError('ERR_INPUT', message, 1);
}

/** Colours, where the model leaves the channels open, or all dimensions. */
function withChannels(input: ValueInfo, layout: 'nchw' | 'nhwc'): ValueInfo {
  const axis = layout === 'nchw' ? 1 : 3;
  const dims = input.dims.length === 0 ? [null, null, null, null] : input.dims;
  return { ...input, dims: dims.map((dim, i) => (i === axis && typeof dim !== 'number' ? 3 : dim)) };
}

async function decode(path: string, { height, width, channels }: ImageLayout) {
  const sharp = await loadSharp();
  const size = (dim: Dim) => (typeof dim === 'number' ? dim : null);
  try {
    const image = sharp(path).rotate().flatten({ background: '#ffffff' }).removeAlpha();
    const sized = image.resize(size(width), size(height), { fit: 'fill' });
    return await sized
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw new CommandError('ERR_INPUT', `${path}: ${(error as Error).message}`, 1);
  }
}

/** As the current folder sees it, else as this package does. */
async function loadSharp(): Promise<(path: string) => Sharp> {
  for (const from of [join(process.cwd(), 'package.json'), fileURLToPath(import.meta.url)]) {
    let path: string;
    try {
      path = createRequire(from).resolve('sharp');
    } catch {
      continue; // not there
    }
    const loaded = (await import(pathToFileURL(path).href)) as { default: (path: string) => Sharp };
    return loaded.default;
  }
  throw new CommandError('ERR_PEER', 'pictures are read by sharp, which is not installed: npm install sharp', 1);
}

function channelsFirst(interleaved: Uint8Array, channels: number): Uint8Array {
  const area = interleaved.length / channels;
  const planes = new Uint8Array(interleaved.length);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) planes[c * area + i] = interleaved[i * channels + c]!;
  }
  return planes;
}

/** Red for blue. */
function reversedColors(pixels: Uint8Array): Uint8Array {
  const reversed = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    for (let c = 0; c < 3; c++) reversed[i + c] = pixels[i + 2 - c]!;
  }
  return reversed;
}

/** `area` elements of one channel stand together. */
function normalize(pixels: Uint8Array, channels: number, area: number, { mean, std }: Normalization): Float32Array {
  const at = (values: readonly number[], channel: number) => values[values.length === 1 ? 0 : channel]!;
  const reals = new Float32Array(pixels.length);
  for (let start = 0, channel = 0; start < pixels.length; start += area, channel = (channel + 1) % channels) {
    const [center, deviation] = [at(mean, channel), at(std, channel)];
    for (let i = start; i < start + area; i++) reals[i] = (pixels[i]! - center) / deviation;
  }
  return reals;
}
