/**
 * Whole TFLite models: share of the peak under both numerics, two threads over one, a batch of 8 over 8 runs of one. Looks for
 * the models in OCTENSOR_TEST_DATA (default: ../shared/data).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bench, printTable, testData } from './run.mjs';

const models = [
  'coral/tf2_mobilenet_v2_1.0_224_ptq',
  'coral/mobilenet_v1_1.0_224_quant_embedding_extractor',
  'coral/mobilenet_v2_1.0_224_quant',
  'mlperf_tiny/ic_resnet8_int8',
  'mlperf_tiny/vww_96_int8',
  'mlperf_tiny/kws_dscnn_int8',
  'mlperf_tiny/ad01_int8',
  'coral/mobilenet_v1_0.75_192_quant',
  'tflm/mobilenet_v2_from_pytorch_int8',
  'stm32/cifar10_resnet_v1_8_int8',
  'coral/deeplabv3_mnv2_dm05_pascal_quant',
  'tflite_support/coco_ssd_mobilenet_v1_quant',
];

const rows = [];
let machine;
for (const model of models) {
  const file = join(testData(), 'models', 'tflite', `${model}.tflite`);
  if (!existsSync(file)) continue;
  const name = model.split('/')[1];
  const report = bench(`model-${name}`, ['model', file, '--numerics', 'onnx,tflite', '--threads', '1,2']);
  const batch = bench(`batch-${name}`, ['model', file, '--numerics', 'onnx', '--batch', '8', '--repetitions', '9'], true);
  machine ??= report;
  const find = (numerics, threads) => report.results.find((r) => r.numerics === numerics && r.threads === threads);
  const [onnx, tflite] = [find('onnx', 1), find('tflite', 1)];
  rows.push([
    name,
    (onnx.macs * 1e-6).toFixed(1),
    onnx.medianMs.toPrecision(3),
    onnx.percentOfPeak.toFixed(1),
    tflite.medianMs.toPrecision(3),
    tflite.percentOfPeak.toFixed(1),
    `${find('onnx', 2).speedup.toFixed(2)} / ${find('tflite', 2).speedup.toFixed(2)}`,
    batch ? ((8 * onnx.medianMs) / batch.medianMs).toFixed(2) : undefined,
  ]);
}
if (machine === undefined) {
  console.error('no models found: set OCTENSOR_TEST_DATA');
  process.exit(1);
}
console.log(`${machine.cpu}, Node ${process.versions.node}`);
printTable(
  `Models, one thread, ${machine.isa}`,
  ['model', 'M MACs', 'onnx, ms', '% of peak', 'tflite, ms', '% of peak', '2 threads over 1', 'batch 8 over 1'],
  rows,
);
