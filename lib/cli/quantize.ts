/** `octensor quantize`: a float model and data to an int8 model, and a report of what that costs. */
import type { Command } from 'commander';
import { sensitivity } from '../analyze/sensitivity.js';
import type { Graph } from '../graph/graph.js';
import { loadModel } from '../model.js';
import type { QdqEntry } from '../passes/fuse-qdq.js';
import { type Precision, precisions } from '../quant/precision.js';
import { type RangeMethod, rangeMethods, type SchemeName, schemeNames } from '../quant/schemes.js';
import { type QuantizeOptions, quantize } from '../quantize.js';
import { saveModel } from '../save.js';
import { finite, oneOf, positiveInteger } from './arguments.js';
import {
  type CalibrationFiles,
  type CalibrationOptions,
  type Feeds,
  openCalibration,
  withCalibrationOptions,
} from './calibration.js';
import { wrongUsage } from './command-error.js';
import { inputsOf } from './compare-runs.js';
import { print, printJson } from './output.js';
import { makeProgress, type Progress } from './progress.js';
import { writePage } from './report/page.js';
import {
  constantBytesOf,
  type FloatNode,
  layersOf,
  outputsOf,
  type QuantizationReport,
  type ReportedLayer,
} from './report/report.js';
import { printReport } from './report/table.js';

const modes = ['static', 'dynamic', 'weights'] as const;
const equalized = ['weights', 'activations'] as const;

interface Options extends CalibrationOptions {
  readonly output: string;
  readonly mode: (typeof modes)[number];
  readonly scheme: SchemeName;
  readonly method?: RangeMethod;
  readonly percentile?: number;
  readonly perTensor?: boolean;
  readonly bits?: '8' | '4';
  readonly bucket?: number;
  readonly exclude: readonly string[];
  readonly equalize?: true | 'weights' | 'activations';
  readonly biasCorrection?: boolean;
  readonly adaround?: boolean;
  readonly smooth?: number;
  readonly targetSqnr?: number;
  readonly fallback?: Precision;
  readonly seed?: number;
  readonly sensitivity?: boolean;
  readonly reportBatches: number;
  readonly report?: string;
  readonly json?: boolean;
}

/** Outputs are compared on no more batches than that. */
const maxCompared = 200;

export function addQuantize(program: Command): void {
  withCalibrationOptions(program.command('quantize <model>'))
    .description('an int8 model from a float one and samples of its inputs')
    .requiredOption('-o, --output <OUT.onnx>', 'where the quantized model goes')
    .option('--mode <NAME>', `${modes.join(', ')} (default: static)`, oneOf(modes), 'static')
    .option('--scheme <NAME>', `${schemeNames.join(', ')} (default: default)`, oneOf(schemeNames), 'default')
    .option('--method <NAME>', `ranges of activations: ${rangeMethods.join(', ')} (default: minmax)`, oneOf(rangeMethods))
    .option('--percentile <N>', 'of --method percentile: how much of all values a range covers', finite)
    .option('--per-tensor', 'one scale for all weights of a layer, not one for each channel')
    .option('--bits <N>', 'of weights: 8 or 4 (default: 8)', oneOf(['8', '4']))
    .option('--bucket <N>', 'one scale for each N weights', positiveInteger)
    .option('--exclude <NAME>', 'a node or an operator that stays float; may be given again', more, [])
    .option('--equalize [OF]', 'scales channels between layers for one range of weights, or of activations', oneOf(equalized))
    .option('--bias-correction', 'biases corrected for the mean error of their layer')
    .option('--adaround', 'weights rounded as it suits the outputs of their layer')
    .option('--smooth <ALPHA>', 'SmoothQuant for matrix products, 0 to 1', finite)
    .option('--target-sqnr <DB>', 'keeps layers float until each output is as near to the float model, in dB', finite)
    .option('--fallback <NAME>', `of --target-sqnr: ${precisions.join(' or ')} (default: float)`, oneOf(precisions))
    .option('--seed <N>', 'of what is random', positiveInteger)
    .option('--sensitivity', 'also quantizes each layer alone (slow)')
    .option('--report-batches <N>', 'batches that layers are compared on (default: 16)', positiveInteger, 16)
    .option('--report <OUT.html>', 'a page with plots')
    .option('--json', 'one JSON document')
    .configureHelp({ optionDescription: ({ description }) => description })
    .action(quantizeModel);
}

function more(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

async function quantizeModel(model: string, options: Options): Promise<void> {
  const { mode, output, json = false } = options;
  if (mode === 'static' && options.calibrate.length === 0)
    throw wrongUsage('quantize: expected --calibrate DIR, FILE.npy or GLOB');
  const float = await loadModel(model);
  const calibration = options.calibrate.length === 0 ? undefined : await openCalibration(inputsOf(float), options);
  const progress = await makeProgress(calibration?.count ?? 1);
  const warnings: string[] = [];
  try {
    const asked = quantizeOptionsOf(options, progress, (message) => warnings.push(message));
    const { graph, log } = await quantize(float, { ...asked, ...(calibration && { calibration: calibration.batches() }) });
    await saveModel(graph, output);
    const measured = calibration && (await measure(float, graph, calibration, { asked, options, progress }));
    const report: QuantizationReport = {
      model,
      settings: settingsOf(options),
      batches: { outputs: 0, layers: 0 },
      constantBytes: { float: constantBytesOf(float), quantized: constantBytesOf(graph) },
      outputs: [],
      layers: [],
      ...measured,
      float: floatNodesOf(log),
      int16: log.filter(({ isWide }) => isWide === true).map(({ node, op }) => ({ node, op })),
    };
    if (options.report !== undefined) await writePage(options.report, report);
    progress.stop();
    for (const warning of warnings) process.stderr.write(`octensor: warning: ${warning}\n`);
    if (json) printJson({ output, ...report, warnings });
    else {
      printReport(report);
      print(`written       ${[output, ...(options.report === undefined ? [] : [options.report])].join(', ')}`);
    }
  } finally {
    progress.stop();
  }
}

/** Each node once: the last reason is why nothing was tried. */
function floatNodesOf(log: readonly QdqEntry[]): readonly FloatNode[] {
  const byNode = new Map<string, FloatNode>();
  for (const { node, op, reason } of log) if (reason !== undefined) byNode.set(node, { node, op, reason });
  return [...byNode.values()];
}

function quantizeOptionsOf(options: Options, progress: Progress, onWarning: (message: string) => void): QuantizeOptions {
  const {
    mode,
    scheme,
    method,
    percentile,
    perTensor,
    bits,
    bucket,
    exclude,
    equalize,
    biasCorrection,
    adaround,
    smooth,
    targetSqnr,
    fallback,
    seed,
  } = options;
  if (fallback !== undefined && targetSqnr === undefined) throw wrongUsage('quantize: expected --target-sqnr with --fallback');
  if (perTensor && bucket !== undefined) throw wrongUsage('quantize: expected --per-tensor or --bucket, got both');
  const granularity = perTensor ? 'per-tensor' : bucket === undefined ? undefined : { bucket };
  return {
    mode,
    scheme,
    activations: { ...(method && { method }), ...(percentile !== undefined && { percentile }) },
    weights: { ...(granularity && { granularity }), ...(bits && { bits: Number(bits) as 8 | 4 }) },
    exclude,
    ...(equalize && { equalize: equalize === 'activations' ? equalize : true }),
    ...(biasCorrection && { biasCorrection }),
    ...(adaround && { adaround }),
    ...(smooth !== undefined && { smooth }),
    ...(targetSqnr !== undefined && { mixedPrecision: { targetSqnrDb: targetSqnr, ...(fallback && { fallback }) } }),
    ...(seed !== undefined && { seed }),
    onProgress: (state) => progress.show(state),
    onWarning,
  };
}

interface Measuring {
  readonly asked: QuantizeOptions;
  readonly options: Options;
  readonly progress: Progress;
}

async function measure(
  float: Graph,
  quantized: Graph,
  calibration: CalibrationFiles,
  { asked, options, progress }: Measuring,
): Promise<Pick<QuantizationReport, 'batches' | 'outputs' | 'layers'>> {
  const source = { float, quantized, calibration, onProgress: progress.show };
  const limit = options.reportBatches;
  const outputs = await outputsOf(source, maxCompared);
  const details = options.report !== undefined || options.json === true;
  const layers = await layersOf(source, limit, { details });
  const batches = { outputs: Math.min(maxCompared, calibration.count), layers: Math.min(limit, calibration.count) };
  if (options.sensitivity !== true) return { batches, outputs, layers };
  const kept: Feeds[] = [];
  for await (const feeds of calibration.batches(limit)) kept.push(feeds);
  return { batches, outputs, layers: await withSensitivity(float, layers, kept, { asked, options, progress }) };
}

async function withSensitivity(
  float: Graph,
  layers: readonly ReportedLayer[],
  kept: readonly Feeds[],
  { asked, progress }: Measuring,
): Promise<readonly ReportedLayer[]> {
  const isQuantized = ({ rmseOverScale }: ReportedLayer) => !Number.isNaN(rmseOverScale);
  const nodes = [...new Set(layers.filter(isQuantized).map(({ node }) => node))];
  const { onProgress: _, mixedPrecision: __, ...silent } = asked;
  const quantizeOnly = async (node: string): Promise<Graph> => {
    const others = nodes.filter((other) => other !== node);
    const { graph } = await quantize(float, { ...silent, exclude: [...(asked.exclude ?? []), ...others], calibration: kept });
    return graph;
  };
  const found = await sensitivity(float, nodes, quantizeOnly, kept, { onProgress: progress.show });
  const byNode = new Map(found.map(({ node, sqnrDb }) => [node, sqnrDb]));
  return layers.map((layer) => {
    const sensitivityDb = byNode.get(layer.node);
    return sensitivityDb === undefined ? layer : { ...layer, sensitivityDb };
  });
}

const settings = [
  ...[
    'mode',
    'scheme',
    'method',
    'percentile',
    'perTensor',
    'bits',
    'bucket',
    'exclude',
    'equalize',
    'biasCorrection',
    'adaround',
    'smooth',
    'targetSqnr',
    'fallback',
  ],
  ...['seed', 'calibrate', 'samples', 'preset', 'mean', 'std', 'layout', 'color', 'size'],
] as readonly (keyof Options)[];

/** The options that make the model what it is, as they were given. */
function settingsOf(options: Options): Record<string, string> {
  const given = settings.filter((name) => String(options[name] ?? '') !== '');
  return Object.fromEntries(given.map((name) => [name, String(options[name])]));
}
