/**
 * `octensor/tfjs`: the TensorFlow.js backend `octensor`. Importing it registers the backend, with a priority above that of `cpu`:
 *
 *     import * as tf from '@tensorflow/tfjs-core';
 *     import 'octensor/tfjs';
 *     await tf.setBackend('octensor');
 *
 * It has every kernel of `@tensorflow/tfjs-backend-cpu`; where there is a native one, that computes float32 tensors. Results are
 * those of the cpu backend within float32 rounding, and the same for any number of threads. The import throws
 * ERR_NATIVE where there is no native addon for the platform.
 */
import { getKernelsForBackend, registerBackend, registerKernel } from '@tensorflow/tfjs-core';
import { OctensorBackend } from './backend.js';
import { registerGradients } from './gradients.js';
import { kernels } from './kernels/index.js';
import { backendName } from './kernels/kernel.js';

export { getThreads, setThreads } from './eager.js';

const priority = 3; // tfjs-backend-cpu has 1, WebGL and WebAssembly 2

const create = () => {
  registerGradients();
  return new OctensorBackend();
};
registerBackend(backendName, create, priority);
for (const kernel of kernels) registerKernel(kernel);
const native = new Set(kernels.map(({ kernelName }) => kernelName));
for (const kernel of getKernelsForBackend('cpu')) {
  if (!native.has(kernel.kernelName)) registerKernel({ ...kernel, backendName });
}
