/** Labelled pictures, read from the folder that OCTENSOR_TEST_DATA names. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import jpeg from 'jpeg-js';

export interface DataSet {
  readonly count: number;
  /** uint8, [height, width, channels]. */
  pixels(index: number): Uint8Array;
  label(index: number): number;
}

/** Of a file or folder of the test data; undefined where it is not there. */
export function testData(...path: readonly string[]): string | undefined {
  const root = process.env.OCTENSOR_TEST_DATA;
  if (root === undefined) return undefined;
  const found = join(root, ...path);
  return existsSync(found) ? found : undefined;
}

function read(path: string): Uint8Array {
  const file = testData('datasets', path);
  if (file === undefined) throw new Error(`OCTENSOR_TEST_DATA has no datasets/${path}`);
  return new Uint8Array(readFileSync(file));
}

/** 1,000 digits, [28, 28, 1]. IDX files: headers of 16 and 8 bytes. */
export function mnist(): DataSet {
  const [images, labels] = [read('mnist/images-idx3-ubyte'), read('mnist/labels-idx1-ubyte')];
  const size = 28 * 28;
  return {
    count: labels.length - 8,
    pixels: (i) => images.slice(16 + i * size, 16 + (i + 1) * size),
    label: (i) => labels[8 + i]!,
  };
}

export type Cifar10File = 'test_2000' | 'test_exact_100' | 'train_500';

/** [32, 32, 3]. In the file, of each picture a label, then the planes of red, green and blue. */
export function cifar10(file: Cifar10File): DataSet {
  const bytes = read(`cifar10/${file}.bin`);
  const plane = 32 * 32;
  const record = 1 + 3 * plane;
  return {
    count: bytes.length / record,
    pixels: (i) =>
      Uint8Array.from({ length: 3 * plane }, (_, k) => bytes[i * record + 1 + (k % 3) * plane + Math.floor(k / 3)]!),
    label: (i) => bytes[i * record]!,
  };
}

export const imagenetSide = 224;

/** 500 pictures of as many of the 1,000 classes, [224, 224, 3]. Decoded once: all of them are 75 MB. */
export function imagenet(): DataSet {
  imagenetPictures ??= readImagenet();
  return imagenetPictures;
}

let imagenetPictures: DataSet | undefined;

function readImagenet(): DataSet {
  const entries = JSON.parse(new TextDecoder().decode(read('imagenet/labels.json'))) as readonly {
    file: string;
    label: number;
  }[];
  const decoded: Uint8Array[] = [];
  return {
    count: entries.length,
    pixels: (i) => {
      decoded[i] ??= jpeg.decode(read(`imagenet/${entries[i]!.file}`), { useTArray: true, formatAsRGBA: false }).data;
      return decoded[i]!;
    },
    label: (i) => entries[i]!.label,
  };
}

/** `count` items of a set, from `start` on. */
export function part(set: DataSet, start: number, count: number): DataSet {
  return {
    count: Math.min(count, set.count - start),
    pixels: (i) => set.pixels(start + i),
    label: (i) => set.label(start + i),
  };
}

/** [height, width, channels] to [channels, height, width], each pixel as `real` has it. */
export function channelsFirst(
  pixels: Uint8Array,
  channels: number,
  real: (pixel: number, channel: number) => number,
): Float32Array {
  const plane = pixels.length / channels;
  return Float32Array.from(pixels, (_, i) => {
    const [channel, position] = [Math.floor(i / plane), i % plane];
    return real(pixels[position * channels + channel]!, channel);
  });
}

/** The index of the largest score; of equal ones the first. */
export function best(scores: ArrayLike<number>): number {
  let index = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[index]!) index = i;
  return index;
}

/** How many scores are larger than that of `label`, or as large and before it. */
export function rankOf(scores: ArrayLike<number>, label: number): number {
  let rank = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > scores[label]! || (scores[i] === scores[label] && i < label)) rank++;
  return rank;
}
