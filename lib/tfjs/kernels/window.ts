/** The windows of convolutions and poolings, as native code reads them. */
import type { backend_util } from '@tensorflow/tfjs-core';

type Conv2DInfo = backend_util.Conv2DInfo;

/** Of a window with its gaps; native/ops/eager_window.cc has the same limits. */
const maxReach = 65536;

/** What windows see may be so many elements more than so many times the image. */
const spareElements = 2 ** 22;
const maxGrowth = 16;

function isModest(info: Conv2DInfo): boolean {
  const rows = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight;
  const columns = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth;
  const images = info.batchSize * info.inChannels;
  return images * rows * columns <= spareElements + maxGrowth * images * info.inHeight * info.inWidth;
}

function isOrdinary(size: number, out: number, reach: number, stride: number, before: number): boolean {
  return reach <= maxReach && before < reach && (out - 1) * stride < before + size;
}

/**
 * The numbers that ReadEagerWindow of native/ops/eager_window.h reads. Undefined where the cpu backend's kernel is to compute the
 * call: for other orders than NHWC, empty tensors, and windows that see nothing of the image.
 */
export function windowNumbers(info: Conv2DInfo): number[] | undefined {
  const { padInfo } = info;
  const sizes = [
    ...[info.batchSize, info.inHeight, info.inWidth, info.inChannels, info.filterHeight, info.filterWidth],
    ...[info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth],
  ];
  const numbers = [...sizes, padInfo.top, padInfo.left, info.outHeight, info.outWidth];
  const isWhole = [...sizes, info.outHeight, info.outWidth, info.outChannels].every(
    (size) => Number.isInteger(size) && size >= 1,
  );
  const isPadded = [padInfo.top, padInfo.left].every((pad) => Number.isInteger(pad) && pad >= 0);
  if (info.dataFormat !== 'channelsLast' || !isWhole || !isPadded) return undefined;
  if (!isOrdinary(info.inHeight, info.outHeight, info.effectiveFilterHeight, info.strideHeight, padInfo.top)) return undefined;
  if (!isOrdinary(info.inWidth, info.outWidth, info.effectiveFilterWidth, info.strideWidth, padInfo.left)) return undefined;
  return isModest(info) ? numbers : undefined;
}
