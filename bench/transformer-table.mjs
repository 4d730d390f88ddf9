/**
 * A dynamically quantized block of a transformer, beside onnxruntime-node, which must be installed where this is run.
 * `--threads 1,2` and `--repetitions 5` do what they say.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { transformerBlock } from './networks/transformer.mjs';
import { bench, printTable } from './run.mjs';

const { values } = parseArgs({
  options: { threads: { type: 'string', default: '1,2' }, repetitions: { type: 'string', default: '15' } },
});
const folder = mkdtempSync(join(tmpdir(), 'octensor-transformer-'));
const rows = [];
let machine = '';
try {
  for (const width of [384, 768]) {
    for (const sequence of [16, 128, 512]) {
      const file = join(folder, `${width}-${sequence}.onnx`);
      transformerBlock({ width, sequence }).write(file);
      const options = ['--threads', values.threads, '--repetitions', values.repetitions, '--peer', 'onnxruntime'];
      const report = bench(`transformer-${width}-${sequence}`, ['model', file, ...options]);
      machine = report.cpu;
      for (const { threads, medianMs, peer } of report.results) {
        rows.push([
          `d ${width}, sequence ${sequence}, ${threads} thread(s)`,
          medianMs.toPrecision(3),
          peer.medianMs.toPrecision(3),
          peer.ratio.toFixed(2),
        ]);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${machine}, Node ${process.versions.node}`);
printTable('Transformer block, dynamically quantized', ['block', 'ms', 'peer ms', 'ratio'], rows);
