import { Random } from './random.js';

/** Reproducible values of N(0, 1) (Box and Muller). */
export function normals(length: number, seed: number): Float32Array {
  const random = new Random(seed);
  const uniform = () => (random.uint32() + 0.5) / 2 ** 32;
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}
