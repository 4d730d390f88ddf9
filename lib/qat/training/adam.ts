/** Adam for models with quantizers; one kernel for each weight, where the backend has it. */
import * as tf from '@tensorflow/tfjs-core';
import { fused, hasFused } from '../fused.js';
import { isQuantizerWeight } from '../layers/quantizer-state.js';

const kernelName = 'OctensorAdam';
/** Sizes that steps of a quantizer's weight are relative to: one that is 0 has to get away from there, and none takes longer steps. */
const sizes = { least: 1e-3, most: 1 };

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
      this.#applyOperators(list);
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

  #applyOperators(list: readonly { readonly name: string; readonly tensor: tf.Tensor }[]): void {
    tf.tidy(() => {
      const before = list.map(({ name }) => {
        const variable = variableOf(name);
        return { variable, rate: rateOf(variable), value: tf.clone(variable) };
      });
      super.applyGradients([...list]);
      for (const { variable, rate, value } of before) {
        if (rate !== 1) variable.assign(tf.add(value, tf.mul(tf.sub(variable, value), rate)));
      }
    });
  }

  #update(state: State, i: number, name: string, gradient: tf.Tensor | null): void {
    const { learningRate, beta1, beta2, epsilon, accBeta1, accBeta2 } = state;
    const variable = variableOf(name);
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
      { beta1, beta2, learningRate: learningRate * rateOf(variable), epsilon, corrections },
    );
    for (const [k, target] of [m, v, variable].entries()) target.assign(results![k]!);
  }
}

function variableOf(name: string): tf.Variable {
  return tf.engine().registeredVariables[name]!;
}

/** What the learning rate of a weight is multiplied by. */
function rateOf(variable: tf.Variable): number {
  if (!isQuantizerWeight(variable.name)) return 1;
  const values: Float32Array = variable.dataSync<'float32'>();
  const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return Math.min(Math.max(size, sizes.least), sizes.most);
}

/**
 * `tf.train.adam`, to the bit for all weights of a model but those of quantizers: a step of Adam is about as long as the learning rate,
 * whatever the gradient, and scales and ends of ranges can be a thousandth of what weights are. Theirs is relative to their root mean
 * square (as Shazeer and Stern 2018, section 8, have it for all weights), and no longer than the learning rate. Weights are float32, as
 * all are that layers train. On a backend without the kernel the operators of tfjs's own compute the same.
 */
export function adam(learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon?: number): tf.AdamOptimizer {
  return new FusedAdam(learningRate, beta1, beta2, epsilon);
}
