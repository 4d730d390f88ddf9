/** Functions whose gradient is stated, not derived. */
import { customGrad, type GradSaveFunc, reshape, sum, type Tensor } from '@tensorflow/tfjs-core';

/**
 * `forward` is not recorded; `backward` gives the gradient of each of `inputs` from dy and what `forward` saved, which are the only
 * tensors that outlive a `tidy` around the call.
 */
export function differentiable(
  inputs: readonly Tensor[],
  forward: (save: (...tensors: Tensor[]) => void) => Tensor,
  backward: (dy: Tensor, saved: readonly Tensor[]) => Tensor[],
): Tensor {
  const run = customGrad((...args) => {
    const save = args[args.length - 1] as unknown as GradSaveFunc;
    return { value: forward((...tensors) => save(tensors)), gradFunc: backward };
  });
  return run(...inputs);
}

/** The gradient of what was broadcast from `shape`: the sum over where it went. */
export function sumTo(gradient: Tensor, shape: readonly number[]): Tensor {
  if (gradient.shape.length === shape.length && shape.every((dim, i) => gradient.shape[i] === dim)) return gradient;
  const lead = gradient.shape.length - shape.length;
  const axes = gradient.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && gradient.shape[i] !== 1));
  return reshape(axes.length === 0 ? gradient : sum(gradient, axes), [...shape]);
}
