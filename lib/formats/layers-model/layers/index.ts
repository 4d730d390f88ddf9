/** A rule for each class of layers, InputLayer and models apart, which the topology is made of. */
import type { LayerRule } from '../layer-call.js';
import { activationRules } from './activation.js';
import { convolutionRules } from './convolution.js';
import { denseRules } from './dense.js';
import { mergeRules } from './merge.js';
import { normalizationRules } from './normalization.js';
import { poolingRules } from './pooling.js';
import { recurrentRules } from './recurrent.js';
import { shapeRules } from './shape.js';

export const layerRules: ReadonlyMap<string, LayerRule> = new Map(
  [
    activationRules,
    convolutionRules,
    denseRules,
    mergeRules,
    normalizationRules,
    poolingRules,
    recurrentRules,
    shapeRules,
  ].flatMap((rules) => Object.entries(rules)),
);
