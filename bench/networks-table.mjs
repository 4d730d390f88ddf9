/**
 * The classic networks (bench/networks/) with seeded weights: what they hold and compute, and how long that takes beside
 * onnxruntime-node, float and with 8 bits. Names of networks on the command line choose among them; `--threads 2`, `--repetitions 5`
 * and `--activations int8` do what they say. Needs onnxruntime-node, found from the current folder; without it, `--no-peer`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { networks, variants } from './networks/index.mjs';
import { bench, printTable } from './run.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    threads: { type: 'string', default: '1' },
    repetitions: { type: 'string', default: '15' },
    activations: { type: 'string', default: 'uint8' },
    peer: { type: 'boolean', default: true },
  },
});
const framesPerSecond = 30;

/**
 * @param {string} name
 * @param {'float' | 'quantized'} form
 */
function measure(name, form) {
  const variant = form === 'float' ? 'float' : `qdq-${values.activations}`;
  const make = variants[variant];
  const build = networks[name];
  if (make === undefined || build === undefined) throw new Error(`no ${variant} ${name}: ${Object.keys(networks).join(', ')}`);
  const folder = mkdtempSync(join(tmpdir(), 'octensor-networks-'));
  try {
    const model = make(build());
    const file = join(folder, `${name}-${variant}.onnx`);
    model.write(file);
    const options = ['--threads', values.threads, '--repetitions', values.repetitions];
    const report = bench(
      `network-${name}-${variant}`,
      ['model', file, ...options, ...(values.peer ? ['--peer', 'onnxruntime'] : [])],
      true,
    );
    return { megabytes: model.length / 1e6, report };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rows = [];
/** @type {string | undefined} */
let machine;
for (const name of positionals.length > 0 ? positionals : Object.keys(networks)) {
  const float = measure(name, 'float');
  const quantized = measure(name, 'quantized');
  const network = /** @type {import('./networks/builder.mjs').Network} */ (networks[name]?.());
  const cells = (/** @type {typeof float} */ { report }) => [
    report?.medianMs.toPrecision(3) ?? 'fails',
    report?.peer?.medianMs.toPrecision(3),
    report?.peer?.ratio.toFixed(2),
  ];
  machine ??= quantized.report?.cpu ?? float.report?.cpu;
  rows.push([
    name,
    (network.parameters / 1e6).toFixed(2),
    float.megabytes.toFixed(1),
    quantized.megabytes.toFixed(1),
    (network.macs / 1e9).toFixed(2),
    ((4 * network.parameters * framesPerSecond) / 1e9).toFixed(2),
    ...cells(float),
    ...cells(quantized),
  ]);
}
console.log(`${machine}, Node ${process.versions.node}; ${values.threads} thread(s); ratio: the peer's time over ours`);
printTable(
  `Networks; GFLOPs are 10^9 multiply-accumulates; GB/s are what reading float weights ${framesPerSecond} times a second takes`,
  [
    ...['network', 'M parameters', 'float MB', 'int8 MB', 'GFLOPs', 'GB/s'],
    ...['float ms', 'peer ms', 'ratio', `${values.activations} ms`, 'peer ms', 'ratio'],
  ],
  rows,
);
