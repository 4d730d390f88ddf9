/** `octensor bench gemm`. */
import { cpus } from 'node:os';
import type { Command } from 'commander';
import { cpuInfo } from '../cpu-info.js';
import { type Isa, isas } from '../isa.js';
import { allNumerics, type Numerics } from '../quant/requant.js';
import { chosenIsas, list, oneOf, positiveInteger, type Shape, shape } from './arguments.js';
import { benchmarkShape, type GemmPlan, workloadsOf } from './gemm-benchmark.js';
import { printGemmReport } from './gemm-report.js';
import { type ByteType, byteTypes, type OutputType, outputTypes } from './operands.js';
import { printJson, showProgress } from './output.js';
import { PeakMeter } from './peak-meter.js';
import { checkOnnxRuntimeCan, findOnnxRuntime } from './peers/onnxruntime.js';

/** Squares, the 1x1 convolutions of image networks, matrix-vector products, and a transformer's layers. */
const defaultShapes = [
  ...['64x64x64', '128x128x128', '256x256x256', '512x512x512', '1024x1024x1024', '2048x2048x2048'],
  ...['3136x64x64', '784x128x128', '196x256x256', '49x512x512', '12544x32x64', '196x512x512', '49x1024x1024'],
  ...['1x1024x1000', '1x768x3072', '1x4096x4096', '128x768x768', '128x768x3072'],
].map(shape);

interface Options {
  readonly shapes: readonly Shape[];
  readonly isa?: readonly (Isa | 'all')[];
  readonly threads: readonly number[];
  readonly numerics: readonly Numerics[];
  readonly a: readonly ByteType[];
  readonly b: readonly ByteType[];
  readonly output?: OutputType;
  readonly peer?: 'onnxruntime';
  readonly repetitions?: number;
  readonly json?: boolean;
}

export function addBenchGemm(bench: Command): void {
  bench
    .command('gemm')
    .description('whole multiplications from JavaScript: GOPS, percent of the peak measured meanwhile, ratio to a peer')
    .option('--shapes <MxKxN,...>', 'A is [M, K], B is [K, N] (default: a list of common shapes)', list(shape), defaultShapes)
    .option('--isa <all|NAME,...>', 'instruction sets (default: the one that calls use)', list(oneOf(['all', ...isas])))
    .option('--threads <N,...>', 'threads (default: 1)', list(positiveInteger), [1])
    .option('--numerics <NAME,...>', `${allNumerics.join(', ')} (default: onnx)`, list(oneOf(allNumerics)), ['onnx'])
    .option('--a <TYPE,...>', 'element type of A: uint8, int8 (default: uint8)', list(oneOf(byteTypes)), ['uint8'])
    .option('--b <TYPE,...>', 'element type of B: int8, uint8 (default: int8)', list(oneOf(byteTypes)), ['int8'])
    .option(
      '--output <TYPE>',
      `element type of the product: ${outputTypes.join(', ')} (default: that of A)`,
      oneOf(outputTypes),
    )
    .option('--peer <NAME>', 'onnxruntime: the same in onnxruntime-node, if installed', oneOf(['onnxruntime']))
    .option('--repetitions <N>', 'batches per result (default: 15, fewer for very slow ones)', positiveInteger)
    .option('--json', 'one JSON document')
    .configureHelp({ optionDescription: ({ description }) => description })
    .action(runBenchGemm);
}

async function runBenchGemm(options: Options): Promise<void> {
  const { shapes, isa = [], threads, numerics, a, b, output, repetitions } = options;
  if (options.peer !== undefined) for (const types of workloadsOf(shapes[0]!, { a, b, output })) checkOnnxRuntimeCan(types);
  const peer = options.peer === undefined ? undefined : findOnnxRuntime();
  const plan: GemmPlan = { isas: chosenIsas(isa), threads, numerics, a, b, output, peer, repetitions };

  const meter = new PeakMeter();
  const results = [];
  for (const [i, shape] of shapes.entries()) {
    showProgress(`${shape.m}x${shape.k}x${shape.n} (${i + 1} of ${shapes.length})`);
    results.push(...(await benchmarkShape(shape, plan, meter)));
  }
  showProgress('');

  const cpu = cpus()[0]?.model.trim() ?? process.arch;
  const report = { cpu, isa: cpuInfo().selected, peakGops: meter.medians(), results };
  if (options.json) printJson(report);
  else printGemmReport(report);
}
