/** What a caller asks of a quantizer, checked. */
import { invalid, OctensorError } from '../../errors.js';
import {
  type QuantizerName,
  type QuantizerOptions,
  type QuantizerTarget,
  type QuantizerType,
  quantizerNames,
} from './quantizer.js';

/** Quantizers whose number of levels is their name. */
const fixedBits: Partial<Record<QuantizerName, number>> = { bwn: 1, xnor: 1, twn: 2 };

const numbers = ['min', 'max', 'momentum', 'seed', 'alpha', 'decay'] as const;
const booleans = ['symmetric', 'signed', 'rescale'] as const;

/**
 * Options and the shape of what is to be quantized. ERR_OPTION for what is no choice, ERR_QUANTIZATION for a number of bits, a range
 * or a granularity that the quantizer does not have, ERR_SHAPE for a shape or an axis that does not fit.
 */
export function checkQuantizerOptions(
  { name, targets }: Pick<QuantizerType, 'name' | 'targets'>,
  options: QuantizerOptions,
  shape: readonly (number | null)[],
): void {
  if (typeof options !== 'object' || options === null) throw invalid('ERR_OPTION', 'options', 'an object', options);
  const { target, bits, min, max, momentum, alpha, decay, seed } = options;
  if (!targets.includes(target)) throw invalid('ERR_OPTION', `target of ${name}`, targets.join(' or '), target);
  const only = fixedBits[name];
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8) || (only !== undefined && bits !== only)) {
    throw invalid('ERR_QUANTIZATION', `bits of ${name}`, only === undefined ? 'an integer from 1 to 8' : String(only), bits);
  }
  for (const key of numbers) {
    const value = options[key];
    if (value !== undefined && !Number.isFinite(value)) throw invalid('ERR_OPTION', key, 'a finite number', value);
  }
  for (const key of booleans) {
    const value = options[key];
    if (value !== undefined && typeof value !== 'boolean') throw invalid('ERR_OPTION', key, 'true or false', value);
  }
  if (min !== undefined && min > 0) throw invalid('ERR_QUANTIZATION', 'min', 'a number <= 0, so that 0 is in the range', min);
  if (max !== undefined && max < 0) throw invalid('ERR_QUANTIZATION', 'max', 'a number >= 0, so that 0 is in the range', max);
  if (max !== undefined && max - (min ?? 0) <= 0) throw invalid('ERR_QUANTIZATION', 'max', 'a number above min', max);
  if (momentum !== undefined && !(momentum > 0 && momentum <= 1)) {
    throw invalid('ERR_OPTION', 'momentum', 'a number above 0, up to 1', momentum);
  }
  if (alpha !== undefined && !(alpha > 0 && alpha < 1)) throw invalid('ERR_OPTION', 'alpha', 'between 0 and 1', alpha);
  if (decay !== undefined && decay < 0) throw invalid('ERR_OPTION', 'decay', 'a number >= 0', decay);
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw invalid('ERR_OPTION', 'seed', 'an integer', seed);
  checkShape(target, shape);
  checkGranularity(options, shape);
}

function checkShape(target: QuantizerTarget, shape: readonly (number | null)[]): void {
  if (!Array.isArray(shape)) throw invalid('ERR_SHAPE', 'shape', 'an array of integers', shape);
  for (const [i, dim] of shape.entries()) {
    const isUnknown = dim === null && target === 'activations';
    if (!isUnknown && !(Number.isSafeInteger(dim) && dim > 0)) throw invalid('ERR_SHAPE', `shape[${i}]`, 'an integer > 0', dim);
  }
  if (target === 'weights' && !Number.isSafeInteger(shape.reduce<number>((size, dim) => size * dim!, 1))) {
    throw new OctensorError('ERR_SHAPE', `shape: expected fewer than 2^53 weights, got [${shape.join(', ')}]`);
  }
}

function checkGranularity({ target, granularity, axis }: QuantizerOptions, shape: readonly (number | null)[]): void {
  if (granularity === undefined || granularity === 'per-tensor') return;
  const isBucket =
    typeof granularity === 'object' &&
    granularity !== null &&
    Number.isSafeInteger(granularity.bucket) &&
    granularity.bucket > 0;
  if (granularity !== 'per-channel' && !isBucket) {
    throw invalid('ERR_OPTION', 'granularity', 'per-tensor, per-channel or a bucket', granularity);
  }
  if (target === 'activations') {
    throw invalid('ERR_QUANTIZATION', 'granularity', 'per-tensor for activations', granularity);
  }
  const last = shape.length - 1;
  const channel = axis ?? last;
  if (!(Number.isInteger(channel) && channel >= 0 && channel <= last)) {
    throw invalid('ERR_SHAPE', 'axis', `an axis of shape [${shape.join(', ')}]`, axis);
  }
  if (isBucket && channel !== 0 && channel !== last) {
    throw invalid('ERR_SHAPE', 'axis', `the first or the last axis of shape [${shape.join(', ')}]`, axis);
  }
}

/** ERR_OPTION for what is not in the list. */
export function checkQuantizerName(name: QuantizerName): void {
  if (!quantizerNames.includes(name)) throw invalid('ERR_OPTION', 'quantizer', `one of ${quantizerNames.join(', ')}`, name);
}
