/** Of models over data sets, against what the reference kernels of TFLite reach: the same number of right answers. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { InferenceSession, Tensor, type ValueInfo } from 'octensor';

const data = process.env.OCTENSOR_TEST_DATA;
const hasData = data !== undefined && existsSync(join(data, 'datasets'));
const read = (path: string) => new Uint8Array(readFileSync(join(data!, 'datasets', path)));

interface DataSet {
  readonly count: number;
  /** uint8 pixels, channels last. */
  pixels(index: number): Uint8Array;
  label(index: number): number;
}

/** IDX files: headers of 16 and 8 bytes. */
function mnist(): DataSet {
  const [images, labels] = [read('mnist/images-idx3-ubyte'), read('mnist/labels-idx1-ubyte')];
  const size = 28 * 28;
  return {
    count: labels.length - 8,
    pixels: (i) => images.slice(16 + i * size, 16 + (i + 1) * size),
    label: (i) => labels[8 + i]!,
  };
}

/** Of each picture a label, then the planes of red, green and blue. */
function cifar10(file: string): DataSet {
  const bytes = read(`cifar10/${file}`);
  const plane = 32 * 32;
  const record = 1 + 3 * plane;
  return {
    count: bytes.length / record,
    pixels: (i) =>
      Uint8Array.from({ length: 3 * plane }, (_, k) => bytes[i * record + 1 + (k % 3) * plane + Math.floor(k / 3)]!),
    label: (i) => bytes[i * record]!,
  };
}

/** uint8 as it is; other types: real = pixel · scale. */
function inputOf(pixels: Uint8Array, { type, dims, qparams }: ValueInfo, scale: number): Tensor {
  const shape = dims as readonly number[];
  if (type === 'uint8') return new Tensor('uint8', pixels, shape);
  const reals = new Tensor(
    'float32',
    Float32Array.from(pixels, (pixel) => pixel * scale),
    shape,
  );
  return qparams === undefined ? reals : reals.quantize(qparams);
}

/** Of equal scores the first wins. */
function best(scores: ArrayLike<number>): number {
  let index = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[index]!) index = i;
  return index;
}

const accuracy = test.macro(async (t, model: string, makeSet: () => DataSet, scale: number, expected: number) => {
  t.timeout(600_000);
  if (!hasData) {
    t.log('skipped: OCTENSOR_TEST_DATA has no data sets');
    t.pass();
    return;
  }
  const { count, pixels, label } = makeSet();
  const session = await InferenceSession.create(join(data!, 'models/tflite', model));
  const input = session.inputs[0]!;
  let right = 0;
  for (let i = 0; i < count; i++) {
    session.resetStates();
    const outputs = session.runSync({ [input.name]: inputOf(pixels(i), input, scale) });
    right += Number(best(outputs[session.outputNames[0]!]!.data as Float32Array) === label(i));
  }
  t.is(right, expected, `of ${count}`);
});

const [exact, jpeg] = [() => cifar10('test_exact_100.bin'), () => cifar10('test_2000.bin')];
test('convolutions, float32: 96.5 %', accuracy, 'ai_edge_quantizer/conv_fc_mnist.tflite', mnist, 1 / 255, 965);
test('LSTM, int8: 98.5 %', accuracy, 'coral/keras_lstm_mnist_ptq.tflite', mnist, 1, 985);
test('ResNet8, int8: 88 %', accuracy, 'mlperf_tiny/ic_resnet8_int8.tflite', exact, 1, 88);
test('ResNet8, int8, JPEG pictures: 76.45 %', accuracy, 'mlperf_tiny/ic_resnet8_int8.tflite', jpeg, 1, 1529);
test('ResNet v1-8, uint8 to float32: 76.15 %', accuracy, 'stm32/cifar10_resnet_v1_8_int8.tflite', jpeg, 1, 1523);
test('ResNet8, float32: 88 %', accuracy, 'mlperf_tiny/ic_resnet8_float.tflite', exact, 1, 88);
test('ResNet8, float32, JPEG pictures: 76.4 %', accuracy, 'mlperf_tiny/ic_resnet8_float.tflite', jpeg, 1, 1528);
