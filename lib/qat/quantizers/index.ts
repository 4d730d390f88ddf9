/** All fake quantizers. A new one is a file and a line here. */
import { bwn } from './bwn.js';
import { dorefa } from './dorefa.js';
import { dsq } from './dsq.js';
import { ema } from './ema.js';
import { kmeans } from './kmeans.js';
import { lsq } from './lsq.js';
import { lsqPlus } from './lsq-plus.js';
import { nudged } from './nudged.js';
import { checkQuantizerName, checkQuantizerOptions } from './options.js';
import { pact } from './pact.js';
import type { Quantizer, QuantizerName, QuantizerOptions, QuantizerType } from './quantizer.js';
import { ste } from './ste.js';
import { stochastic } from './stochastic.js';
import { twn } from './twn.js';
import { xnor } from './xnor.js';

export const quantizers: readonly QuantizerType[] = [
  ste,
  nudged,
  ema,
  stochastic,
  lsq,
  lsqPlus,
  pact,
  dorefa,
  dsq,
  bwn,
  xnor,
  twn,
  kmeans,
];

/**
 * The quantizer of that name for weights of shape `shape`, or activations with null for dimensions that are not known.
 * ERR_OPTION, ERR_QUANTIZATION or ERR_SHAPE for options that it does not have or that do not fit.
 */
export function createQuantizer(name: QuantizerName, options: QuantizerOptions, shape: readonly (number | null)[]): Quantizer {
  checkQuantizerName(name);
  const type = quantizers.find((type) => type.name === name)!;
  checkQuantizerOptions(type, options, shape);
  return type.create(options, shape);
}
