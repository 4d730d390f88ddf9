/** `octensor bench model`. */
import { cpus } from 'node:os';
import type { Command } from 'commander';
import type { Graph, Value } from '../graph/graph.js';
import { type Isa, isas } from '../isa.js';
import { loadModel } from '../model.js';
import { allNumerics, type Numerics } from '../quant/requant.js';
import type { Tensor } from '../tensor.js';
import { chosenIsas, list, oneOf, positiveInteger } from './arguments.js';
import { type InputShapes, inputShapesOf, withShapeOption } from './input-shapes.js';
import { randomTensor } from './operands.js';
import { print, printJson, printTable } from './output.js';
import { PeakMeter } from './peak-meter.js';
import { startModelPeers, stopPeers } from './peers/model-peer.js';
import { findOnnxRuntime } from './peers/onnxruntime.js';
import { benchmarkSessions, type SessionResult } from './session-benchmark.js';

interface Options {
  readonly isa?: readonly (Isa | 'all')[];
  readonly threads: readonly number[];
  readonly numerics?: readonly Numerics[];
  readonly batch?: number;
  readonly shape: InputShapes;
  readonly peer?: 'onnxruntime';
  readonly repetitions?: number;
  readonly json?: boolean;
}

export function addBenchModel(bench: Command): void {
  withShapeOption(bench.command('model <model>'))
    .description(
      'whole runs of a model on random inputs: milliseconds, percent of the peak measured meanwhile, ratio to a peer',
    )
    .option('--isa <all|NAME,...>', 'instruction sets (default: the one that sessions use)', list(oneOf(['all', ...isas])))
    .option('--threads <N,...>', 'threads (default: 1)', list(positiveInteger), [1])
    .option('--numerics <NAME,...>', `${allNumerics.join(', ')} (default: the model's)`, list(oneOf(allNumerics)))
    .option('--batch <N>', 'the first dimension of all inputs (default: as in the file, 1 where it is open)', positiveInteger)
    .option('--peer <NAME>', 'onnxruntime: the same in onnxruntime-node, if installed', oneOf(['onnxruntime']))
    .option('--repetitions <N>', 'batches per result (default: 31)', positiveInteger)
    .option('--json', 'one JSON document')
    .configureHelp({ optionDescription: ({ description }) => description })
    .action(runBenchModel);
}

async function runBenchModel(model: string, options: Options): Promise<void> {
  const modulePath = options.peer === undefined ? undefined : findOnnxRuntime();
  const loaded = await loadModel(model);
  const graph = options.batch === undefined ? loaded : withBatch(loaded, options.batch);
  const { threads, numerics = [graph.numerics], repetitions } = options;
  const variants = chosenIsas(options.isa).flatMap((isa) =>
    numerics.flatMap((rounding) => threads.map((count) => ({ isa, threads: count, numerics: rounding }))),
  );
  const feeds = randomFeeds(graph, inputShapesOf(graph, options.shape));
  const batch = Object.values(feeds)[0]?.dims[0] ?? 1;
  const peers =
    modulePath === undefined ? [] : await startModelPeers(modulePath, { path: model, graph: loaded }, feeds, threads);
  let results: readonly SessionResult[];
  try {
    results = await benchmarkSessions({ graph, feeds, timed: 'calls', peers }, variants, new PeakMeter(), repetitions);
  } finally {
    stopPeers(peers);
  }
  const cpu = cpus()[0]?.model.trim() ?? process.arch;
  if (options.json) printJson({ cpu, model, batch, ...results[0]!, results: results.map((result) => ({ ...result, batch })) });
  else printReport(cpu, batch, results);
}

/** The same graph with another first dimension of its inputs; what follows from it is inferred. */
function withBatch(graph: Graph, batch: number): Graph {
  const resized = (value: Value): Value => {
    const { dims } = value;
    if (dims === undefined || graph.constants.has(value.name)) return value;
    return { ...value, dims: graph.inputs.includes(value.name) ? [batch, ...dims.slice(1)] : dims.map(() => null) };
  };
  const values = new Map([...graph.values].map(([name, value]) => [name, resized(value)]));
  const nodes = graph.nodes.map((node) => {
    const shape = node.op === 'Reshape' ? ((node.attributes.shape ?? []) as readonly number[]) : [];
    const keepsBatch = shape[0] === 1 && !shape.includes(-1);
    return keepsBatch ? { ...node, attributes: { ...node.attributes, shape: [-1, ...shape.slice(1)] } } : node;
  });
  return { ...graph, values, nodes };
}

function randomFeeds({ inputs, values }: Graph, shapes: InputShapes): Record<string, Tensor> {
  return Object.fromEntries(inputs.map((name) => [name, randomTensor(values.get(name)!.type, shapes.get(name)!)]));
}

function printReport(cpu: string, batch: number, results: readonly SessionResult[]): void {
  const [first] = results;
  print(`${cpu}; ${((first?.macs ?? 0) * 1e-6).toFixed(1)} M multiply-accumulates a run, batch ${batch}`, '');
  printTable(
    [
      { title: 'isa', align: 'left', cell: ({ isa }) => isa },
      { title: 'numerics', align: 'left', cell: ({ numerics }) => numerics },
      { title: 'threads', cell: ({ threads }) => String(threads) },
      { title: 'median ms', cell: ({ medianMs }) => medianMs.toPrecision(3) },
      { title: 'min ms', cell: ({ minMs }) => minMs.toPrecision(3) },
      { title: 'GOPS', cell: ({ gops }) => gops.toFixed(0) },
      { title: '% of peak', cell: ({ percentOfPeak }) => percentOfPeak.toFixed(1) },
      { title: results[0]?.peer?.name ?? 'peer', cell: ({ peer }) => peer?.medianMs.toPrecision(3) },
      { title: 'ratio', cell: ({ peer }) => peer?.ratio.toFixed(2) },
      { title: 'over 1 thread', cell: ({ speedup }) => speedup?.toFixed(2) },
    ],
    results,
  );
}
