/** How results of damaged models are compared. */
import type { Tensor } from 'octensor';
import { differenceOf } from '#lib/cli/difference.js';

/**
 * Damage may make any numbers of real ones: what kernels promise is about those of networks. Where they are not finite or far from 1,
 * or became integers, the backends need not agree on more than type and shape.
 */
export function roughDifference(actual: Tensor, expected: Tensor): string | undefined {
  const found = differenceOf(actual, expected, 64);
  const isFloat = expected.type === 'float32' && actual.type === 'float32' && String(actual.dims) === String(expected.dims);
  if (!isFloat) return found;
  const isOrdinary = [actual, expected].every(({ data }) => (data as Float32Array).every((x) => Math.abs(x) < 64));
  return isOrdinary ? found : undefined;
}
