/** The integers of a grid. */
import type { QuantizerOptions } from './quantizer.js';

export interface Levels {
  readonly dtype: 'int8' | 'uint8';
  readonly qmin: number;
  readonly qmax: number;
  /** 1: every integer; 2: every second one, counted from qmin. */
  readonly step: 1 | 2;
}

const binary: Levels = { dtype: 'int8', qmin: -1, qmax: 1, step: 2 };

/** [-(2^(b-1) - 1), 2^(b-1) - 1] (Krishnamoorthi 2018, section 2.2). One bit has no such grid with 0 in it: its codes are -1 and 1. */
export function symmetricLevels(bits: number): Levels {
  if (bits === 1) return binary;
  const qmax = 2 ** (bits - 1) - 1;
  return { dtype: 'int8', qmin: -qmax, qmax, step: 1 };
}

/** [-2^(b-1), 2^(b-1) - 1]; one bit as above. */
export function signedLevels(bits: number): Levels {
  return bits === 1 ? binary : { dtype: 'int8', qmin: -(2 ** (bits - 1)), qmax: 2 ** (bits - 1) - 1, step: 1 };
}

/** [0, 2^b - 1]. */
export function unsignedLevels(bits: number): Levels {
  return { dtype: 'uint8', qmin: 0, qmax: 2 ** bits - 1, step: 1 };
}

/** How many steps there are from one end to the other. */
export function stepsOf({ qmin, qmax, step }: Levels): number {
  return (qmax - qmin) / step;
}

export function isSymmetric({ symmetric, target }: QuantizerOptions): boolean {
  return symmetric ?? target === 'weights';
}

/** Symmetric or affine, as the options say. */
export function levelsOf(options: QuantizerOptions): Levels {
  return isSymmetric(options) ? symmetricLevels(options.bits) : unsignedLevels(options.bits);
}
