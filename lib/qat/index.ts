/** Training for 8 bits and fewer, on TensorFlow.js: `octensor/qat`. */
export { toLayersModel } from './from-graph.js';
