/** A rule for each operator that layers of TensorFlow.js compute. */
import { activationRules } from './activations.js';
import { imageRules } from './images.js';
import { moveRules } from './moves.js';
import type { RebuildRule } from './node-call.js';
import { productRules } from './products.js';

export const rebuildRules: ReadonlyMap<string, RebuildRule> = new Map(
  [activationRules, imageRules, moveRules, productRules].flatMap((rules) => Object.entries(rules)),
);
