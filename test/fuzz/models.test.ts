/**
 * Damaged TFLite models and graphs, through everything that a user's call goes through. The sanitized builds run this too, so that a
 * read or write out of bounds in native code shows.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadModel } from 'octensor';
import { ops } from '#lib/ops/index.js';
import { smallModel } from '../support/small-model.js';
import { mutateBytes, mutateGraph } from './mutate.js';
import { fuzz, fuzzTest } from './survive.js';

const data = process.env.OCTENSOR_TEST_DATA;

fuzzTest('files: a small model', async (t) => {
  await fuzz(t, (random) => () => loadModel(mutateBytes(random, smallModel)));
});

const realModels = [
  'mlperf_tiny/kws_dscnn_int8.tflite',
  'mlperf_tiny/ad01_int8.tflite',
  'mlperf_tiny/sww_int8.tflite',
  'tflm/micro_speech_int8.tflite',
  'tflm/keyword_scrambled_8bit.tflite',
  'tflm/mnist_lstm_int8.tflite',
  'tflm/person_detect_int8.tflite',
  'ai_edge_quantizer/mnist_quantized.tflite',
];
const found = realModels.filter((model) => data !== undefined && existsSync(join(data, 'models/tflite', model)));
if (found.length === 0) {
  test('files: real models', (t) => {
    t.log('skipped: OCTENSOR_TEST_DATA has no models/tflite');
    t.pass();
  });
} else {
  fuzzTest('files: real models', async (t) => {
    const files = found.map((model) => new Uint8Array(readFileSync(join(data!, 'models/tflite', model))));
    await fuzz(t, (random) => () => loadModel(mutateBytes(random, random.pick(files))));
  });
}

fuzzTest('graphs: the cases of every operator', async (t) => {
  const graphs = [...ops.values()].flatMap((op) => [...op.cases()].map(({ graph }) => graph));
  await fuzz(t, (random) => async () => mutateGraph(random, random.pick(graphs)));
});
