/** What the classifiers of the test data are fed: their authors' ways of making numbers of pixels. */
import { channelsFirst } from './datasets.js';

export type Preprocess = (pixels: Uint8Array) => Float32Array;

/** (pixel / 255 - mean) / deviation, channels first. */
function normalized(means: readonly number[], deviations: readonly number[]): Preprocess {
  return (pixels) => channelsFirst(pixels, 3, (pixel, channel) => (pixel / 255 - means[channel]!) / deviations[channel]!);
}

const torchvisionMeans = [0.485, 0.456, 0.406];
export const torchvision = normalized(torchvisionMeans, [0.229, 0.224, 0.225]);
export const kolterWong = normalized(torchvisionMeans, [0.225, 0.225, 0.225]);
export const cifar10Statistics = normalized([0.4914, 0.4822, 0.4465], [0.2471, 0.2435, 0.2616]);

/** That of cifar10-mobilenetv2-float. */
export const cifar10Bytes: Preprocess = (pixels) =>
  channelsFirst(pixels, 3, (pixel, channel) => (pixel - [125.3, 123, 113.9][channel]!) / [63, 62.1, 66.7][channel]!);

/** Blue, green, red, their means taken away: as Caffe has it. */
export const caffe: Preprocess = (pixels) => {
  const swapped = Uint8Array.from(pixels, (_, i) => pixels[i - (i % 3) + 2 - (i % 3)]!);
  return channelsFirst(swapped, 3, (pixel, channel) => pixel - [104, 117, 123][channel]!);
};

/** From 0 to 1, channels last. */
export const fractions: Preprocess = (pixels) => Float32Array.from(pixels, (pixel) => pixel / 255);

/** From -1 to 1, channels last. */
export const centered: Preprocess = (pixels) => Float32Array.from(pixels, (pixel) => (pixel - 127.5) / 127.5);

/** As they are, channels last. */
export const plain: Preprocess = (pixels) => Float32Array.from(pixels);
