/** Training for 8 bits and fewer, on TensorFlow.js: `octensor/qat`. */
export { toLayersModel } from './from-graph.js';
export type { DistillationOptions } from './training/distillation.js';
export type { IncrementalOptions } from './training/incremental.js';
export type { LossFunction, LossName } from './training/losses.js';
export type { TrainOptions } from './training/options.js';
export { type ProgressiveResult, type ProgressiveStage, trainProgressively } from './training/progressive.js';
export type { RegularizationOptions } from './training/regularization.js';
export type { Samples } from './training/samples.js';
export { type EpochReport, type TrainResult, train } from './training/train.js';
