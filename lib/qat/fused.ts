/** Kernels that do in one pass what takes many operators, on the backends that have them (`octensor/tfjs`). */
import { engine, getBackend, getKernel, type NamedAttrMap, type NamedTensorMap, type Tensor } from '@tensorflow/tfjs-core';

/**
 * What the kernel computes, of float32; undefined where the backend has none of that name: then operators say what it is. Not recorded
 * for gradients: for use where these are stated.
 */
export function fused(name: string, inputs: NamedTensorMap, attrs: object): Tensor[] | undefined {
  if (!hasFused(name)) return undefined;
  if (Object.values(inputs).some(({ dtype }) => dtype !== 'float32')) return undefined;
  return [engine().runKernel(name, inputs, attrs as NamedAttrMap)].flat() as Tensor[];
}

export function hasFused(name: string): boolean {
  return getKernel(name, getBackend()) !== undefined;
}

/** x as [blocks, rows, n], one number of a group for each of [blocks, n]. */
export interface GroupLayout {
  readonly blocks: number;
  readonly rows: number;
  readonly n: number;
}

/** How numbers of shape `group` broadcast over x; undefined where they do in another way than `Groups` has it. */
export function groupLayout(x: readonly number[], group: readonly number[]): GroupLayout | undefined {
  const size = x.reduce((product, dim) => product * dim, 1);
  if (group.every((dim) => dim === 1)) return { blocks: 1, rows: size, n: 1 };
  if (group.length !== x.length) return undefined;
  const first = group.findIndex((dim, i) => dim === 1 && x[i] !== 1);
  const last = group.findLastIndex((dim, i) => dim === 1 && x[i] !== 1);
  const own = (i: number) => group[i] === x[i];
  if (!group.every((dim, i) => (i >= first && i <= last ? dim === 1 : own(i)))) return undefined;
  const product = (dims: readonly number[]) => dims.reduce((result, dim) => result * dim, 1);
  if (first < 0) return { blocks: size, rows: 1, n: 1 };
  return { blocks: product(x.slice(0, first)), rows: product(x.slice(first, last + 1)), n: product(x.slice(last + 1)) };
}
