/** Adam with one kernel for each weight, where the backend has it. */
import * as tf from '@tensorflow/tfjs-core';
import { fused, hasFused } from '../fused.js';

const kernelName = 'OctensorAdam';

/** What tfjs's Adam keeps to itself. */
interface State {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly accBeta1: tf.Variable;
  readonly accBeta2: tf.Variable;
  readonly accumulatedFirstMoment: Moment[];
  readonly accumulatedSecondMoment: Moment[];
  incrementIterations(): void;
}

interface Moment {
  readonly originalName: string;
  readonly variable: tf.Variable;
}

class FusedAdam extends tf.AdamOptimizer {
  override applyGradients(gradients: Parameters<tf.AdamOptimizer['applyGradients']>[0]): void {
    const list = Array.isArray(gradients) ? gradients : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    if (!hasFused(kernelName)) {
      super.applyGradients(gradients);
      return;
    }
    const state = this as unknown as State;
    tf.tidy(() => {
      for (const [i, { name, tensor }] of list.entries()) this.#update(state, i, name, tensor);
      state.accBeta1.assign(tf.mul(state.accBeta1, state.beta1));
      state.accBeta2.assign(tf.mul(state.accBeta2, state.beta2));
    });
    state.incrementIterations();
  }

  #update(state: State, i: number, name: string, gradient: tf.Tensor | null): void {
    const { learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 } = state;
    const variable = tf.engine().registeredVariables[name]!;
    const momentOf = (moments: Moment[], suffix: string): tf.Variable => {
      moments[i] ??= { originalName: `${name}/${suffix}`, variable: tf.variable(tf.zerosLike(variable), false) };
      return moments[i].variable;
    };
    const m = momentOf(state.accumulatedFirstMoment, 'm');
    const v = momentOf(state.accumulatedSecondMoment, 'v');
    if (gradient == null) return;
    const corrections = [accBeta1, accBeta2].map((power) => Math.fround(1 - power.dataSync()[0]!));
    const results = fused(
      kernelName,
      { gradient, m, v, value: variable },
      { beta1, beta2, learningRate, epsilon, corrections },
    );
    for (const [k, target] of [m, v, variable].entries()) target.assign(results![k]!);
  }
}

/**
 * `tf.train.adam`, whose results it has to the bit; of weights that are float32, as all are that layers train. On a backend without the
 * kernel it is tfjs's own.
 */
export function adam(learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon?: number): tf.AdamOptimizer {
  return new FusedAdam(learningRate, beta1, beta2, epsilon);
}
