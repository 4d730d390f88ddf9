/** Training of float models: what `train` reports, keeps, refuses and gives again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { OctensorError } from 'octensor';
import { type EpochReport, type Samples, train, trainProgressively } from 'octensor/qat';
import { powerOfTwo } from '#lib/qat/training/incremental.js';
import { shuffledIndices } from '#lib/qat/training/random.js';
import { kurtosisOf } from '#lib/qat/training/regularization.js';
import { Random } from '../support/random.js';
import { rejectsCode } from '../support/throws-async.js';

const folder = mkdtempSync(join(tmpdir(), 'octensor-training-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const { layers } = tfl;

/** Points of the plane in three clouds, apart from each other. */
function clouds(count: number, seed: number): Samples {
  const random = new Random(seed);
  const noise = () => (random.uint32() + random.uint32()) / 2 ** 32 - 1;
  const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
  const points = Float32Array.from({ length: 2 * count }, (_, i) => {
    const label = labels[i >> 1]!;
    return [1.5, -1.5, 0][label]! * (i % 2 === 0 ? 1 : 0) + (i % 2 === 1 && label === 2 ? 2 : 0) + noise();
  });
  return { x: tf.tensor2d(points, [count, 2]), y: tf.tensor1d(labels, 'int32') };
}

/** Weights depend on the seed alone. */
function classifier(units = 8, seed = 1): tfl.LayersModel {
  const kernel = (n: number) => tfl.initializers.glorotUniform({ seed: seed + n });
  return tfl.sequential({
    layers: [
      layers.dense({ units, activation: 'relu', inputShape: [2], name: 'hidden', kernelInitializer: kernel(1) }),
      layers.dense({ units: 3, activation: 'softmax', name: 'scores', kernelInitializer: kernel(2) }),
    ],
  });
}

const weightsOf = (model: tfl.LayersModel) => model.getWeights().map((weight) => Array.from(weight.dataSync()));
const kernelOf = (model: tfl.LayersModel, i: number) => weightsOf(model)[i]!;

test.serial('learns, reports every epoch, and is reproducible', async (t) => {
  const [data, validation] = [clouds(120, 1), clouds(60, 2)];
  const run = async (seed: number) => {
    const model = classifier();
    const seen: EpochReport[] = [];
    const onEpoch = (report: EpochReport) => void seen.push(report);
    const result = await train(model, data, { epochs: 6, batchSize: 16, learningRate: 0.03, seed, validation, onEpoch });
    t.deepEqual(result.epochs, seen);
    const weights = weightsOf(model);
    model.dispose();
    return { result, weights };
  };
  const [first, again, other] = [await run(5), await run(5), await run(6)];
  const last = first.result.epochs.at(-1)!;
  t.true(last.validation!.accuracy! > 0.9, `accuracy ${last.validation!.accuracy}`);
  t.true(last.loss < first.result.epochs[0]!.loss);
  t.is(first.result.epoch, 5);
  t.deepEqual(again.weights, first.weights);
  t.notDeepEqual(other.weights, first.weights);
  tf.dispose([data.x, data.y, validation.x, validation.y] as tf.Tensor[]);
});

test.serial('tensors do not pile up', async (t) => {
  const [data, teacher, model] = [clouds(48, 1), classifier(8, 4), classifier()];
  const counts: number[] = [];
  await train(model, data, {
    epochs: 5,
    batchSize: 16,
    validation: data,
    distillation: { teacher, features: ['hidden'] },
    regularization: { weightDecay: 1e-4, kurtosis: 0.01, range: 0.001 },
    incremental: { portions: [0.2, 0.4, 1] },
    earlyStopping: { patience: 9 },
    checkpoint: { path: join(folder, 'flat') },
    onEpoch: () => void counts.push(tf.memory().numTensors),
  });
  t.is(new Set(counts).size, 1, String(counts));
  teacher.dispose();
  model.dispose();
  tf.dispose([data.x, data.y] as tf.Tensor[]);
  t.is(tf.memory().numTensors, 0);
});

test.serial('labels as numbers and one-hot, scores with and without a softmax are one', async (t) => {
  const data = clouds(48, 3);
  const oneHot = { ...data, y: tf.oneHot(data.y as tf.Tensor1D, 3) };
  const [softmax, scores] = [classifier(), classifier()];
  const open = tfl.sequential({ layers: [scores.layers[0]!, layers.dense({ units: 3, name: 'open' })] });
  open.layers[1]!.setWeights(scores.layers[1]!.getWeights());
  const results = [await train(softmax, data, { epochs: 2, optimizer: 'sgd', learningRate: 0.1 })];
  const asFloat = tf.cast(oneHot.y, 'float32');
  results.push(await train(open, { x: data.x, y: asFloat }, { epochs: 2, optimizer: 'sgd', learningRate: 0.1 }));
  for (const [i, { loss, accuracy }] of results[0]!.epochs.entries()) {
    t.true(Math.abs(loss - results[1]!.epochs[i]!.loss) < 1e-5);
    t.is(accuracy, results[1]!.epochs[i]!.accuracy);
  }
  for (const model of [softmax, open]) model.dispose();
  tf.dispose([data.x, data.y, oneHot.y, asFloat] as tf.Tensor[]);
});

test.serial('a step of gradient descent is that of the loss', async (t) => {
  const model = tfl.sequential({ layers: [layers.dense({ units: 1, useBias: false, inputShape: [2], name: 'line' })] });
  model.setWeights([tf.tensor2d([1, 2], [2, 1])]);
  const data = { x: tf.tensor2d([3, -1], [1, 2]), y: tf.tensor2d([2], [1, 1]) };
  // y - t = 3·1 - 1·2 - 2 = -1; d/dw (y - t)² = 2·(y - t)·x = [-6, 2]; λ·w is added
  const options = { epochs: 1, optimizer: 'sgd', learningRate: 0.1, loss: 'meanSquaredError' } as const;
  const { epochs } = await train(model, data, { ...options, regularization: { weightDecay: 0.5 } });
  t.is(epochs[0]!.loss, 1 + 0.25 * (1 + 4));
  t.false('accuracy' in epochs[0]!);
  const [a, b] = kernelOf(model, 0);
  t.true(Math.abs(a! - (1 - 0.1 * (-6 + 0.5))) < 1e-6 && Math.abs(b! - (2 - 0.1 * (2 + 1))) < 1e-6, `${a}, ${b}`);
  model.dispose();
});

test.serial('a schedule that falls to zero, and an optimizer of the caller', async (t) => {
  const data = clouds(16, 1);
  const run = async (schedule: 'constant' | 'cosine') => {
    const model = classifier();
    await train(model, data, { epochs: 2, batchSize: 8, schedule, optimizer: 'sgd', learningRate: 0.5 });
    const weights = weightsOf(model);
    model.dispose();
    return weights;
  };
  t.notDeepEqual(await run('cosine'), await run('constant'));
  const [model, optimizer] = [classifier(), tf.train.rmsprop(0.01)];
  await train(model, data, { epochs: 1, optimizer });
  await train(model, data, { epochs: 1, optimizer });
  optimizer.dispose();
  model.dispose();
});

test.serial('distillation pulls the student to the teacher', async (t) => {
  const [data, teacher] = [clouds(60, 1), classifier(8, 9)];
  const wrong = { ...data, y: tf.tensor1d(new Int32Array(60), 'int32') };
  const distance = async (weight: number) => {
    const student = classifier();
    await train(student, wrong, { epochs: 8, learningRate: 0.05, distillation: { teacher, weight, temperature: 2 } });
    const value = tf.tidy(() => {
      const [a, b] = [student, teacher].map((model) => model.predict(data.x as tf.Tensor) as tf.Tensor);
      return tf.mean(tf.abs(tf.sub(a!, b!))).dataSync()[0]!;
    });
    student.dispose();
    return value;
  };
  const [far, near] = [await distance(0), await distance(1)];
  t.true(near < far / 3, `${near} against ${far}`);
});

test('kurtosis of a uniform distribution is 9/5', (t) => {
  const values = Float32Array.from({ length: 20_001 }, (_, i) => i / 10_000 - 1);
  const kurtosis = kurtosisOf(tf.tensor1d(values)).dataSync()[0]!;
  t.true(Math.abs(kurtosis - 1.8) < 1e-3, String(kurtosis));
});

test.serial('range and kurtosis penalties change what they name', async (t) => {
  const data = clouds(30, 1);
  const run = async (regularization: object) => {
    const model = classifier(16);
    await train(model, data, { epochs: 30, learningRate: 0.02, regularization });
    const values = kernelOf(model, 0);
    const measured = { range: Math.max(...values.map(Math.abs)), kurtosis: kurtosisOf(tf.tensor1d(values)).dataSync()[0]! };
    model.dispose();
    return measured;
  };
  const plain = await run({});
  t.true((await run({ range: 0.3 })).range < plain.range / 1.5);
  const { kurtosis } = await run({ kurtosis: { weight: 1, target: 1.2 } });
  t.true(Math.abs(kurtosis - 1.2) < Math.abs(plain.kurtosis - 1.2) / 2, `${kurtosis} from ${plain.kurtosis}`);
});

test('levels that are powers of two', (t) => {
  // s = 0.9: n1 = floor(log2(1.2)) = 0; with 3 bits n2 = 0 + 1 - 2 = -1
  const values = [0.9, 0.76, 0.74, 0.5, 0.26, 0.24, -0.6, 0];
  t.deepEqual(
    values.map((value) => powerOfTwo(value, 0.9, 3)),
    [1, 1, 0.5, 0.5, 0.5, 0, -0.5, 0],
  );
});

for (const levels of ['power-of-two', 'uniform'] as const) {
  test.serial(`incremental quantization ends on the grid: ${levels}`, async (t) => {
    const data = clouds(60, 1);
    const model = classifier();
    const bits = 4;
    const begun = kernelOf(model, 0);
    const frozen: number[][] = [];
    const { epochs } = await train(model, data, {
      epochs: 24,
      learningRate: 0.03,
      incremental: { bits, levels },
      onEpoch: () => void frozen.push(kernelOf(model, 0)),
    });
    const end = kernelOf(model, 0);
    const largest = (channel: number) => Math.max(Math.abs(begun[channel]!), Math.abs(begun[8 + channel]!));
    for (const [i, value] of end.entries()) {
      const code =
        levels === 'uniform' ? value / Math.fround(largest(i % 8) / 7) : value === 0 ? 0 : Math.log2(Math.abs(value));
      t.true(Math.abs(code - Math.round(code)) < 1e-5, `${value}`);
    }
    const kept = frozen[0]!.filter((value, i) => value === end[i]).length;
    t.true(kept >= 8, `${kept} of 16 stay from the first epoch on`);
    t.true(epochs.at(-1)!.accuracy! > 0.8);
    model.dispose();
  });
}

test.serial('early stopping takes the best weights', async (t) => {
  const data = clouds(30, 1);
  // The surer the model, the more it loses by labels that are wrong
  const labels = Int32Array.from(data.y.dataSync(), (label, i) => (i % 5 === 0 ? (label + 1) % 3 : label));
  const validation = { x: data.x, y: tf.tensor1d(labels, 'int32') };
  const model = classifier();
  const snapshots: (readonly (readonly number[])[])[] = [];
  const result = await train(model, data, {
    epochs: 40,
    optimizer: 'sgd',
    learningRate: 0.5,
    validation,
    earlyStopping: { patience: 3 },
    onEpoch: () => void snapshots.push(weightsOf(model)),
  });
  const losses = result.epochs.map((report) => report.validation!.loss);
  t.true(result.stoppedEarly && result.epochs.length < 40, String(losses));
  t.is(result.epoch, losses.indexOf(Math.min(...losses)));
  t.is(result.epochs.length, result.epoch + 4);
  t.deepEqual(weightsOf(model), snapshots[result.epoch]);
  model.dispose();
});

test.serial('training that goes on from a checkpoint gives the same weights', async (t) => {
  const data = clouds(40, 1);
  const path = join(folder, 'resume');
  const options = { epochs: 5, learningRate: 0.02, validation: data, earlyStopping: { patience: 9 }, incremental: {} };
  const whole = classifier();
  const expected = await train(whole, data, options);

  const begun = classifier();
  const abort = new AbortController();
  const stopped = train(begun, data, {
    ...options,
    checkpoint: { path },
    signal: abort.signal,
    onEpoch: ({ epoch }) => (epoch === 2 ? abort.abort() : undefined),
  });
  await rejectsCode(t, stopped, 'ERR_ABORTED', 'epoch 3');
  const resumed = classifier(8, 77);
  const result = await train(resumed, data, { ...options, checkpoint: { path, resume: true } });
  t.deepEqual(result, expected);
  t.deepEqual(weightsOf(resumed), weightsOf(whole));
  for (const model of [whole, begun, resumed]) model.dispose();
});

test.serial('checkpoints that are none, or of something else', async (t) => {
  const data = clouds(20, 1);
  const path = join(folder, 'broken');
  const start = (checkpoint: object, seed = 0, units = 8) =>
    train(classifier(units), data, { epochs: 1, seed, checkpoint: { path, ...checkpoint } });
  await start({});
  const bytes = readFileSync(path);
  await rejectsCode(t, start({ resume: true }, 3), 'ERR_OPTION', 'seed');
  await rejectsCode(t, start({ resume: true }, 0, 4), 'ERR_SHAPE', 'hidden');
  for (const length of [3, 11, 40, bytes.length - 1]) {
    writeFileSync(path, bytes.subarray(0, length));
    await rejectsCode(t, start({ resume: true }), 'ERR_MODEL_FORMAT', 'checkpoint');
  }
  await rejectsCode(t, start({ path: join(folder, 'none', 'x') }), 'ERR_OPTION', 'ENOENT');
});

test.serial('a loss that is not finite stops with the step and the layer, before weights are lost', async (t) => {
  const data = clouds(24, 1);
  const model = classifier();
  model.layers[0]!.setWeights([tf.fill([2, 8], 3e38), tf.zeros([8])]);
  const error = await t.throwsAsync(train(model, data, { epochs: 1, batchSize: 8 }), {
    instanceOf: OctensorError,
    code: 'ERR_TRAINING',
  });
  t.is((error as OctensorError).node, 'hidden');
  t.regex(error!.message, /step 0.*"hidden"/);

  const wild = tfl.sequential({ layers: [layers.dense({ units: 1, inputShape: [2], name: 'wild' })] });
  const targets = { x: data.x, y: tf.fill([24, 1], 1e19) };
  const options = { epochs: 9, optimizer: 'sgd', learningRate: 1e9, loss: 'meanSquaredError', batchSize: 24 } as const;
  const later = await t.throwsAsync(train(wild, targets, options), { instanceOf: OctensorError, code: 'ERR_TRAINING' });
  t.regex(later!.message, /step [1-9].*"wild"/);
});

test.serial('data and options that do not fit are refused before training', async (t) => {
  const data = clouds(12, 1);
  const model = classifier();
  const before = weightsOf(model);
  const { x, y } = data as { x: tf.Tensor; y: tf.Tensor };
  const go = (samples: Partial<Samples>, options: object = {}) =>
    train(model, { ...data, ...samples }, { epochs: 1, ...options });
  await rejectsCode(t, go({ x: tf.zeros([12, 3]) }), 'ERR_SHAPE', 'data.x', '[12, 2]');
  await rejectsCode(t, go({ x: tf.zeros([11, 2]) }), 'ERR_SHAPE', 'data.y', '[11]');
  await rejectsCode(t, go({ x: [x, x] }), 'ERR_SHAPE', 'one for each input');
  await rejectsCode(t, go({ y: tf.zeros([12, 4]) }), 'ERR_SHAPE', 'data.y', '[12, 3]');
  await rejectsCode(t, go({ y: tf.fill([12], 3, 'int32') }), 'ERR_DTYPE', 'classes from 0 to 2', '3');
  await rejectsCode(t, go({ y: [1, 2] as never }), 'ERR_OPTION', 'data.y');
  await rejectsCode(t, go({}, { validation: { x, y: tf.zeros([5], 'int32') } }), 'ERR_SHAPE', 'validation.y');
  await rejectsCode(t, go({}, { epochs: 0 }), 'ERR_OPTION', 'epochs');
  await rejectsCode(t, go({}, { loss: 'hinge' }), 'ERR_OPTION', 'loss');
  await rejectsCode(t, go({}, { optimizer: 'lion' }), 'ERR_OPTION', 'optimizer');
  await rejectsCode(t, go({}, { earlyStopping: { patience: 1 } }), 'ERR_OPTION', 'validation');
  await rejectsCode(t, go({}, { incremental: { bits: 9 } }), 'ERR_QUANTIZATION', 'bits');
  await rejectsCode(t, go({}, { incremental: { portions: [0.5, 0.4] } }), 'ERR_OPTION', 'portions');
  await rejectsCode(t, go({}, { distillation: { teacher: classifier(4), features: ['hidden'] } }), 'ERR_SHAPE', 'hidden');
  await rejectsCode(t, go({}, { distillation: { teacher: classifier(), features: ['none'] } }), 'ERR_OPTION', 'none');
  await rejectsCode(t, go({}, { distillation: { teacher: classifier(), temperature: 0 } }), 'ERR_OPTION', 'temperature');
  await rejectsCode(t, go({}, { regularization: { range: -1 } }), 'ERR_OPTION', 'range');
  t.deepEqual(weightsOf(model), before);
  const still = classifier();
  for (const layer of still.layers) layer.trainable = false;
  await rejectsCode(t, train(still, data, { epochs: 1 }), 'ERR_OPTION', 'can be trained');
  t.is(y.shape[0], 12);
});

test.serial('each stage begins with the weights of the one before', async (t) => {
  const data = clouds(30, 1);
  const made: number[] = [];
  const stages = [{ bits: 8 }, { bits: 4, options: { epochs: 2 } }, { bits: 2 }];
  const { model, stages: results } = await trainProgressively(
    stages,
    (bits) => {
      made.push(bits);
      return classifier(8, bits);
    },
    data,
    { epochs: 3, learningRate: 0.03 },
  );
  t.deepEqual(made, [8, 4, 2]);
  t.deepEqual(
    results.map(({ epochs }) => epochs.length),
    [3, 2, 3],
  );
  t.true(results[1]!.epochs[0]!.loss < results[0]!.epochs[0]!.loss * 0.9, 'not from the beginning again');
  model.dispose();
  await rejectsCode(
    t,
    trainProgressively([{ bits: 2 }, { bits: 4 }], () => classifier(), data, { epochs: 1 }),
    'ERR_OPTION',
    'stages',
  );
});

test('orders are permutations that depend on seed and epoch', (t) => {
  const order = shuffledIndices(100, 1, 0);
  t.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(100).keys()],
  );
  t.deepEqual(shuffledIndices(100, 1, 0), order);
  t.notDeepEqual(shuffledIndices(100, 1, 1), order);
  t.notDeepEqual(shuffledIndices(100, 2, 0), order);
});
