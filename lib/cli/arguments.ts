/** Values of command-line options. What they throw becomes wrong usage, with the option's name. */
import { InvalidArgumentError } from 'commander';
import { loadAddon } from '../addon.js';
import { selectIsa } from '../cpu-info.js';
import type { Isa } from '../isa.js';

/** `list(positiveInteger)('1,2')` is [1, 2]. */
export function list<T>(parse: (text: string) => T): (text: string) => readonly T[] {
  return (text) => text.split(',').map((item) => parse(item.trim()));
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 2 ** 31 - 1) return value;
  throw new InvalidArgumentError(`Expected an integer from 1 to 2147483647, got '${text}'.`);
}

export function finite(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`Expected a number, got '${text}'.`);
}

export function oneOf<const T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Expected one of ${names.join(', ')}, got '${text}'.`);
  };
}

export interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** `MxKxN`: A is [M, K], B is [K, N]. */
export function shape(text: string): Shape {
  const dimensions = text.split('x');
  if (dimensions.length !== 3) throw new InvalidArgumentError(`Expected MxKxN, 128x768x3072 say, got '${text}'.`);
  const [m, k, n] = dimensions.map(positiveInteger) as [number, number, number];
  if (Math.max(m * k, k * n, m * n) >= 2 ** 31) {
    throw new InvalidArgumentError(`Expected matrices of less than 2^31 elements, got '${text}'.`);
  }
  return { m, k, n };
}

/** Instruction sets to measure; by default the one in use. Throws ERR_NATIVE for one that this machine lacks. */
export function chosenIsas(names: readonly (Isa | 'all')[] = []): readonly Isa[] {
  const addon = loadAddon();
  if (names.includes('all')) return addon.isas;
  const chosen = names.length === 0 ? [selectIsa(addon)] : names.map((name) => selectIsa(addon, name as Isa));
  return [...new Set(chosen)];
}
