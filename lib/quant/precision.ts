/** How precisely a node is computed whose 8 bits would lose too much. */

/** `int16`: what it reads and computes is int16, its weights are int8 as ever. `float`: not quantized. */
export const precisions = ['int16', 'float'] as const;
export type Precision = (typeof precisions)[number];

/** Of nodes, by name; of all others 8 bits. */
export type Precise = ReadonlyMap<string, Precision>;

/** 0 for 8 bits, and more the more precise. */
export function precisionRank(precision: Precision | undefined): number {
  return precision === undefined ? 0 : 1 + precisions.indexOf(precision);
}
