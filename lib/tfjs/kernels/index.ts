/** The list of native kernels. */
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { binaryKernels } from './binary.js';
import { conv2dKernels } from './conv2d.js';
import { depthwiseConv2dKernels } from './depthwise-conv2d.js';
import { matMulKernels } from './mat-mul.js';
import { poolKernels } from './pool.js';
import { unaryKernels } from './unary.js';

export const kernels: readonly KernelConfig[] = [
  ...unaryKernels,
  ...binaryKernels,
  ...matMulKernels,
  ...conv2dKernels,
  ...depthwiseConv2dKernels,
  ...poolKernels,
];
