/** The fields that say where windows stand on images: those of all convolutions and poolings have the same names. */
import { extentsOf } from '../../ops/convolution.js';
import { product } from '../../ops/shapes.js';
import type { Window } from '../../ops/window.js';
import type { StepOf } from './lowering.js';

export type WindowFields = ReturnType<typeof windowFields>;

/** Copies of an input (padded, widened, quantized) that a step may make; what is out of all proportion is left to the reference. */
export const maxCopyBytes = 2 ** 28;
export const maxGroups = 4096;

/** A window on input 0, which is [N, H, W, C]. */
export function windowFields(step: StepOf<unknown>, window: Window, kernel: readonly [number, number]) {
  const [batches, height, width, depth] = step.inputs[0]!.dims as [number, number, number, number];
  const [vertical, horizontal] = extentsOf(step, window, [height, width], kernel);
  const { strides, dilations } = window;
  return {
    batches,
    height,
    width,
    depth,
    outHeight: vertical.size,
    outWidth: horizontal.size,
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideY: strides[0],
    strideX: strides[1],
    dilationY: dilations[0],
    dilationX: dilations[1],
    padTop: vertical.before,
    padLeft: horizontal.before,
  };
}

/** A matrix product as a convolution of images that are one line of pixels, one pixel at a time. */
export function pixelFields({
  batches = 1,
  width = 1,
  depth,
}: {
  batches?: number;
  width?: number;
  depth: number;
}): WindowFields {
  const one = { kernelHeight: 1, kernelWidth: 1, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop: 0, padLeft: 0 };
  return { batches, height: 1, width, depth, outHeight: 1, outWidth: width, ...one };
}

/** Rows and columns that windows cover, padding included. */
export function coveredBy(fields: WindowFields): readonly [number, number] {
  const { outHeight, outWidth, strideY, strideX, kernelHeight, kernelWidth, dilationY, dilationX } = fields;
  return [
    (outHeight - 1) * strideY + (kernelHeight - 1) * dilationY + 1,
    (outWidth - 1) * strideX + (kernelWidth - 1) * dilationX + 1,
  ];
}

/** Elements of a padded copy of the input. */
export function paddedSize(fields: WindowFields): number {
  return fields.batches * fields.depth * product(coveredBy(fields));
}
