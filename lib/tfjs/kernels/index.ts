/** The list of native kernels. */
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { binaryKernels } from './binary.js';
import { logicalKernels } from './logical.js';
import { movementKernels } from './movement.js';
import { normalizeKernels } from './normalize.js';
import { reduceKernels } from './reduce.js';
import { unaryKernels } from './unary.js';

export const kernels: readonly KernelConfig[] = [
  ...unaryKernels,
  ...binaryKernels,
  ...logicalKernels,
  ...reduceKernels,
  ...normalizeKernels,
  ...movementKernels,
];
