/** Operators whose input is float32; int32 stays with the reference. */
import { floatConvolutionLowerings } from './float-convolution.js';
import { floatElementwiseLowerings } from './float-elementwise.js';
import { floatFourierLowerings } from './float-fourier.js';
import { floatReductionLowerings } from './float-reduction.js';
import type { Lowerings } from './lowering.js';

export const floatLowerings: Lowerings = {
  ...floatConvolutionLowerings,
  ...floatElementwiseLowerings,
  ...floatFourierLowerings,
  ...floatReductionLowerings,
};
