/**
 * Memory of calibration does not grow with the data: peaks of processes that calibrate with 50 and with 500 batches, which are made in
 * one buffer. (Batches that are thrown away are the caller's garbage, some tens of megabytes before V8 collects it.)
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { tryAddon } from '#lib/addon.js';
import { testData } from '../support/datasets.js';

const script = `
  const [entry, file, method, count] = process.argv.slice(1);
  const { loadModel, quantize, Tensor } = await import(entry);
  const graph = await loadModel(file);
  const [name] = graph.inputs;
  const { dims } = graph.values.get(name);
  const pixels = new Float32Array(dims.slice(1).reduce((a, b) => a * b));
  const feeds = { [name]: new Tensor('float32', pixels, [1, ...dims.slice(1)]) };
  function* batches() {
    for (let i = 0; i < Number(count); i++) {
      for (let k = 0; k < pixels.length; k++) pixels[k] = Math.sin(i * 31 + k * 0.7) * 100;
      yield feeds;
    }
  }
  await quantize(graph, { calibration: batches(), activations: { method } });
  console.log(process.resourceUsage().maxRSS);
`;

const run = promisify(execFile);

async function peak(file: string, method: string, count: number): Promise<number> {
  const entry = import.meta.resolve('octensor');
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '-e',
    script,
    '--',
    entry,
    file,
    method,
    String(count),
  ]);
  return Number(stdout);
}

for (const method of ['minmax', 'entropy']) {
  test.serial(`ten times as many batches, ${method}: at most 5 % more memory`, async (t) => {
    t.timeout(600_000);
    const file = testData('models/onnx/derived/squeezenet_from_fp16_fp32.onnx');
    if (file === undefined || tryAddon() === undefined) {
      t.log('skipped: OCTENSOR_TEST_DATA has no such model, or there is no addon');
      t.pass();
      return;
    }
    const [few, many] = [await peak(file, method, 50), await peak(file, method, 500)];
    t.log(`${few} KB, ${many} KB`);
    t.true(many <= 1.05 * few, `${many} KB instead of ${few} KB`);
  });
}
