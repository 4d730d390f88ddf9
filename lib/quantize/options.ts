/** What a caller may ask of `quantize`, checked. */
import { invalid } from '../errors.js';
import { type Precision, precisions } from '../quant/precision.js';
import { type ActivationOptions, type Scheme, type SchemeName, schemeOf, type WeightOptions } from '../quant/schemes.js';
import type { Tensor } from '../tensor.js';

export type Batch = Readonly<Record<string, Tensor>>;

export interface QuantizeProgress {
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
}

export interface MixedPrecisionOptions {
  /** Above 0, up to 100. */
  readonly targetSqnrDb: number;
  readonly fallback?: Precision;
}

export interface QuantizeOptions {
  /**
   * Feeds of real data, taken one at a time: the next is asked for when one was run, so that its tensors may be filled again. Not needed
   * for the modes `weights` and `dynamic`.
   */
  readonly calibration?: AsyncIterable<Batch> | Iterable<Batch>;
  /** `static` by default: activations have fixed scales. `dynamic`: matrix products find theirs as they run. `weights`: nothing else. */
  readonly mode?: 'static' | 'dynamic' | 'weights';
  /** What `activations` and `weights` start from. */
  readonly scheme?: SchemeName;
  readonly activations?: ActivationOptions;
  readonly weights?: WeightOptions;
  /**
   * true: channels between layers are scaled so that one range suits their weights, which is for weights per tensor. `activations`: so
   * that one range suits what they are, which is for weights per channel.
   */
  readonly equalize?: boolean | 'activations';
  readonly biasCorrection?: boolean;
  readonly adaround?: boolean;
  /** α of SmoothQuant, from 0 to 1. */
  readonly smooth?: number;
  /**
   * Makes as few nodes precise as bring the SQNR of each output, in dB on calibration data, to the target; those that save the most time
   * in 8 bits last. Precise nodes are `float` by default. With the fallback `int16` they have int16 activations and int8 weights,
   * which takes some more than twice the time of 8 bits; float are then those for which the rounding of weights alone is too much. The
   * log names both.
   */
  readonly mixedPrecision?: MixedPrecisionOptions;
  /** Nodes that stay float: names, operators, or patterns for names. */
  readonly exclude?: readonly (string | RegExp)[];
  readonly onProgress?: (progress: QuantizeProgress) => void;
  /** Called where the quantized model agrees with the float one on the calibration data hardly more often than by chance. */
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
  readonly seed?: number;
}

export interface CheckedOptions extends QuantizeOptions {
  readonly mode: 'static' | 'dynamic' | 'weights';
  readonly resolved: Scheme;
  readonly exclude: readonly (string | RegExp)[];
  readonly seed: number;
}

/** ERR_OPTION for what is no choice, or a static quantization without data. */
export function checkQuantizeOptions(options: QuantizeOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('ERR_OPTION', 'options', 'an object', options);
  const { mode = 'static', scheme = 'default', exclude = [], seed = 1, smooth, calibration, signal } = options;
  if (!['static', 'dynamic', 'weights'].includes(mode)) throw invalid('ERR_OPTION', 'mode', 'static, dynamic or weights', mode);
  if (!Array.isArray(exclude) || !exclude.every((item) => typeof item === 'string' || item instanceof RegExp)) {
    throw invalid('ERR_OPTION', 'exclude', 'names and regular expressions', exclude);
  }
  if (!Number.isSafeInteger(seed)) throw invalid('ERR_OPTION', 'seed', 'an integer', seed);
  if (smooth !== undefined && !(smooth >= 0 && smooth <= 1))
    throw invalid('ERR_OPTION', 'smooth', 'a number from 0 to 1', smooth);
  if (![undefined, true, false, 'activations'].includes(options.equalize)) {
    throw invalid('ERR_OPTION', 'equalize', 'true, false or activations', options.equalize);
  }
  for (const name of ['biasCorrection', 'adaround'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'boolean')
      throw invalid('ERR_OPTION', name, 'true or false', options[name]);
  }
  checkMixedPrecision(options.mixedPrecision, mode);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('ERR_OPTION', 'signal', 'an AbortSignal', signal);
  const isIterable =
    typeof calibration === 'object' &&
    calibration !== null &&
    (Symbol.asyncIterator in calibration || Symbol.iterator in calibration);
  const needsData = mode === 'static' || smooth !== undefined || options.adaround === true || options.biasCorrection === true;
  if (calibration === undefined ? needsData : !isIterable) {
    throw invalid('ERR_OPTION', 'calibration', 'an iterable of feeds', calibration);
  }
  return { ...options, mode, exclude, seed, resolved: schemeOf(scheme, options) };
}

function checkMixedPrecision(given: QuantizeOptions['mixedPrecision'], mode: string): void {
  if (given === undefined) return;
  const { targetSqnrDb: target, fallback = 'float' } = (given as Partial<typeof given> | null) ?? {};
  if (typeof target !== 'number' || !(target > 0 && target <= 100)) {
    throw invalid('ERR_OPTION', 'mixedPrecision.targetSqnrDb', 'a number above 0, up to 100', target);
  }
  if (!precisions.includes(fallback)) {
    throw invalid('ERR_OPTION', 'mixedPrecision.fallback', precisions.join(' or '), fallback);
  }
  if (mode !== 'static') throw invalid('ERR_OPTION', 'mixedPrecision', 'mode static', mode);
}
