/** How each operator becomes native steps. An operator may have several lowerings, one for each family of types. */
import { convolutionLowerings } from './convolution.js';
import { floatLowerings } from './float.js';
import type { Lowering, Lowerings } from './lowering.js';

const families: readonly Lowerings[] = [convolutionLowerings, floatLowerings];

/** Tried in this order; the first that returns steps counts. */
export function loweringsOf(op: string): readonly Lowering[] {
  return families.flatMap((family) => family[op] ?? []);
}
