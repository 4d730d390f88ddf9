/** How each operator becomes native steps. An operator may have several lowerings, one for each family of types. */
import { arithmeticLowerings } from './arithmetic.js';
import { binaryLowerings } from './binary.js';
import { byteProductLowerings } from './byte-products.js';
import { convolutionLowerings } from './convolution.js';
import { depthwiseLowerings } from './depthwise.js';
import { detectionLowerings } from './detection.js';
import { dynamicLowerings } from './dynamic.js';
import { floatLowerings } from './float.js';
import { floatProductLowerings } from './float-products.js';
import { hybridLowerings } from './hybrid.js';
import { indexedLowerings } from './indexed.js';
import { integerProductLowerings } from './integer-products.js';
import type { Lowering, Lowerings } from './lowering.js';
import { matmulLowerings } from './matmul.js';
import { movementLowerings } from './movement.js';
import { paddingLowerings } from './padding.js';
import { quantizeLowerings } from './quantize.js';
import { realFunctionLowerings } from './real-functions.js';
import { recurrentLowerings } from './recurrent.js';
import { reductionLowerings } from './reduction.js';
import { resizeLowerings } from './resize.js';
import { stateLowerings } from './states.js';
import { statisticsLowerings } from './statistics.js';
import { tableLowerings } from './table.js';
import { wideLowerings } from './wide.js';
import { widePoolLowerings } from './wide-pool.js';

const families: readonly Lowerings[] = [
  wideLowerings,
  widePoolLowerings,
  convolutionLowerings,
  depthwiseLowerings,
  floatLowerings,
  dynamicLowerings,
  hybridLowerings,
  integerProductLowerings,
  matmulLowerings,
  floatProductLowerings,
  tableLowerings,
  binaryLowerings,
  quantizeLowerings,
  reductionLowerings,
  resizeLowerings,
  statisticsLowerings,
  movementLowerings,
  paddingLowerings,
  arithmeticLowerings,
  indexedLowerings,
  realFunctionLowerings,
  recurrentLowerings,
  byteProductLowerings,
  stateLowerings,
  detectionLowerings,
];

/** Tried in this order; the first that returns steps counts. */
export function loweringsOf(op: string): readonly Lowering[] {
  return families.flatMap((family) => family[op] ?? []);
}
