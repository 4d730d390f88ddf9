/** ONNX's operators as ours: the rules of all families, by name. */
import type { Rule, Rules } from '../lowering.js';
import { controlFlowRules } from './control-flow.js';
import { convolutionRules } from './convolution.js';
import { elementwiseRules } from './elementwise.js';
import { indexingRules } from './indexing.js';
import { matmulRules } from './matmul.js';
import { microsoftRules } from './microsoft.js';
import { movementRules } from './movement.js';
import { normalizationRules } from './normalization.js';
import { poolingRules } from './pooling.js';
import { quantizedRules } from './quantized.js';
import { recurrentRules } from './recurrent.js';
import { reductionRules } from './reduction.js';
import { resizeRules } from './resize.js';

const families: readonly Rules[] = [
  controlFlowRules,
  convolutionRules,
  elementwiseRules,
  indexingRules,
  matmulRules,
  microsoftRules,
  movementRules,
  normalizationRules,
  poolingRules,
  quantizedRules,
  recurrentRules,
  reductionRules,
  resizeRules,
];

export const rules: ReadonlyMap<string, Rule> = new Map(families.flatMap((family) => Object.entries(family)));
