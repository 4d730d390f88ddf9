/** Of models over data sets, against what the reference kernels of TFLite reach: the same number of right answers. */
import test from 'ava';
import { InferenceSession, Tensor, type ValueInfo } from 'octensor';
import { best, cifar10, type DataSet, mnist, testData } from '../support/datasets.js';

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

const accuracy = test.macro(async (t, model: string, makeSet: () => DataSet, scale: number, expected: number) => {
  t.timeout(600_000);
  const file = testData('models/tflite', model);
  if (file === undefined || testData('datasets') === undefined) {
    t.log('skipped: OCTENSOR_TEST_DATA has no data sets or no such model');
    t.pass();
    return;
  }
  const { count, pixels, label } = makeSet();
  const session = await InferenceSession.create(file);
  const input = session.inputs[0]!;
  let right = 0;
  for (let i = 0; i < count; i++) {
    session.resetStates();
    const outputs = session.runSync({ [input.name]: inputOf(pixels(i), input, scale) });
    right += Number(best(outputs[session.outputNames[0]!]!.data as Float32Array) === label(i));
  }
  t.is(right, expected, `of ${count}`);
});

const [exact, jpeg] = [() => cifar10('test_exact_100'), () => cifar10('test_2000')];
test('convolutions, float32: 96.5 %', accuracy, 'ai_edge_quantizer/conv_fc_mnist.tflite', mnist, 1 / 255, 965);
test('LSTM, int8: 98.5 %', accuracy, 'coral/keras_lstm_mnist_ptq.tflite', mnist, 1, 985);
test('ResNet8, int8: 88 %', accuracy, 'mlperf_tiny/ic_resnet8_int8.tflite', exact, 1, 88);
test('ResNet8, int8, JPEG pictures: 76.45 %', accuracy, 'mlperf_tiny/ic_resnet8_int8.tflite', jpeg, 1, 1529);
test('ResNet v1-8, uint8 to float32: 76.15 %', accuracy, 'stm32/cifar10_resnet_v1_8_int8.tflite', jpeg, 1, 1523);
test('ResNet8, float32: 88 %', accuracy, 'mlperf_tiny/ic_resnet8_float.tflite', exact, 1, 88);
test('ResNet8, float32, JPEG pictures: 76.4 %', accuracy, 'mlperf_tiny/ic_resnet8_float.tflite', jpeg, 1, 1528);
