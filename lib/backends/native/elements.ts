/** What steps on elements of any type are told: native/ops/{element_type,broadcast}.h. */
import { broadcastStrides } from '../../ops/shapes.js';
import { type StoredType, storedTypes } from '../../ops/storage.js';
import type { DataType } from '../../tensor.js';

/** In the order of ElementType. */
const elementTypes: readonly StoredType[] = [
  ...(['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const),
  ...(['float32', 'float64', 'float16', 'bool'] as const),
];

/** Of ElementType; -1 for strings, which no step takes. */
export function elementCode(type: DataType): number {
  return (elementTypes as readonly DataType[]).indexOf(type);
}

export function isStored(type: DataType): type is StoredType {
  return (storedTypes as readonly DataType[]).includes(type);
}

const maxRank = 8;

/** A shape and the steps of operands along it. */
export interface BroadcastShape {
  readonly dims: Int32Array;
  /** One for each operand. */
  readonly strides: readonly Int32Array[];
}

/**
 * Operands of these shapes read as if they had the shape `dims`, with as few dimensions as lead to the same elements, one at least.
 * Undefined where more than 8 are left.
 */
export function broadcastShape(
  dims: readonly number[],
  operands: readonly { readonly dims: readonly number[] }[],
): BroadcastShape | undefined {
  const strides = operands.map((operand) => broadcastStrides(operand.dims, dims));
  const merged: { dim: number; steps: readonly number[] }[] = [];
  for (const [i, dim] of dims.entries()) {
    if (dim === 1) continue;
    const steps = strides.map((own) => own[i]!);
    const outer = merged.at(-1);
    const isOne = outer?.steps.every((step, k) => step === steps[k]! * dim) ?? false;
    if (isOne) merged[merged.length - 1] = { dim: outer!.dim * dim, steps };
    else merged.push({ dim, steps });
  }
  if (merged.length === 0) merged.push({ dim: 1, steps: operands.map(() => 0) });
  if (merged.length > maxRank) return undefined;
  return {
    dims: Int32Array.from(merged, ({ dim }) => dim),
    strides: operands.map((_, k) => Int32Array.from(merged, ({ steps }) => steps[k]!)),
  };
}
