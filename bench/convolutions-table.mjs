/**
 * Single QLinearConv models, in NCHW as files have them, beside onnxruntime-node, which must be installed where this is run: GOPS
 * of both and the ratio of their times. `--threads 2`, `--activations int8` and `--repetitions 5` do what they say.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { convolutionModel } from './networks/layers.mjs';
import { bench, printTable } from './run.mjs';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    activations: { type: 'string', default: 'uint8' },
    repetitions: { type: 'string', default: '15' },
  },
});
if (values.activations !== 'uint8' && values.activations !== 'int8') throw new Error('--activations: uint8 or int8');

/** @type {(kind: string, kernel: number, stride: number, ...sizes: (readonly [size: number, inputs: number, outputs: number])[]) => any[]} */
const shapesOf = (kind, kernel, stride, ...sizes) =>
  sizes.map(([size, inputs, outputs]) => ({ kind, kernel, stride, size, inputs, outputs, isDepthwise: kind === 'depthwise' }));

const shapes = [
  ...shapesOf('1x1', 1, 1, [56, 64, 64], [28, 128, 128], [14, 256, 256], [112, 32, 64], [14, 512, 512], [7, 1024, 1024]),
  ...shapesOf('3x3', 3, 1, [56, 64, 64], [28, 128, 128], [14, 256, 256], [7, 512, 512]),
  ...shapesOf('first layer', 7, 2, [224, 3, 64]),
  ...shapesOf('first layer', 3, 2, [224, 3, 32]),
  ...shapesOf('depthwise', 3, 1, [112, 32, 32], [56, 144, 144], [28, 192, 192], [14, 576, 576], [7, 960, 960]),
  ...shapesOf('depthwise', 3, 2, [56, 144, 144]),
];

const folder = mkdtempSync(join(tmpdir(), 'octensor-convolutions-'));
const rows = [];
const ratios = [];
let machine = '';
try {
  for (const shape of shapes) {
    const { kind, kernel, stride, size, inputs, outputs } = shape;
    const { model, macs } = convolutionModel(shape, values.activations);
    const name = `${kind.replace(' ', '-')}-${kernel}-${stride}-${size}-${inputs}-${outputs}`;
    const file = join(folder, `${name}.onnx`);
    model.write(file);
    const options = ['--threads', values.threads, '--repetitions', values.repetitions, '--peer', 'onnxruntime'];
    const report = bench(`convolution-${name}-${values.activations}`, ['model', file, ...options]);
    const gops = (/** @type {number} */ ms) => ((2e-6 * macs) / ms).toFixed(0);
    machine = report.cpu;
    ratios.push(report.peer.ratio);
    rows.push([
      `${kind} ${kernel}x${kernel}/${stride}, ${size}x${size}, ${inputs} -> ${outputs}`,
      (1e3 * report.medianMs).toPrecision(3),
      gops(report.medianMs),
      (1e3 * report.peer.medianMs).toPrecision(3),
      gops(report.peer.medianMs),
      report.peer.ratio.toFixed(2),
    ]);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${machine}, Node ${process.versions.node}; ${values.threads} thread(s); ${values.activations} activations`);
printTable('QLinearConv', ['layer', 'µs', 'GOPS', 'peer µs', 'peer GOPS', 'ratio'], rows);
console.log(`\nSmallest ratio ${Math.min(...ratios).toFixed(2)}, of ${ratios.length}.`);
