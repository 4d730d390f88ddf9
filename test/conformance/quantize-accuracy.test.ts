/** What models lose when they are quantized here, over labelled pictures that calibration did not see. */
import test, { type ExecutionContext } from 'ava';
import { InferenceSession, loadModel, type QuantizeOptions, quantize, Tensor } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import type { Graph } from '#lib/graph/graph.js';
import { caffe, centered, cifar10Bytes, type Preprocess, plain } from '../support/classifiers.js';
import { best, cifar10, type DataSet, imagenet, testData } from '../support/datasets.js';

interface Subject {
  readonly model: string;
  readonly preprocess: Preprocess;
  /** How many classes come before the data set's first. */
  readonly firstClass?: number;
}

const squeezenet: Subject = { model: 'onnx/derived/squeezenet_from_fp16_fp32.onnx', preprocess: caffe };
const mobilenet: Subject = {
  model: 'tflite/tflite_support/mobilenet_v1_0.25_224_float.tflite',
  preprocess: centered,
  firstClass: 1,
};
const resnet: Subject = { model: 'tflite/mlperf_tiny/ic_resnet8_float.tflite', preprocess: plain };
const cifarNet: Subject = { model: 'onnx/octensor/cifar10-mobilenetv2-float.onnx', preprocess: cifar10Bytes };

/** False, and the test passes with a note, where there is nothing to test with. */
function isReady(t: ExecutionContext, { model }: Subject): boolean {
  t.timeout(600_000);
  if (testData('models', model) !== undefined && testData('datasets') !== undefined && tryAddon() !== undefined) return true;
  t.log('skipped: OCTENSOR_TEST_DATA has no data sets or no such model, or there is no addon');
  t.pass();
  return false;
}

function* feeds(graph: Graph, set: DataSet, { preprocess }: Subject, indices: readonly number[]) {
  const name = graph.inputs[0]!;
  const dims = graph.values.get(name)!.dims!.map((dim) => (typeof dim === 'number' ? dim : 1));
  for (const i of indices) yield { [name]: new Tensor('float32', preprocess(set.pixels(i)), dims) };
}

async function outputsOf(graph: Graph, batches: Iterable<Record<string, Tensor>>): Promise<readonly Float32Array[]> {
  const session = await InferenceSession.create(graph, { backend: 'native' });
  const all: Float32Array[] = [];
  for (const batch of batches) {
    const outputs = await session.run(batch);
    all.push(Float32Array.from(outputs[session.outputNames[0]!]!.data as Float32Array));
  }
  await session.release();
  return all;
}

const firstOf = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Of a model, over some pictures of a set: what it guesses, how it does, and how its quantized forms do. */
class Comparison {
  readonly #graph: Graph;
  readonly #subject: Subject;
  readonly #set: DataSet;
  readonly #indices: readonly number[];
  #float: readonly number[] = [];

  private constructor(graph: Graph, subject: Subject, set: DataSet, indices: readonly number[]) {
    this.#graph = graph;
    this.#subject = subject;
    this.#set = set;
    this.#indices = indices;
  }

  static async of(subject: Subject, set: DataSet, indices: readonly number[]): Promise<Comparison> {
    const comparison = new Comparison(await loadModel(testData('models', subject.model)!), subject, set, indices);
    comparison.#float = await comparison.#guess(comparison.#graph);
    return comparison;
  }

  get float(): number {
    return this.#accuracy(this.#float);
  }

  async quantized(set: DataSet, indices: readonly number[], options: QuantizeOptions) {
    const calibration = feeds(this.#graph, set, this.#subject, indices);
    const { graph } = await quantize(this.#graph, { calibration, ...options });
    const guesses = await this.#guess(graph);
    const same = guesses.filter((guess, i) => guess === this.#float[i]).length;
    return { accuracy: this.#accuracy(guesses), agreement: (100 * same) / guesses.length };
  }

  async #guess(graph: Graph): Promise<readonly number[]> {
    return (await outputsOf(graph, feeds(this.#graph, this.#set, this.#subject, this.#indices))).map(best);
  }

  #accuracy(guesses: readonly number[]): number {
    const { firstClass = 0 } = this.#subject;
    return (
      (100 * guesses.filter((guess, i) => guess === this.#set.label(this.#indices[i]!) + firstClass).length) / guesses.length
    );
  }
}

test.serial('SqueezeNet keeps its accuracy, and its answer on 97 % of pictures with a target of 29 dB', async (t) => {
  if (!isReady(t, squeezenet)) return;
  const set = imagenet();
  const comparison = await Comparison.of(
    squeezenet,
    set,
    firstOf(set.count).filter((i) => i % 10 !== 0),
  );
  const calibrated = firstOf(set.count).filter((i) => i % 10 === 0);
  const { accuracy, agreement } = await comparison.quantized(set, calibrated, { activations: { method: 'percentile' } });
  t.log(`float ${comparison.float} %, int8 ${accuracy} %, same class ${agreement} %`);
  t.true(accuracy >= comparison.float - 0.7);
  t.true(agreement >= 94);
  const precise = await comparison.quantized(set, calibrated, {
    activations: { method: 'percentile' },
    equalize: 'activations',
    biasCorrection: true,
    exclude: ['Mean', 'Softmax'],
    mixedPrecision: { targetSqnrDb: 29 },
  });
  t.log(`29 dB: ${precise.accuracy} %, same class ${precise.agreement} %`);
  t.true(precise.accuracy >= comparison.float - 0.7);
  t.true(precise.agreement >= 97);
});

test.serial(
  'MobileNetV1 collapses per tensor; per channel, with AdaRound and corrected biases, it loses at most 1 point',
  async (t) => {
    if (!isReady(t, mobilenet)) return;
    const set = imagenet();
    const comparison = await Comparison.of(mobilenet, set, firstOf(set.count));
    const calibrated = firstOf(50).map((i) => i * 10);
    const tensor = await comparison.quantized(set, calibrated, { scheme: 'onnxruntime' });
    const channel = await comparison.quantized(set, calibrated, { biasCorrection: true });
    const adapted = await comparison.quantized(set, calibrated, { adaround: true, biasCorrection: true });
    t.log(`float ${comparison.float} %, per tensor ${tensor.accuracy} %, per channel ${channel.accuracy} %`);
    t.log(`with AdaRound ${adapted.accuracy} %, same class ${adapted.agreement} %`);
    t.true(tensor.accuracy < 20);
    t.true(channel.accuracy >= comparison.float - 2.5);
    t.true(adapted.accuracy >= comparison.float - 1);
  },
);

test.serial('ResNet8 loses no more than in the published int8 file, 76.45 %', async (t) => {
  if (!isReady(t, resnet)) return;
  const comparison = await Comparison.of(resnet, cifar10('test_2000'), firstOf(2000));
  const { accuracy } = await comparison.quantized(cifar10('train_500'), firstOf(200), {});
  t.log(`float ${comparison.float} %, int8 ${accuracy} %`);
  t.true(accuracy >= 76.45 - 0.2);
});

test.serial('MobileNetV2 of CIFAR-10: 8 bits lose at most 0.5 points, 4 bits with AdaRound 3', async (t) => {
  if (!isReady(t, cifarNet)) return;
  const comparison = await Comparison.of(cifarNet, cifar10('test_2000'), firstOf(2000));
  const quantized = async (options: QuantizeOptions) => {
    const { accuracy, agreement } = await comparison.quantized(cifar10('train_500'), firstOf(200), options);
    t.log(`${JSON.stringify(options)}: ${accuracy} %, same class ${agreement} %`);
    return accuracy;
  };
  t.true((await quantized({})) >= comparison.float - 0.5);
  const nearest = await quantized({ weights: { bits: 4 } });
  t.true(nearest < comparison.float - 3);
  t.true((await quantized({ weights: { bits: 4 }, adaround: true })) >= comparison.float - 3);
});
