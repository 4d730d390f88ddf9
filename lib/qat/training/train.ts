/** Training of float and of prepared models. */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { OctensorError } from '../../errors.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { EarlyStopping } from './early-stopping.js';
import { IncrementalQuantization } from './incremental.js';
import { kernelsOf } from './kernels.js';
import { type CheckedOptions, checkTrainOptions, makeOptimizer, type Optimization, type TrainOptions } from './options.js';
import { makeTrainingProgress } from './progress.js';
import { checkSamples, disposeBatch, type Samples, shuffledBatches } from './samples.js';
import { type NamedArray, restoreSnapshot, takeSnapshot } from './snapshot.js';
import { type Measured, TrainingStep } from './step.js';

/** Of one epoch; loss and accuracy are means over its batches, as they were trained on. */
export interface EpochReport extends Measured {
  /** From 0 on. */
  readonly epoch: number;
  readonly validation?: Measured;
}

export interface TrainResult {
  readonly epochs: readonly EpochReport[];
  /** The epoch whose weights the model has: the last one, or the best where early stopping looked for it. */
  readonly epoch: number;
  readonly stoppedEarly: boolean;
}

/**
 * Trains a model, float or prepared, in place: its trainable weights, moving statistics and the state of its quantizers. A prepared model
 * counts its training batches itself, and goes from phase to phase by them. The same seed, data and options give the same weights.
 *
 * Throws before training: ERR_OPTION, ERR_SHAPE and ERR_DTYPE for what does not fit the model, ERR_QUANTIZATION for bits. While
 * it trains: ERR_TRAINING for a loss that is not finite, naming the step and the layer; ERR_ABORTED. The weights are then
 * those before that step.
 */
export async function train(model: LayersModel, data: Samples, options: TrainOptions): Promise<TrainResult> {
  const checked = checkTrainOptions(model, options);
  const loss = typeof checked.loss === 'function' ? 'own' : checked.loss;
  const count = checkSamples('data', data, model, loss);
  if (checked.validation !== undefined) checkSamples('validation', checked.validation, model, loss);
  const optimization = makeOptimizer(checked);
  try {
    return await new Training(model, data, checked, optimization, Math.ceil(count / checked.batchSize)).run();
  } finally {
    optimization.dispose();
  }
}

class Training {
  readonly #model: LayersModel;
  readonly #data: Samples;
  readonly #options: CheckedOptions;
  readonly #optimization: Optimization;
  readonly #stepsPerEpoch: number;
  readonly #step: TrainingStep;
  readonly #incremental: IncrementalQuantization | undefined;
  readonly #stopping: EarlyStopping | undefined;
  readonly #reports: EpochReport[] = [];
  /** Steps so far. */
  #done = 0;

  constructor(model: LayersModel, data: Samples, options: CheckedOptions, optimization: Optimization, stepsPerEpoch: number) {
    [this.#model, this.#data, this.#options, this.#optimization] = [model, data, options, optimization];
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#step = new TrainingStep(model, options);
    const { incremental, earlyStopping } = options;
    this.#incremental = incremental && new IncrementalQuantization(kernelsOf(model), incremental);
    this.#stopping = earlyStopping && new EarlyStopping(earlyStopping);
  }

  async run(): Promise<TrainResult> {
    const { epochs, checkpoint, onEpoch, progress: isWanted = true } = this.#options;
    if (checkpoint?.resume === true) await this.#resume(checkpoint.path);
    const progress = await makeTrainingProgress(isWanted);
    try {
      for (let epoch = this.#reports.length; epoch < epochs && this.#stopping?.isOver !== true; epoch++) {
        progress.start(epoch, epochs, this.#stepsPerEpoch);
        const report = await this.#epoch(epoch, progress.step);
        this.#reports.push(report);
        this.#stopping?.look(report, () => takeSnapshot(this.#model));
        const isDue = (epoch + 1) % (checkpoint?.every ?? 1) === 0 || epoch + 1 === epochs;
        if (checkpoint !== undefined && isDue) await this.#save(checkpoint.path);
        await onEpoch?.(report);
      }
    } finally {
      progress.stop();
    }
    const best = this.#stopping?.best;
    if (best !== undefined) restoreSnapshot(this.#model, best.snapshot);
    this.#incremental?.finish();
    return {
      epochs: this.#reports,
      epoch: best?.epoch ?? this.#reports.length - 1,
      stoppedEarly: this.#reports.length < epochs,
    };
  }

  async #epoch(epoch: number, show: (done: number, loss: number, accuracy?: number) => void): Promise<EpochReport> {
    const { epochs, batchSize, seed, signal, validation, onStep } = this.#options;
    this.#incremental?.beforeEpoch(epoch, epochs);
    let [loss, correct, count, steps] = [0, 0, 0, 0];
    const hasClasses = this.#options.loss === 'crossEntropy';
    for (const batch of shuffledBatches(this.#data, batchSize, seed, epoch)) {
      try {
        if (signal?.aborted)
          throw new OctensorError('ERR_ABORTED', `train: aborted in epoch ${epoch}`, { cause: signal.reason });
        this.#optimization.setRate(this.#done, epochs * this.#stepsPerEpoch);
        const result = this.#step.run(batch, this.#optimization.optimizer, this.#done);
        this.#incremental?.restore();
        loss += result.loss;
        correct += result.correct;
        count += batch.size;
        onStep?.({ step: this.#done, steps: epochs * this.#stepsPerEpoch, loss: result.loss / batch.size });
      } finally {
        disposeBatch(batch);
      }
      this.#done++;
      show(++steps, loss / count, hasClasses ? correct / count : undefined);
      await setImmediate(); // timers, signals and servers of the program go on
    }
    return {
      epoch,
      loss: loss / count,
      ...(hasClasses && { accuracy: correct / count }),
      ...(validation !== undefined && { validation: this.#step.measure(validation) }),
    };
  }

  async #save(path: string): Promise<void> {
    const optimizer = (await this.#optimization.optimizer.getWeights()).map(({ name, tensor }): NamedArray => {
      const array = { name, shape: tensor.shape, data: Float32Array.from(tensor.dataSync()) };
      // The count of iterations is made for the occasion, moments are the optimizer's own
      if (!(tensor instanceof tf.Variable)) tensor.dispose();
      return array;
    });
    const best = this.#stopping?.best;
    await writeCheckpoint(path, {
      seed: this.#options.seed,
      step: this.#done,
      reports: this.#reports,
      bestEpoch: best?.epoch ?? -1,
      weights: takeSnapshot(this.#model),
      optimizer,
      best: best?.snapshot ?? [],
      incremental: this.#incremental?.state() ?? [],
    });
  }

  async #resume(path: string): Promise<void> {
    const saved = await readCheckpoint(path);
    if (saved === undefined) return;
    const { seed } = this.#options;
    if (saved.seed !== seed) throw new OctensorError('ERR_OPTION', `checkpoint: expected seed ${seed}, got ${saved.seed}`);
    restoreSnapshot(this.#model, saved.weights);
    // Iterations are counted in integers
    const tensors = saved.optimizer.map(({ name, shape, data }) => {
      return { name, tensor: tf.tensor(data, [...shape], name === 'iter' ? 'int32' : 'float32') };
    });
    await this.#optimization.optimizer.setWeights(tensors);
    tf.dispose(tensors.map(({ tensor }) => tensor));
    if (saved.incremental.length > 0) this.#incremental?.load(saved.incremental);
    this.#stopping?.replay(saved.reports, saved.bestEpoch, saved.best);
    this.#reports.push(...saved.reports);
    this.#done = saved.step;
  }
}
