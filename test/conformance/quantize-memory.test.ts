/**
 * Memory of calibration does not grow with the data: peaks of processes that calibrate with 50 and with 500 batches. Garbage is
 * collected after each batch, since when the engine would do that by itself moves the peak by more than what is looked for.
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
  function* batches() {
    for (let i = 0; i < Number(count); i++) {
      globalThis.gc();
      const pixels = Float32Array.from({ length: 3 * 32 * 32 }, (_, k) => Math.sin(i * 31 + k * 0.7) * 2);
      yield { [graph.inputs[0]]: new Tensor('float32', pixels, [1, 3, 32, 32]) };
    }
  }
  await quantize(graph, { calibration: batches(), activations: { method } });
  console.log(process.resourceUsage().maxRSS);
`;

const run = promisify(execFile);

async function peak(file: string, method: string, count: number): Promise<number> {
  const entry = import.meta.resolve('octensor');
  const { stdout } = await run(process.execPath, [
    '--expose-gc',
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
    const file = testData('models/onnx/octensor/cifar10-mobilenetv2-float.onnx');
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
