/** Scales and zero points of activations, from their ranges. */

import type { Range } from './observers.js';
import type { Placement } from './place.js';
import { chooseAffine, chooseSymmetric, type QParams, quantizedRanges } from './qparams.js';
import type { Scheme } from './schemes.js';

/** What a result is whatever was seen, where the scheme says so: probabilities in 256 steps, tanh in 128 on either side. */
const fixedRanges: Readonly<Record<string, Readonly<Record<'int8' | 'uint8', QParams>>>> = {
  Softmax: { int8: fixed('int8', 1 / 256, -128), uint8: fixed('uint8', 1 / 256, 0) },
  Logistic: { int8: fixed('int8', 1 / 256, -128), uint8: fixed('uint8', 1 / 256, 0) },
  Tanh: { int8: fixed('int8', 1 / 128, 0), uint8: fixed('uint8', 1 / 128, 128) },
};

function fixed(dtype: 'int8' | 'uint8', scale: number, zeroPoint: number): QParams {
  return { dtype, scale, zeroPoint };
}

/**
 * int16 has a bit to spare, for what calibration did not see: noise is 90 dB below the largest value all the same, where that of 8 bits
 * is 50 dB.
 */
const wideHeadroom = 2;

/** Of each quantized value. */
export interface ActivationParameters {
  /** In 8 bits. */
  readonly narrow: ReadonlyMap<string, QParams>;
  /** In int16, symmetric: those that are wide. */
  readonly wide: ReadonlyMap<string, QParams>;
}

/** Values of one group have one range, which holds those of all of them. */
export function activationParameters(
  { targets, quantized, groupOf, isWide }: Placement,
  ranges: ReadonlyMap<string, Range>,
  { activations, fixedOutputs }: Scheme,
): ActivationParameters {
  const byGroup = new Map<string, Range>();
  for (const name of quantized) {
    const { min, max } = ranges.get(name)!;
    const group = groupOf(name);
    const known = byGroup.get(group);
    byGroup.set(group, known === undefined ? { min, max } : { min: Math.min(known.min, min), max: Math.max(known.max, max) });
  }
  const fixedGroups = new Map<string, QParams>();
  for (const { node, output } of fixedOutputs ? targets : []) {
    const known = fixedRanges[node.op]?.[activations.dtype];
    if (known !== undefined) fixedGroups.set(groupOf(output), known);
  }
  const rangeOf = (name: string) => byGroup.get(groupOf(name))!;
  const names = [...quantized];
  return {
    narrow: new Map(names.map((name) => [name, fixedGroups.get(groupOf(name)) ?? parametersOf(rangeOf(name), activations)])),
    wide: new Map(names.filter(isWide).map((name) => [name, wideParameters(rangeOf(name))])),
  };
}

/** How many times finer int16 is for a value than its 8 bits. */
export function wideGain({ dtype, zeroPoint }: QParams): number {
  const steps = Math.max(...quantizedRanges[dtype].map((end) => Math.abs(end - (zeroPoint as number))));
  return quantizedRanges.int16[1] / (wideHeadroom * steps);
}

function wideParameters({ min, max }: Range): QParams {
  return chooseSymmetric(wideHeadroom * Math.max(Math.abs(min), Math.abs(max)), 'int16');
}

export function parametersOf({ min, max }: Range, { dtype, symmetric }: Scheme['activations']): QParams {
  if (!symmetric) return chooseAffine(min, max, dtype);
  return chooseSymmetric(Math.max(Math.abs(min), Math.abs(max)), dtype);
}
