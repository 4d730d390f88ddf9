/** `octensor`. */

export { type AnalyzeOptions, analyze, type LayerReport } from './analyze.js';
export { type CpuInfo, cpuInfo } from './cpu-info.js';
export { type ErrorCode, OctensorError } from './errors.js';
export type { Attribute, Attributes, Dim, Graph, Node, State, Value } from './graph/graph.js';
export type { Isa } from './isa.js';
export { loadModel } from './model.js';
export type { QParams, QuantizedType } from './quant/qparams.js';
export type { Numerics } from './quant/requant.js';
export { type Quantized, type QuantizeOptions, type QuantizeProgress, quantize } from './quantize.js';
export { type SaveOptions, saveModel } from './save.js';
export {
  InferenceSession,
  type Intermediate,
  type ProfileEntry,
  type SessionOptions,
  type SessionRunOptions,
  type ValueInfo,
} from './session.js';
export { type DataType, type DataTypeMap, Tensor, type TensorData } from './tensor.js';
export type { TypedArray } from './typed-array.js';
