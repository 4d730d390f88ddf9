/** `train` on models with quantizers in them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import test from 'ava';
import { OctensorError } from 'octensor';
import { convert, prepare, productsOf, type Samples, stepOf, train, trainProgressively } from 'octensor/qat';
import { kernelsOf } from '#lib/qat/training/kernels.js';
import { chain, execute, network, predict, samples, topClasses } from '../support/qat-networks.js';

const folder = mkdtempSync(join(tmpdir(), 'octensor-training-prepared-'));
test.after.always(() => rmSync(folder, { recursive: true }));

function dataOf(count: number, seed: number): Samples {
  const { x, labels } = samples(count, seed);
  return { x, y: tf.tensor1d([...labels], 'int32') };
}

const weightsOf = (model: LayersModel) => model.getWeights().map((weight) => Array.from(weight.dataSync()));
const four = { scheme: 'lsq', weights: { bits: 4 }, activations: { bits: 4 } } as const;

test.serial('float, then 8 bits with the float model as teacher, then integers', async (t) => {
  const [data, validation] = [dataOf(96, 1), dataOf(64, 2)];
  const float = network();
  const first = await train(float, data, { epochs: 10, batchSize: 16, learningRate: 0.005, validation });
  const reached = first.epochs.at(-1)!;
  t.true(reached.accuracy! > 0.8, JSON.stringify(reached));

  const model = prepare(float, { batchNorm: { freeze: 6 } });
  const counts: number[] = [];
  const { epochs } = await train(model, data, {
    epochs: 2,
    batchSize: 16,
    learningRate: 0.002,
    validation,
    distillation: { teacher: float, features: ['mean'] },
    regularization: { kurtosis: 0.01 },
    onEpoch: () => void counts.push(tf.memory().numTensors),
  });
  t.is(stepOf(model), 2 * 6, 'the model counts its training batches');
  t.is(new Set(counts).size, 1, String(counts));
  const { accuracy } = epochs.at(-1)!.validation!;
  t.true(accuracy! > reached.validation!.accuracy! - 0.1, `${accuracy} from ${reached.validation!.accuracy}`);

  const executed = await execute(await convert(model), data.x as tf.Tensor);
  const [a, b] = [topClasses(executed), topClasses(predict(model, data.x as tf.Tensor))];
  t.true(a.filter((each, i) => each === b[i]).length >= 95, 'integers agree with what was trained');
  for (const each of [model, float]) each.dispose();
});

test.serial('kernels are found by name, in float and prepared models', (t) => {
  const float = network();
  const names = (model: LayersModel) => kernelsOf(model).map(({ weight, channels }) => [weight.shape.join(), channels]);
  const expected = names(float);
  t.is(expected.length, 7, 'two of them of the separable convolution');
  const model = prepare(float);
  t.deepEqual(names(model).sort(), expected.sort());
  for (const each of [model, float]) each.dispose();
});

test.serial('prepared models go on from checkpoints, quantizers and steps included', async (t) => {
  const data = dataOf(48, 1);
  const float = chain();
  const options = { epochs: 3, batchSize: 16, learningRate: 0.002 };
  const make = () => prepare(float, { ...four, batchNorm: { moving: 3, freeze: 6 }, delay: 2 });
  const whole = make();
  const expected = await train(whole, data, options);
  const path = join(folder, 'prepared');
  const begun = make();
  await train(begun, data, { ...options, epochs: 1, checkpoint: { path } });
  const resumed = make();
  t.deepEqual(await train(resumed, data, { ...options, checkpoint: { path, resume: true } }), expected);
  t.deepEqual(weightsOf(resumed), weightsOf(whole));
  t.is(stepOf(resumed), 9);
  for (const model of [whole, begun, resumed, float]) model.dispose();
});

test.serial('bits fall from stage to stage, kernels stay', async (t) => {
  const data = dataOf(48, 1);
  const float = network();
  const kernels: string[] = [];
  const { model, stages } = await trainProgressively(
    [{ bits: 8 }, { bits: 4 }, { bits: 2, options: { epochs: 2 } }],
    (bits) => prepare(float, { scheme: 'lsq', weights: { bits }, activations: { bits } }),
    data,
    { epochs: 1, batchSize: 16, learningRate: 0.002, onEpoch: () => void kernels.push('') },
  );
  t.is(kernels.length, 4);
  t.is(stages.length, 3);
  const isChanged = kernelsOf(model).every(({ weight }, i) => {
    const [now, before] = [weight, kernelsOf(float)[i]!.weight].map((each) => each.read().dataSync());
    return now!.some((value, k) => value !== before![k]);
  });
  t.true(isChanged);
  t.true(productsOf(model).some((layer) => layer.grid()?.bits === 2));
  for (const each of [model, float]) each.dispose();
});

test.serial('a prepared layer whose range explodes is named', async (t) => {
  const data = dataOf(16, 1);
  const float = network();
  const model = prepare(float);
  const { weight } = kernelsOf(model)[2]!;
  const broken = tf.fill(weight.shape as number[], Number.POSITIVE_INFINITY);
  weight.write(broken);
  const error = await t.throwsAsync(train(model, data, { epochs: 1 }), { instanceOf: OctensorError, code: 'ERR_TRAINING' });
  t.is((error as OctensorError).node, 'project');
  for (const each of [model, float]) each.dispose();
});
