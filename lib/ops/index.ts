/** All operators, by name. An operator is added by its import and its name in the list; its cases are then tested everywhere. */
import { abs } from './abs.js';
import { celu, gelu, hardSigmoid, selu, shrink, swish, thresholdedRelu } from './activation-functions.js';
import { add, sub } from './add-sub.js';
import { argMax, argMin } from './arg-max.js';
import { averagePool2d } from './average-pool2d.js';
import { batchNorm } from './batch-norm.js';
import { batchToSpaceNd } from './batch-to-space-nd.js';
import { floorDiv, fmod, maximum, minimum, mod } from './binary.js';
import { bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor, shiftLeft, shiftRight } from './bitwise.js';
import { broadcastTo } from './broadcast-to.js';
import { cast, castLike } from './cast.js';
import { centerCropPad } from './center-crop-pad.js';
import { clip } from './clip.js';
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from './comparison.js';
import { complexAbs } from './complex-abs.js';
import { compress } from './compress.js';
import { concat } from './concat.js';
import { ifOp, loop } from './control-flow.js';
import { convInteger } from './conv-integer.js';
import { conv2d } from './conv2d.js';
import { cumSum } from './cum-sum.js';
import { depthToSpace } from './depth-to-space.js';
import { depthwiseConv2d } from './depthwise-conv2d.js';
import { dequantize } from './dequantize.js';
import { dequantizeLinear } from './dequantize-linear.js';
import { detectionPostProcess } from './detection-post-process.js';
import { div } from './div.js';
import { dropout } from './dropout.js';
import { dynamicConv } from './dynamic-conv.js';
import { dynamicMatMul } from './dynamic-mat-mul.js';
import { dynamicQuantizeLinear } from './dynamic-quantize-linear.js';
import { einsum } from './einsum.js';
import { elu } from './elu.js';
import { erfGelu } from './erf-gelu.js';
import { expandDims } from './expand-dims.js';
import { extent } from './extent.js';
import { eyeLike } from './eye-like.js';
import { fill } from './fill.js';
import { flatten } from './flatten.js';
import { isInf, isNan } from './float-class.js';
import { fullyConnected } from './fully-connected.js';
import { gather } from './gather.js';
import { gatherElements } from './gather-elements.js';
import { gatherNd } from './gather-nd.js';
import { gridSample } from './grid-sample.js';
import { groupNorm } from './group-norm.js';
import { gru } from './gru.js';
import { hardSwish } from './hard-swish.js';
import { hardmax } from './hardmax.js';
import { headAttention } from './head-attention.js';
import { histogram } from './histogram.js';
import { identity } from './identity.js';
import { joinSums } from './join-sums.js';
import { layerNorm } from './layer-norm.js';
import { leakyRelu } from './leaky-relu.js';
import { localResponseNorm } from './local-response-norm.js';
import { logSoftmax } from './log-softmax.js';
import { logicalAnd, logicalNot, logicalOr } from './logical.js';
import { logistic } from './logistic.js';
import { lpNormalization } from './lp-norm.js';
import { lstm } from './lstm.js';
import { matmul } from './matmul.js';
import { matmulInteger } from './matmul-integer.js';
import { maxPool2d } from './max-pool2d.js';
import { mean } from './mean.js';
import { meanVarianceNorm } from './mean-variance-norm.js';
import { mul } from './mul.js';
import { nonZero } from './non-zero.js';
import { oneHot } from './one-hot.js';
import type { Op } from './op.js';
import { pack } from './pack.js';
import { pad } from './pad.js';
import { padAxes } from './pad-axes.js';
import { planarDepthwise } from './planar-depthwise.js';
import { poolNd } from './pool-nd.js';
import { pow } from './pow.js';
import { prelu } from './prelu.js';
import { quantize } from './quantize.js';
import { quantizeLinear } from './quantize-linear.js';
import { range } from './range.js';
import { reduceL1, reduceL2, reduceLogSum, reduceLogSumExp, reduceProd, reduceSumSquare } from './reduce.js';
import { reduceMax, reduceMin } from './reduce-max.js';
import { reinterpret } from './reinterpret.js';
import { relu, relu6, reluN1To1 } from './relu.js';
import { reshape } from './reshape.js';
import { resizeBilinear } from './resize-bilinear.js';
import { resizeNd } from './resize-nd.js';
import { resizeNearest } from './resize-nearest.js';
import { reverseAxes } from './reverse-axes.js';
import { reverseSequence } from './reverse-sequence.js';
import { rfft2d } from './rfft2d.js';
import { rnn } from './rnn.js';
import { scatterElements } from './scatter-elements.js';
import { scatterNd } from './scatter-nd.js';
import { select } from './select.js';
import { nonMaxSuppression } from './select-boxes.js';
import { shape } from './shape.js';
import { size } from './size.js';
import { slice } from './slice.js';
import { sliceAxes } from './slice-axes.js';
import { softmax } from './softmax.js';
import { spaceToBatchNd } from './space-to-batch-nd.js';
import { spaceToDepth } from './space-to-depth.js';
import { split } from './split.js';
import { splitInt16 } from './split-int16.js';
import { squaredDifference } from './squared-difference.js';
import { squeeze } from './squeeze.js';
import { stridedSlice } from './strided-slice.js';
import { sum } from './sum.js';
import { svdf } from './svdf.js';
import { tanh } from './tanh.js';
import { tile } from './tile.js';
import { topK } from './top-k.js';
import { transpose } from './transpose.js';
import { transposeConv2d } from './transpose-conv2d.js';
import { trilu } from './trilu.js';
import {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  ceil,
  cos,
  cosh,
  erf,
  exp,
  floor,
  log,
  mish,
  neg,
  reciprocal,
  round,
  rsqrt,
  sign,
  sin,
  sinh,
  softplus,
  softsign,
  sqrt,
  square,
  tan,
} from './unary-float.js';
import { unidirectionalSequenceLstm } from './unidirectional-sequence-lstm.js';
import { unique } from './unique.js';
import { unpack } from './unpack.js';
import { unsqueeze } from './unsqueeze.js';

const list: readonly Op[] = [
  abs,
  acos,
  acosh,
  add,
  argMax,
  argMin,
  asin,
  asinh,
  atan,
  atanh,
  averagePool2d,
  batchNorm,
  batchToSpaceNd,
  bitwiseAnd,
  bitwiseNot,
  bitwiseOr,
  bitwiseXor,
  broadcastTo,
  cast,
  castLike,
  ceil,
  celu,
  centerCropPad,
  clip,
  complexAbs,
  compress,
  concat,
  conv2d,
  convInteger,
  cos,
  cosh,
  cumSum,
  depthToSpace,
  depthwiseConv2d,
  dequantize,
  dequantizeLinear,
  detectionPostProcess,
  div,
  dropout,
  dynamicConv,
  dynamicMatMul,
  dynamicQuantizeLinear,
  einsum,
  elu,
  equal,
  erf,
  erfGelu,
  exp,
  expandDims,
  extent,
  eyeLike,
  fill,
  flatten,
  floor,
  floorDiv,
  fmod,
  fullyConnected,
  gather,
  gatherElements,
  gatherNd,
  gelu,
  greater,
  greaterEqual,
  gridSample,
  groupNorm,
  gru,
  hardSigmoid,
  hardSwish,
  headAttention,
  hardmax,
  histogram,
  identity,
  ifOp,
  isInf,
  isNan,
  joinSums,
  layerNorm,
  leakyRelu,
  less,
  lessEqual,
  localResponseNorm,
  log,
  logSoftmax,
  logicalAnd,
  logicalNot,
  logicalOr,
  logistic,
  loop,
  lpNormalization,
  lstm,
  matmul,
  matmulInteger,
  maxPool2d,
  maximum,
  mean,
  meanVarianceNorm,
  minimum,
  mish,
  mod,
  mul,
  neg,
  nonMaxSuppression,
  nonZero,
  notEqual,
  oneHot,
  pack,
  pad,
  padAxes,
  planarDepthwise,
  poolNd,
  pow,
  prelu,
  quantize,
  quantizeLinear,
  range,
  reciprocal,
  reduceL1,
  reduceL2,
  reduceLogSum,
  reduceLogSumExp,
  reduceMax,
  reduceMin,
  reduceProd,
  reduceSumSquare,
  reinterpret,
  relu,
  relu6,
  reluN1To1,
  reshape,
  resizeBilinear,
  resizeNd,
  resizeNearest,
  reverseAxes,
  reverseSequence,
  rfft2d,
  rnn,
  round,
  rsqrt,
  scatterElements,
  scatterNd,
  select,
  selu,
  shape,
  shiftLeft,
  shiftRight,
  shrink,
  sign,
  sin,
  sinh,
  size,
  slice,
  sliceAxes,
  softmax,
  softplus,
  softsign,
  spaceToBatchNd,
  spaceToDepth,
  split,
  splitInt16,
  sqrt,
  square,
  squaredDifference,
  squeeze,
  stridedSlice,
  sub,
  sum,
  svdf,
  swish,
  tan,
  tanh,
  thresholdedRelu,
  tile,
  topK,
  transpose,
  transposeConv2d,
  trilu,
  unidirectionalSequenceLstm,
  unique,
  unpack,
  unsqueeze,
];

export const ops: ReadonlyMap<string, Op> = new Map(list.map((op) => [op.name, op]));
