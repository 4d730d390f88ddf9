/**
 * A model learns from another one, usually its float original.
 *
 * - Logits (Hinton, Vinyals and Dean 2015, 2): (1 - α)·L(y, z) + α·T²·KL(softmax(t / T) || softmax(z / T)), where z and t are the
 *   logits of student and teacher. T² undoes the 1 / T² that gradients of the second term have.
 * - Features (Romero et al. 2015, FitNets, eq. 3, without a regressor, so of one shape): β · mean (f_t - f_s)² for each pair of layers.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { describe, invalid, OctensorError } from '../../errors.js';
import { type Logits, logitsOf } from './losses.js';

export interface DistillationOptions {
  /** Has the student's inputs and, but for the activation at its end, its output. It is not trained. */
  readonly teacher: LayersModel;
  /** T; 4 by default. */
  readonly temperature?: number;
  /** α, from 0 to 1; 0.7 by default. */
  readonly weight?: number;
  /** Names of layers in the student and in the teacher; one name for both where it is the same. */
  readonly features?: readonly (string | { readonly student: string; readonly teacher: string })[];
  /** β; 1 by default. */
  readonly featureWeight?: number;
}

export class Distillation {
  readonly #teacher: LayersModel;
  readonly #teacherLogits: Logits;
  readonly #temperature: number;
  readonly #weight: number;
  readonly #featureWeight: number;
  /** The student's, which have to be computed besides its outputs. */
  readonly features: readonly SymbolicTensor[];

  /** Throws ERR_OPTION for options and layers that do not exist, ERR_SHAPE for a teacher that does not fit. */
  constructor(student: LayersModel, options: DistillationOptions) {
    const { teacher, temperature = 4, weight = 0.7, features = [], featureWeight = 1 } = options;
    if (!Array.isArray(teacher?.outputs)) throw invalid('ERR_OPTION', 'distillation.teacher', 'a LayersModel', teacher);
    if (!(temperature > 0 && Number.isFinite(temperature))) {
      throw invalid('ERR_OPTION', 'distillation.temperature', 'a number above 0', temperature);
    }
    if (!(weight >= 0 && weight <= 1)) throw invalid('ERR_OPTION', 'distillation.weight', 'a number from 0 to 1', weight);
    if (!(featureWeight >= 0 && Number.isFinite(featureWeight))) {
      throw invalid('ERR_OPTION', 'distillation.featureWeight', 'a number from 0 on', featureWeight);
    }
    const pairs = features.map((pair) => (typeof pair === 'string' ? { student: pair, teacher: pair } : pair));
    this.features = pairs.map((pair) => outputOf(student, pair.student, 'model'));
    const own = pairs.map((pair) => outputOf(teacher, pair.teacher, 'teacher'));
    for (const [i, pair] of pairs.entries()) checkSame(`layer ${describe(pair.teacher)}`, own[i]!, this.features[i]!);
    if (student.inputs.length !== teacher.inputs.length) {
      throw invalid('ERR_SHAPE', 'distillation.teacher', `${student.inputs.length} inputs`, teacher.inputs.length);
    }
    for (const [i, x] of teacher.inputs.entries()) checkSame('an input of the teacher', x, student.inputs[i]!);
    checkSame('the output of the teacher', teacher.outputs[0]!, student.outputs[0]!);
    this.#teacher = makeModel({ inputs: teacher.inputs, outputs: [teacher.outputs[0]!, ...own] });
    this.#teacherLogits = logitsOf(teacher);
    [this.#temperature, this.#weight, this.#featureWeight] = [temperature, weight, featureWeight];
  }

  /** What the teacher gives for a batch: its output, then its features. The caller disposes of them. */
  teach(x: tf.Tensor[]): tf.Tensor[] {
    return tf.tidy(() => [this.#teacher.predictOnBatch(x.length === 1 ? x[0]! : x)].flat()) as tf.Tensor[];
  }

  /** `loss`: L(y, z). */
  loss(loss: tf.Scalar, logits: tf.Tensor, features: readonly tf.Tensor[], taught: readonly tf.Tensor[]): tf.Scalar {
    return tf.tidy(() => {
      const [output, ...hints] = taught;
      const t = this.#temperature;
      const target = tf.softmax(tf.div(this.#teacherLogits(output!), t));
      const own = tf.logSoftmax(tf.div(logits, t));
      const teachers = tf.log(tf.clipByValue(target, 1e-30, 1));
      const divergence = tf.mean(tf.sum(tf.mul(target, tf.sub(teachers, own)), -1));
      let total: tf.Tensor = tf.add(tf.mul(loss, 1 - this.#weight), tf.mul(divergence, this.#weight * t * t));
      for (const [i, hint] of hints.entries()) {
        total = tf.add(total, tf.mul(tf.mean(tf.squaredDifference(hint, features[i]!)), this.#featureWeight));
      }
      return total as tf.Scalar;
    });
  }
}

function outputOf(model: LayersModel, name: string, which: string): SymbolicTensor {
  const layer = model.layers.find((each) => each.name === name);
  const output = layer?.output;
  if (output !== undefined && !Array.isArray(output)) return output;
  throw invalid('ERR_OPTION', 'distillation.features', `names of layers of the ${which} with one output`, name);
}

function checkSame(what: string, own: SymbolicTensor, student: SymbolicTensor): void {
  const [found, expected] = [own.shape.slice(1).join(', '), student.shape.slice(1).join(', ')];
  if (found === expected) return;
  throw new OctensorError(
    'ERR_SHAPE',
    `distillation: expected ${what} to have shape [${expected}] as in the model, got [${found}]`,
  );
}
