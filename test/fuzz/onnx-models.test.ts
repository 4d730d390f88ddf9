/** Damaged ONNX models, through everything that a user's call goes through. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { loadModel } from 'octensor';
import { type ModelProto, ModelProtoSchema, TensorProtoSchema } from '#lib/formats/onnx/schema/onnx_pb.js';
import type { Random } from '../support/random.js';
import { smallOnnxModel } from '../support/small-onnx-model.js';
import { mutateBytes } from './mutate.js';
import { mutateMessage } from './mutate-messages.js';
import { roughDifference } from './rough-difference.js';
import { fuzz, fuzzTest } from './survive.js';

const data = process.env.OCTENSOR_TEST_DATA ?? '';

function mutateModel(random: Random, bytes: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  mutateMessage(random, model);
  return toBinary(ModelProtoSchema, model);
}

fuzzTest('files: a small model', async (t) => {
  await fuzz(t, (random) => () => loadModel(mutateBytes(random, smallOnnxModel)), roughDifference);
});

fuzzTest('messages: a small model', async (t) => {
  await fuzz(t, (random) => () => loadModel(mutateModel(random, smallOnnxModel)), roughDifference);
});

/** Models of one operator or a few, with data for their inputs. */
function nodeTests(): readonly string[] {
  const root = join(data, 'onnx-node-tests');
  if (data === '' || !existsSync(root)) return [];
  const parts = readdirSync(root).map((part) => join(root, part));
  const folders = parts.flatMap((part) => readdirSync(part).map((name) => join(part, name)));
  return folders.filter((folder) => existsSync(join(folder, 'model.onnx')));
}

/** Inputs that are not the first are constants in most models; some operators need them to be. */
function withConstants(random: Random, folder: string): ModelProto {
  const model = fromBinary(ModelProtoSchema, readFileSync(join(folder, 'model.onnx')));
  for (const [i, { name }] of model.graph!.input.entries()) {
    const path = join(folder, 'test_data_set_0', `input_${i}.pb`);
    if (!existsSync(path) || random.integer(0, 9) < (i === 0 ? 9 : 2)) continue;
    model.graph!.initializer.push({ ...fromBinary(TensorProtoSchema, readFileSync(path)), name });
  }
  return model;
}

const folders = nodeTests();
if (folders.length === 0) {
  test('messages: every operator', (t) => {
    t.log('skipped: OCTENSOR_TEST_DATA has no onnx-node-tests');
    t.pass();
  });
} else {
  fuzzTest('messages: every operator', async (t) => {
    const make = (random: Random) => {
      const model = withConstants(random, random.pick(folders));
      mutateMessage(random, model);
      return () => loadModel(toBinary(ModelProtoSchema, model));
    };
    await fuzz(t, make, roughDifference);
  });
}
