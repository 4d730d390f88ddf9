/** `octensor compare`: two models, or two ways to run one, on the same inputs. */
import type { Command } from 'commander';
import type { Graph } from '../graph/graph.js';
import { loadModel } from '../model.js';
import { backends } from '../session/options.js';
import type { Tensor } from '../tensor.js';
import { type Agreement, agreementOf } from './agreement.js';
import { finite, oneOf, positiveInteger } from './arguments.js';
import { CommandError, wrongUsage } from './command-error.js';
import { type Feeds, inputsOf, type LayerValue, type Runner, runSide, type Side, type SideValues } from './compare-runs.js';
import { differenceOf } from './difference.js';
import { inputShapesOf } from './input-shapes.js';
import { type InputOptions, readInputs, withInputOptions, withShapes } from './inputs.js';
import { randomTensor } from './operands.js';
import { print, printJson, printTable } from './output.js';
import { comparisonReport } from './report/comparison.js';
import { writePage } from './report/page.js';

interface Options extends InputOptions {
  readonly random?: boolean;
  readonly backend: (typeof backends)[number];
  readonly against?: Exclude<Runner, 'auto'>;
  readonly threads: number;
  readonly perLayer?: boolean;
  readonly minSqnr?: number;
  readonly report?: string;
  readonly json?: boolean;
}

interface OutputReport extends Partial<Agreement> {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, where it is not ok. */
  readonly reason?: string;
}

interface LayerReport extends Agreement {
  readonly value: string;
  readonly node: string;
  readonly op: string;
}

/** As far as float kernels may differ from another implementation's, and as far as 8 bits may from float. */
const defaultMinSqnr = { float: 60, quantized: 20 };
/** Of outputs that are all but zero a ratio says little. */
const negligible = 1e-5;

export function addCompare(program: Command): void {
  withInputOptions(program.command('compare <model-a> [model-b]'))
    .description('outputs of two models on the same inputs, or of one model run in two ways')
    .option('--random', 'random inputs instead of files')
    .option('--backend <NAME>', `of MODEL_A: ${backends.join(', ')} (default: auto)`, oneOf(backends), 'auto')
    .option(
      '--against <NAME>',
      'what runs the other side, MODEL_B or MODEL_A again: reference, native, onnxruntime',
      oneOf(['reference', 'native', 'onnxruntime']),
    )
    .option('--threads <N>', 'threads (default: 1)', positiveInteger, 1)
    .option('--per-layer', 'every value that both sides have by the same name, too')
    .option(
      '--min-sqnr <DB>',
      `signal to noise of outputs (default: the same bits between backends, else ${defaultMinSqnr.float} for a float model, ${defaultMinSqnr.quantized} for others, or no difference above ${negligible})`,
      finite,
    )
    .option('--report <OUT.html>', 'with --per-layer: a page with plots')
    .option('--json', 'one JSON document')
    .configureHelp({ optionDescription: ({ description }) => description })
    .action(compare);
}

async function compare(pathA: string, pathB: string | undefined, options: Options): Promise<void> {
  const { against, perLayer = false, threads, json = false } = options;
  if (pathB === undefined && against === undefined) {
    throw wrongUsage('compare: expected MODEL_B, or --against reference, native or onnxruntime');
  }
  if (options.report !== undefined && !perLayer) throw wrongUsage('compare: expected --per-layer with --report');
  const graphA = await loadModel(pathA);
  const a: Side = { path: pathA, graph: graphA, runner: options.backend, threads };
  const graphB = pathB === undefined ? graphA : await loadModel(pathB);
  const b: Side = { path: pathB ?? pathA, graph: graphB, runner: against ?? 'auto', threads };
  const feedsA = await feedsOf(graphA, options);
  const feedsB = graphB === graphA ? feedsA : await matchingFeeds(graphA, feedsA, graphB, options);

  const actual = await runSide(a, feedsA, perLayer);
  const expected = await runSide(b, feedsB, perLayer && new Set(actual.layers.keys()));
  const outputs = compareOutputs(a, b, actual, expected, options.minSqnr);
  const layers = perLayer ? compareLayers(actual, expected) : undefined;
  const ok = outputs.every((output) => output.ok);
  const sides = [a, b].map(({ path, runner }) => ({ model: path, runner }));
  if (options.report !== undefined) {
    await writePage(options.report, await comparisonReport({ a, b, feedsA, feedsB, outputs, layers: layers ?? [] }));
  }
  if (json) printJson({ ok, sides, outputs: outputs.map(finiteOnly), ...(layers && { layers: layers.map(finiteOnly) }) });
  else printReport(outputs, layers);
  if (ok) return;
  const failed = outputs.filter((output) => !output.ok).map(({ name, reason }) => `${name}: ${reason}`);
  throw new CommandError('ERR_COMPARISON', failed.join('; '), 1);
}

async function feedsOf(graph: Graph, options: Options): Promise<Feeds> {
  if (options.random !== true) return readInputs(withShapes(inputsOf(graph), options.shape), options);
  if (options.input.size > 0) throw wrongUsage('compare: expected --random or --input, got both');
  const shapes = inputShapesOf(graph, options.shape);
  return Object.fromEntries(graph.inputs.map((name) => [name, randomTensor(graph.values.get(name)!.type, shapes.get(name)!)]));
}

/** For the second model: files are read as its own inputs ask, which may be of another type or layout. */
async function matchingFeeds(a: Graph, feeds: Feeds, b: Graph, options: Options): Promise<Feeds> {
  if (a.inputs.length !== b.inputs.length) {
    throw new CommandError('ERR_COMPARISON', `the models have ${a.inputs.length} and ${b.inputs.length} inputs`, 1);
  }
  const pairs = pairNames(a.inputs, b.inputs);
  if (options.random === true) {
    return Object.fromEntries(pairs.map(([from, to]) => [to, feeds[from]!])) as Record<string, Tensor>;
  }
  const renamed = <T>(given: ReadonlyMap<string, T>) =>
    new Map(pairs.flatMap(([from, to]) => (given.has(from) ? [[to, given.get(from)!] as const] : [])));
  const own = { ...options, input: renamed(options.input), shape: renamed(options.shape) };
  return readInputs(withShapes(inputsOf(b), own.shape), own);
}

/** By name where both have the same ones, else in order. */
function pairNames(a: readonly string[], b: readonly string[]): readonly (readonly [string, string])[] {
  const isSame = a.every((name) => b.includes(name));
  return a.map((name, i) => [name, isSame ? name : b[i]!]);
}

function compareOutputs(a: Side, b: Side, actual: SideValues, expected: SideValues, minSqnr?: number): readonly OutputReport[] {
  const [namesA, namesB] = [a.graph.outputs, b.graph.outputs];
  if (namesA.length !== namesB.length) {
    throw new CommandError('ERR_COMPARISON', `the models have ${namesA.length} and ${namesB.length} outputs`, 1);
  }
  const isSameModel = a.graph === b.graph;
  const isExact = isSameModel && b.runner !== 'onnxruntime' && minSqnr === undefined;
  const isFloat =
    isSameModel && [...a.graph.values.values()].every(({ qparams, type }) => qparams === undefined && !isByte(type));
  const required = minSqnr ?? defaultMinSqnr[isFloat ? 'float' : 'quantized'];
  const tolerance = minSqnr === undefined ? negligible : 0;
  return pairNames(namesA, namesB).map(([nameA, nameB]) => {
    const [x, y] = [actual.outputs.get(nameA)!, expected.outputs.get(nameB)!];
    const agreement = agreementOf(x, y);
    const reason = isExact
      ? differenceOf(x.tensor, y.tensor)
      : disagreement(x.tensor, y.tensor, agreement, { required, tolerance });
    return { name: nameA, ok: reason === undefined, ...(reason !== undefined && { reason }), ...agreement };
  });
}

function isByte(type: string): boolean {
  return type === 'int8' || type === 'uint8';
}

function disagreement(
  x: Tensor,
  y: Tensor,
  agreement: Agreement | undefined,
  { required, tolerance }: { readonly required: number; readonly tolerance: number },
): string | undefined {
  if (agreement === undefined && x.type === 'string') return differenceOf(x, y);
  if (agreement === undefined) return `${x.type} [${x.dims}] instead of ${y.type} [${y.dims}]`;
  const { maxAbsDifference, sqnrDb, sameTop } = agreement;
  if (maxAbsDifference <= tolerance) return undefined;
  if (!(sqnrDb >= required)) return `${sqnrDb.toFixed(1)} dB, expected at least ${required}`;
  return sameTop === false ? 'another top class' : undefined;
}

/** In the order of the first side, which is that of execution. */
function compareLayers(actual: SideValues, expected: SideValues): readonly LayerReport[] {
  const [ordered, others] = [actual.layers, expected.layers];
  return [...ordered].flatMap(([value, own]) => {
    const other = others.get(value);
    const agreement = other && agreementOf(own, other);
    if (agreement === undefined) return [];
    const { node, op } = own as LayerValue;
    return [{ value, node, op, ...agreement }];
  });
}

/** JSON has no infinity: null, where nothing differs, or where one side is no number. */
function finiteOnly<T extends object>(report: T): object {
  return Object.fromEntries(
    Object.entries(report).map(([name, value]) => [name, typeof value === 'number' && !Number.isFinite(value) ? null : value]),
  );
}

function printReport(outputs: readonly OutputReport[], layers: readonly LayerReport[] | undefined): void {
  const measures = [
    { title: 'max difference', cell: (row: Partial<Agreement>) => row.maxAbsDifference?.toPrecision(3) },
    { title: 'SQNR, dB', cell: (row: Partial<Agreement>) => row.sqnrDb?.toFixed(1).replace('Infinity', 'same') },
    { title: 'cosine', cell: (row: Partial<Agreement>) => row.cosine?.toFixed(6) },
  ];
  if (layers !== undefined) {
    printTable<LayerReport>(
      [
        { title: 'value', align: 'left', cell: ({ value }) => value },
        { title: 'op', align: 'left', cell: ({ op }) => op },
        ...measures,
      ],
      layers,
    );
    print('');
  }
  printTable<OutputReport>(
    [
      { title: 'output', align: 'left', cell: ({ name }) => name },
      ...measures,
      {
        title: 'top class',
        align: 'left',
        cell: ({ sameTop }) => (sameTop === undefined ? undefined : sameTop ? 'same' : 'other'),
      },
      { title: '', align: 'left', cell: ({ ok }) => (ok ? 'ok' : 'FAILED') },
    ],
    outputs,
  );
}
