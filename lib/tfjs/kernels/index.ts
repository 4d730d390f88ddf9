/** The list of native kernels. */
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { binaryKernels } from './binary.js';
import { conv2dKernels } from './conv2d.js';
import { depthwiseConv2dKernels } from './depthwise-conv2d.js';
import { logicalKernels } from './logical.js';
import { matMulKernels } from './mat-mul.js';
import { movementKernels } from './movement.js';
import { normalizeKernels } from './normalize.js';
import { poolKernels } from './pool.js';
import { reduceKernels } from './reduce.js';
import { trainingKernels } from './training.js';
import { unaryKernels } from './unary.js';

export const kernels: readonly KernelConfig[] = [
  ...unaryKernels,
  ...binaryKernels,
  ...logicalKernels,
  ...reduceKernels,
  ...normalizeKernels,
  ...movementKernels,
  ...matMulKernels,
  ...conv2dKernels,
  ...depthwiseConv2dKernels,
  ...poolKernels,
  ...trainingKernels,
];
