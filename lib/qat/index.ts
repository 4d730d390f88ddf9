/** Training for 8 bits and fewer, on TensorFlow.js: `octensor/qat`. */

export type { BitChoices, EdgeChoice, PrepareConfig } from './config.js';
export { calibrate, productsOf, setBatchNormPhase, stepOf } from './control.js';
export { convert } from './convert.js';
export { toLayersModel } from './from-graph.js';
export { FakeQuantize, type FakeQuantizeConfig } from './layers/fake-quantize.js';
export { type FoldingPhase, foldingPhases } from './layers/folding.js';
export { type FoldingSchedule, QuantizedProduct, type QuantizedProductConfig } from './layers/quantized-product.js';
export { prepare } from './prepare.js';
export { type QatScheme, type QatSchemeName, type QuantizerChoice, qatSchemeNames, qatSchemes } from './schemes.js';
export { adam } from './training/adam.js';
export type { DistillationOptions } from './training/distillation.js';
export type { IncrementalOptions } from './training/incremental.js';
export type { LossFunction, LossName } from './training/losses.js';
export type { TrainOptions } from './training/options.js';
export { type ProgressiveResult, type ProgressiveStage, trainProgressively } from './training/progressive.js';
export type { RegularizationOptions } from './training/regularization.js';
export type { Samples } from './training/samples.js';
export { type EpochReport, type TrainResult, train } from './training/train.js';
