/** `octensor`. */

export type { AnalyzeOptions, LayerReport } from './analyze.js';
export { type CpuInfo, cpuInfo } from './cpu-info.js';
export { type ErrorCode, OctensorError } from './errors.js';
export type { LayersModelArtifacts } from './formats/layers-model/artifacts.js';
export type { Attribute, Attributes, Dim, Graph, Node, State, Value } from './graph/graph.js';
export type { Isa } from './isa.js';
export { loadModel, type ModelSource } from './model.js';
export type { QParams, QuantizedType } from './quant/qparams.js';
export type { Numerics } from './quant/requant.js';
export type { MixedPrecisionOptions, Quantized, QuantizeOptions, QuantizeProgress } from './quantize.js';
export type { SaveOptions } from './save.js';
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

type Analyze = typeof import('./analyze.js').analyze;
type Quantize = typeof import('./quantize.js').quantize;
type SaveModel = typeof import('./save.js').saveModel;

// Read when they are called: a program that only runs models starts sooner
export const analyze: Analyze = async (...args) => (await import('./analyze.js')).analyze(...args);
export const quantize: Quantize = async (...args) => (await import('./quantize.js')).quantize(...args);
export const saveModel: SaveModel = async (...args) => (await import('./save.js')).saveModel(...args);
