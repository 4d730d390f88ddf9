/**
 * ONNX classifiers over labelled pictures, against what onnxruntime reaches on them: as many first guesses are right, but for the
 * pictures whose two best classes the order of float sums decides.
 */
import test from 'ava';
import { InferenceSession, Tensor } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import { fromFloat16Bits } from '#lib/float16.js';
import {
  caffe,
  cifar10Bytes,
  cifar10Statistics,
  fractions,
  kolterWong,
  type Preprocess,
  plain,
  torchvision,
} from '../support/classifiers.js';
import { cifar10, type DataSet, imagenet, mnist, part, rankOf, testData } from '../support/datasets.js';

interface Expected {
  readonly model: string;
  readonly set: () => DataSet;
  readonly preprocess: Preprocess;
  /** In percent: how often the right class is first, and how often it is one of five. */
  readonly top1: number;
  readonly top5?: number;
  readonly tolerance: number;
}

const batchSize = 50;

const accuracy = test.macro({
  title: (_, { model, top1 }: Expected) => `${model}: ${top1} %`,
  exec: async (t, { model, set: makeSet, preprocess, top1, top5, tolerance }: Expected) => {
    t.timeout(600_000);
    const file = testData('models/onnx', `${model}.onnx`);
    if (file === undefined || testData('datasets') === undefined || tryAddon() === undefined) {
      t.log('skipped: OCTENSOR_TEST_DATA has no data sets or no such model, or there is no addon');
      t.pass();
      return;
    }
    const set = makeSet();
    const session = await InferenceSession.create(file, { backend: 'native' });
    const { name, type, dims } = session.inputs[0]!;
    const isBatched = typeof dims[0] !== 'number';
    let [first, five] = [0, 0];
    for (let start = 0; start < set.count; ) {
      const size = isBatched ? Math.min(batchSize, set.count - start) : 1;
      const pictures = Array.from({ length: size }, (_, i) => preprocess(set.pixels(start + i)));
      const each = pictures[0]!.length;
      const reals = new Float32Array(size * each);
      for (const [i, picture] of pictures.entries()) reals.set(picture, i * each);
      const shape = [size, ...(dims.slice(1) as number[])];
      const isHalf = type === 'float16';
      const feed = isHalf ? new Tensor('float16', Array.from(reals), shape) : new Tensor('float32', reals, shape);
      const outputs = await session.run({ [name]: feed });
      const output = outputs[session.outputNames[0]!]!.data;
      const scores = isHalf ? Float32Array.from(output as Uint16Array, fromFloat16Bits) : (output as Float32Array);
      const classes = scores.length / size;
      for (let i = 0; i < size; i++) {
        const rank = rankOf(scores.subarray(i * classes, (i + 1) * classes), set.label(start + i));
        first += Number(rank < 1);
        five += Number(rank < 5);
      }
      start += size;
    }
    await session.release();
    const percent = (count: number) => (100 * count) / set.count;
    t.log(`${percent(first)} %, one of five ${percent(five)} %`);
    t.true(Math.abs(percent(first) - top1) <= tolerance + 1e-9, `${percent(first)} % instead of ${top1} %`);
    if (top5 !== undefined)
      t.true(Math.abs(percent(five) - top5) <= tolerance + 1e-9, `${percent(five)} % instead of ${top5} %`);
  },
});

const cifarThousand = () => part(cifar10('test_2000'), 0, 1000);
const imagenetHundred = () => part(imagenet(), 0, 100);
const list: readonly Expected[] = [
  { model: 'zoo_int8/mobilenetv2-12-int8', set: imagenet, preprocess: torchvision, top1: 80.8, top5: 95.6, tolerance: 0.4 },
  { model: 'derived/squeezenet_from_fp16_fp32', set: imagenet, preprocess: caffe, top1: 58.6, top5: 80, tolerance: 0.2 },
  { model: 'imagenet/SqueezeNet_fp16', set: imagenetHundred, preprocess: caffe, top1: 64, tolerance: 0 },
  { model: 'mlperf_tiny_qop/mbv2_cifar10_int8', set: cifarThousand, preprocess: kolterWong, top1: 81.7, tolerance: 0.2 },
  { model: 'cifar10/resnet_2b', set: cifarThousand, preprocess: cifar10Statistics, top1: 69, tolerance: 0 },
  { model: 'cifar10/cifar_wide_kw', set: cifarThousand, preprocess: kolterWong, top1: 62.6, tolerance: 0 },
  { model: 'cifar10/cifar_base_kw', set: cifarThousand, preprocess: kolterWong, top1: 59.9, tolerance: 0 },
  { model: 'cifar10/cifar10_large', set: cifarThousand, preprocess: fractions, top1: 74.1, tolerance: 0 },
  { model: 'mnist/mnist', set: mnist, preprocess: plain, top1: 99.3, tolerance: 0 },
  { model: 'mnist/mnist-net_256x2', set: mnist, preprocess: fractions, top1: 99.1, tolerance: 0 },
  { model: 'mnist/mnist-net_256x4', set: mnist, preprocess: fractions, top1: 98.8, tolerance: 0 },
  { model: 'mnist/ffnnSIGMOID__Point_6x200', set: mnist, preprocess: fractions, top1: 99, tolerance: 0 },
  {
    model: 'octensor/cifar10-mobilenetv2-float',
    set: () => cifar10('test_2000'),
    preprocess: cifar10Bytes,
    top1: 85.6,
    tolerance: 0,
  },
];
for (const expected of list) test.serial(accuracy, expected);
