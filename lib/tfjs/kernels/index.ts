/** The list of native kernels. */
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { binaryKernels } from './binary.js';
import { unaryKernels } from './unary.js';

export const kernels: readonly KernelConfig[] = [...unaryKernels, ...binaryKernels];
