/** How much memory values take. */
import type { Operand } from '../ops/op.js';
import type { DataType } from '../tensor.js';

/** `string` is counted as a pointer. */
export const bytesPerElement: Readonly<Record<DataType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
  string: 8,
};

export function sizeBytesOf({ type, dims }: Pick<Operand, 'type' | 'dims'>): number {
  return dims.reduce((size, dim) => size * dim, bytesPerElement[type]);
}
