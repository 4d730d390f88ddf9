import type { Tensor } from '../../tensor.js';

/**
 * Where the largest score of each row is, of equal ones the first; empty for what is not [rows, scores] or one row. Dimensions of 1 behind
 * the scores, which a pooled image leaves, do not count.
 */
export function topOfRows({ dims: all, data, size }: Tensor): readonly number[] {
  const dims = all.slice(0, Math.max(all.findLastIndex((dim) => dim !== 1) + 1, 2));
  const classes = dims.at(-1) ?? 0;
  const isRows = classes >= 2 && (dims.length === 2 || classes === size);
  if (!isRows) return [];
  const scores = data as Float32Array;
  return Array.from({ length: size / classes }, (_, row) => {
    let top = 0;
    for (let i = 1; i < classes; i++) if (scores[row * classes + i]! > scores[row * classes + top]!) top = i;
    return top;
  });
}
