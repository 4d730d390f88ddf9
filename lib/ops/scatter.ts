/** What the operators that write elements to places have in common: how an element that is there meets the one that comes. */
import type { TypedArray } from '../typed-array.js';
import { type StoredType, storedTypes } from './storage.js';

export const scatterReductions = ['none', 'add', 'mul', 'min', 'max'] as const;
export type ScatterReduction = (typeof scatterReductions)[number];

type Element = number | bigint;
type Reduce = (old: Element, update: Element) => Element;

/** Any, where elements are only put; those that have arithmetic, where they are reduced. */
export function scatterTypes(reduction: ScatterReduction): readonly StoredType[] {
  return reduction === 'none' ? storedTypes : storedTypes.filter((type) => type !== 'float16' && type !== 'bool');
}

/** Floats add and multiply in float64 and are rounded when they are stored, one update after another; integers wrap. */
export function reduceFor(reduction: ScatterReduction, data: TypedArray): Reduce {
  // The types of both are the array's own
  type Reals = (old: number, update: number) => number;
  const isInt32 = data instanceof Int32Array || data instanceof Uint32Array;
  const functions: Readonly<Record<ScatterReduction, Reals>> = {
    none: (_, update) => update,
    add: (old, update) => old + update,
    mul: isInt32 ? Math.imul : (old, update) => old * update,
    min: Math.min,
    max: Math.max,
  };
  const exact: Readonly<Record<ScatterReduction, (old: bigint, update: bigint) => bigint>> = {
    none: (_, update) => update,
    add: (old, update) => old + update,
    mul: (old, update) => old * update,
    min: (old, update) => [old, update][Number(update < old)]!,
    max: (old, update) => [old, update][Number(update > old)]!,
  };
  const is64 = data instanceof BigInt64Array || data instanceof BigUint64Array;
  return (is64 ? exact[reduction] : functions[reduction]) as Reduce;
}
