/**
 * The node tests of the ONNX project, on the reference and on the native backend: quantized and integer results exact, real numbers
 * within 1e-3 of the number and 1e-5.
 *
 * OCTENSOR_TEST_DATA is the folder they are in; without it there is nothing to test here.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { InferenceSession, type Tensor } from 'octensor';
import { fromFloat16Bits } from '#lib/float16.js';
import { TensorProtoSchema } from '#lib/formats/onnx/schema/onnx_pb.js';
import { readTensor } from '#lib/formats/onnx/tensors.js';

/** Tests that are not run, and why. */
const excluded: Readonly<Record<string, string>> = {
  test_batchnorm_epsilon_training_mode: 'training: statistics of the batch become outputs',
  test_batchnorm_example_training_mode: 'training: statistics of the batch become outputs',
};

const root = join(process.env.OCTENSOR_TEST_DATA ?? '', 'onnx-node-tests');
const folders = existsSync(root)
  ? readdirSync(root).flatMap((part) => {
      const index = JSON.parse(readFileSync(join(root, part, 'index.json'), 'utf8')) as readonly { readonly name: string }[];
      return index.map(({ name }) => ({ name, folder: join(root, part, name), title: `${part} ${name}` }));
    })
  : [];

if (folders.length === 0) {
  test('node tests', (t) => {
    t.log('skipped: OCTENSOR_TEST_DATA has no onnx-node-tests');
    t.pass();
  });
}

function readFile(folder: string, set: string, kind: 'input' | 'output', index: number): Tensor | undefined {
  const path = join(folder, set, `${kind}_${index}.pb`);
  return existsSync(path) ? readTensor(fromBinary(TensorProtoSchema, readFileSync(path)), path) : undefined;
}

function problemOf(actual: Tensor, expected: Tensor): string | undefined {
  const [found, wanted] = [actual, expected].map(({ type, dims }) => `${type}[${dims}]`);
  if (found !== wanted) return `${found} instead of ${wanted}`;
  const isReal = expected.type.startsWith('float');
  const number = (value: unknown) => (expected.type === 'float16' ? fromFloat16Bits(value as number) : (value as number));
  for (let i = 0; i < expected.size; i++) {
    const [a, e] = [number(actual.data[i]), number(expected.data[i])];
    if (a === e || Object.is(a, e) || (isReal && Math.abs(a - e) <= 1e-5 + 1e-3 * Math.abs(e))) continue;
    return `${a} instead of ${e} at ${i}`;
  }
  return undefined;
}

const check = test.macro(async (t, folder: string, backend: 'reference' | 'native') => {
  const session = await InferenceSession.create(join(folder, 'model.onnx'), { backend });
  const sets = readdirSync(folder).filter((name) => name.startsWith('test_data_set'));
  t.true(sets.length > 0);
  for (const set of sets) {
    const given = session.inputNames.map((name, i) => [name, readFile(folder, set, 'input', i)] as const);
    const feeds = Object.fromEntries(given.filter((entry): entry is [string, Tensor] => entry[1] !== undefined));
    const results = await session.run(feeds);
    for (const [i, name] of session.outputNames.entries()) {
      const expected = readFile(folder, set, 'output', i);
      if (expected !== undefined) t.is(problemOf(results[name]!, expected), undefined, `${set}, ${name}`);
    }
  }
  await session.release();
});

for (const backend of ['reference', 'native'] as const) {
  for (const { name, folder, title } of folders) {
    if (excluded[name] === undefined) test(`${title}: ${backend}`, check, folder, backend);
    else test.skip(`${title}: ${backend}: ${excluded[name]}`, check, folder, backend);
  }
}
