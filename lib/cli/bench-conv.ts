/** `octensor bench conv`. */
import { cpus } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { cpuInfo } from '../cpu-info.js';
import type { Graph } from '../graph/graph.js';
import { type Isa, isas } from '../isa.js';
import { affine, caseGraph } from '../ops/cases.js';
import { allNumerics, type Numerics } from '../quant/requant.js';
import type { Tensor } from '../tensor.js';
import { chosenIsas, list, oneOf, positiveInteger } from './arguments.js';
import { type ByteType, byteTypes } from './operands.js';
import { print, printJson, printTable, showProgress } from './output.js';
import { PeakMeter } from './peak-meter.js';
import { benchmarkSessions, type SessionResult } from './session-benchmark.js';

/** A square image, window and stride; `same` padding. */
interface ConvShape {
  readonly size: number;
  readonly channels: number;
  /** Undefined: a depthwise convolution. */
  readonly outputs: number | undefined;
  readonly kernel: number;
  readonly stride: number;
}

interface ConvResult extends ConvShape, SessionResult {
  readonly type: ByteType;
}

/** 1x1, 3x3 and first layers of image networks, and depthwise ones. */
const defaultShapes = [
  ...['56x64x64x1x1', '28x128x128x1x1', '14x256x256x1x1', '112x32x64x1x1', '112x16x96x1x1', '14x576x96x1x1', '7x1024x1024x1x1'],
  ...['56x64x64x3x1', '28x128x128x3x1', '14x256x256x3x1', '7x512x512x3x1', '32x16x16x3x1', '224x3x32x3x2', '224x3x64x7x2'],
  ...['112x32xdwx3x1', '56x144xdwx3x1', '56x144xdwx3x2', '28x192xdwx3x1', '14x576xdwx3x1', '7x960xdwx3x1', '14x120xdwx5x1'],
].map(convShape);

interface Options {
  readonly shapes: readonly ConvShape[];
  readonly isa?: readonly (Isa | 'all')[];
  readonly threads: readonly number[];
  readonly numerics: readonly Numerics[];
  readonly type: ByteType;
  readonly repetitions?: number;
  readonly json?: boolean;
}

export function addBenchConv(bench: Command): void {
  bench
    .command('conv')
    .description('single convolutions, as steps of a session: GOPS, percent of the peak measured meanwhile')
    .option(
      '--shapes <SIZExCINxCOUTxKERNELxSTRIDE,...>',
      'square images and windows; COUT is dw for depthwise (default: a list of common shapes)',
      list(convShape),
      defaultShapes,
    )
    .option('--isa <all|NAME,...>', 'instruction sets (default: the one that sessions use)', list(oneOf(['all', ...isas])))
    .option('--threads <N,...>', 'threads (default: 1)', list(positiveInteger), [1])
    .option('--numerics <NAME,...>', `${allNumerics.join(', ')} (default: onnx)`, list(oneOf(allNumerics)), ['onnx'])
    .option('--type <TYPE>', 'of the activations: uint8, int8 (default: int8)', oneOf(byteTypes), 'int8')
    .option('--repetitions <N>', 'batches per result (default: 31)', positiveInteger)
    .option('--json', 'one JSON document')
    .configureHelp({ optionDescription: ({ description }) => description })
    .action(runBenchConv);
}

async function runBenchConv(options: Options): Promise<void> {
  const { shapes, threads, numerics, type, repetitions } = options;
  const variants = chosenIsas(options.isa).flatMap((isa) =>
    numerics.flatMap((rounding) => threads.map((count) => ({ isa, threads: count, numerics: rounding }))),
  );
  const meter = new PeakMeter();
  const results: ConvResult[] = [];
  for (const [i, shape] of shapes.entries()) {
    showProgress(`${nameOf(shape)} (${i + 1} of ${shapes.length})`);
    const workload = { ...convolution(shape, type), timed: 'steps' } as const;
    const measured = await benchmarkSessions(workload, variants, meter, repetitions);
    results.push(...measured.map((result) => ({ ...shape, type, ...result })));
  }
  showProgress('');
  const cpu = cpus()[0]?.model.trim() ?? process.arch;
  if (options.json) printJson({ cpu, isa: cpuInfo().selected, peakGops: meter.medians(), results });
  else printReport(cpu, results);
}

function convShape(text: string): ConvShape {
  const parts = text.split('x');
  if (parts.length !== 5) throw new InvalidArgumentError(`Expected SIZExCINxCOUTxKERNELxSTRIDE, got '${text}'.`);
  const [size, channels, kernel, stride] = [parts[0]!, parts[1]!, parts[3]!, parts[4]!].map(positiveInteger) as [
    number,
    number,
    number,
    number,
  ];
  const outputs = parts[2] === 'dw' ? undefined : positiveInteger(parts[2]!);
  const largest = Math.max(size * size * channels, size * size * (outputs ?? 1), kernel * kernel * channels * (outputs ?? 1));
  if (largest >= 2 ** 31 || Math.max(kernel, stride) > size) {
    throw new InvalidArgumentError(`Expected tensors of less than 2^31 elements and a window inside the image, got '${text}'.`);
  }
  return { size, channels, outputs, kernel, stride };
}

function nameOf({ size, channels, outputs, kernel, stride }: ConvShape): string {
  const layer = outputs === undefined ? `${channels} depthwise` : `${channels} -> ${outputs}`;
  return `${size}x${size}, ${layer}, ${kernel}x${kernel}/${stride}`;
}

/** Scales such that outputs have a standard deviation of about 40 steps. */
function convolution(shape: ConvShape, type: ByteType): { graph: Graph; feeds: Readonly<Record<string, Tensor>> } {
  const { size, channels, outputs, kernel, stride } = shape;
  const outSize = Math.ceil(size / stride);
  const count = outputs ?? channels;
  const isDepthwise = outputs === undefined;
  const terms = kernel * kernel * (isDepthwise ? 1 : channels);
  const weightScale = new Float32Array(count).map((_, i) => 0.004 + (0.002 * (i % 7)) / 7);
  const outScale = (0.02 * 0.005 * (255 * 255) * Math.sqrt(terms)) / 12 / 40;
  const axis = isDepthwise ? 3 : 0;
  return caseGraph({
    op: isDepthwise ? 'DepthwiseConv2D' : 'Conv2D',
    attributes: { strides: [stride, stride], padding: 'same' },
    inputs: [
      { type, dims: [1, size, size, channels], qparams: affine(type, 0.02, 3) },
      {
        type: 'int8',
        dims: isDepthwise ? [1, kernel, kernel, channels] : [count, kernel, kernel, channels],
        qparams: { dtype: 'int8', scale: weightScale, zeroPoint: 0, axis },
        constant: true,
        range: [-127, 127],
      },
      { type: 'int32', dims: [count], constant: true },
    ],
    outputs: [{ type, dims: [1, outSize, outSize, count], qparams: affine(type, outScale, 5) }],
  });
}

function printReport(cpu: string, results: readonly ConvResult[]): void {
  print(cpu, '');
  printTable(
    [
      { title: 'image, channels, window', align: 'left', cell: (result) => nameOf(result) },
      { title: 'isa', align: 'left', cell: ({ isa }) => isa },
      { title: 'numerics', align: 'left', cell: ({ numerics }) => numerics },
      { title: 'threads', cell: ({ threads }) => String(threads) },
      { title: 'µs', cell: ({ medianMs }) => (medianMs * 1e3).toPrecision(3) },
      { title: 'GOPS', cell: ({ gops }) => gops.toFixed(0) },
      { title: '% of peak', cell: ({ percentOfPeak }) => percentOfPeak.toFixed(1) },
      { title: 'over 1 thread', cell: ({ speedup }) => speedup?.toFixed(2) },
    ],
    results,
  );
}
