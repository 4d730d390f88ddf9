/** `octensor inspect`: what a model is made of. */
import type { Command } from 'commander';
import { OctensorError } from '../errors.js';
import type { Graph, Value } from '../graph/graph.js';
import { loadGraph } from '../model.js';
import { NeedsData } from '../ops/storage.js';
import type { QdqEntry } from '../passes/fuse-qdq.js';
import { optimize } from '../passes/index.js';
import { formatDims } from '../plan/infer.js';
import { sizeBytesOf } from '../plan/memory.js';
import { makePlan, type Plan } from '../plan/plan.js';
import { resolveGraph } from '../plan/resolve.js';
import { specializeGraph } from '../plan/specialize.js';
import type { DataType } from '../tensor.js';
import { type InputShapes, inputShapesOf, withShapeOption } from './input-shapes.js';
import { print, printJson, printTable } from './output.js';

type Arithmetic = 'integer' | 'float' | 'hybrid';

interface OperatorCount {
  readonly op: string;
  readonly arithmetic: Arithmetic;
  count: number;
  macs: number;
}

interface Report {
  readonly name: string;
  readonly numerics: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly states: number;
  /** As they were imported. */
  readonly nodes: number;
  /** What runs for these shapes of the inputs, once all that is known beforehand was worked out. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly operators: readonly OperatorCount[];
  /** Elements of constants. */
  readonly parameters: number;
  readonly macs: number;
  readonly macsByArithmetic: Readonly<Record<Arithmetic, number>>;
  readonly constantBytes: Readonly<Partial<Record<DataType, number>>>;
  /** Of values that are alive at the same time. */
  readonly peakActivationBytes: number;
  /** Of operators that Quantize or Dequantize stands beside: how many are computed in 8 bits, and which are not. */
  readonly quantized?: { readonly integer: number; readonly float: readonly QdqEntry[] };
  /** Why operators, MACs and activations are not known: nodes are counted as they were imported, the rest is 0. */
  readonly unplanned?: string;
}

export function addInspect(program: Command): void {
  withShapeOption(program.command('inspect <model>'))
    .description('inputs, outputs, operators, parameters and arithmetic of a model')
    .option('--json', 'one JSON document')
    .action(async (model: string, { json = false, shape }: { json?: boolean; shape: InputShapes }) => {
      let log: readonly QdqEntry[] = [];
      const graph = await loadGraph(model, { onQdq: (entries) => (log = entries) });
      const report = reportOf(graph, log, inputShapesOf(graph, shape));
      if (json) printJson(report);
      else printReport(report);
    });
}

function reportOf(graph: Graph, log: readonly QdqEntry[], shapes: InputShapes): Report {
  const { plan, reason } = planOf(graph, shapes);
  const operators = plan === undefined ? countNodes(graph) : countOperators(plan);
  const macsBy = (arithmetic: Arithmetic) =>
    operators.reduce((sum, operator) => sum + (operator.arithmetic === arithmetic ? operator.macs : 0), 0);
  const constants = [...graph.constants.values()];
  const constantBytes: Partial<Record<DataType, number>> = {};
  for (const tensor of constants) constantBytes[tensor.type] = (constantBytes[tensor.type] ?? 0) + sizeBytesOf(tensor);
  const float = log.filter((entry) => entry.reason !== undefined);
  return {
    name: graph.name,
    numerics: graph.numerics,
    inputs: graph.inputs.map((name) => graph.values.get(name)!),
    outputs: graph.outputs.map((name) => graph.values.get(name)!),
    states: graph.states.length,
    nodes: graph.nodes.length,
    shapes: Object.fromEntries(shapes),
    operators,
    parameters: constants.reduce((sum, { size }) => sum + size, 0),
    macs: operators.reduce((sum, { macs }) => sum + macs, 0),
    macsByArithmetic: { integer: macsBy('integer'), float: macsBy('float'), hybrid: macsBy('hybrid') },
    constantBytes,
    peakActivationBytes: plan?.memory.peakBytes ?? 0,
    ...(log.length > 0 && { quantized: { integer: log.length - float.length, float } }),
    ...(reason !== undefined && { unplanned: reason }),
  };
}

/** No plan, and a reason, for a model whose shapes depend on data, or which takes no inputs as small as open dimensions become. */
function planOf(graph: Graph, shapes: InputShapes): { readonly plan?: Plan; readonly reason?: string } {
  try {
    const optimized = optimize(specializeGraph(graph, resolveGraph(graph), shapes)).graph;
    return { plan: makePlan(optimized, resolveGraph(optimized), shapes) };
  } catch (error) {
    if (error instanceof NeedsData) return { reason: error.message };
    const isOpenSize = graph.inputs.some((name) => isOpen(graph.values.get(name)!));
    if (isOpenSize && error instanceof OctensorError && error.code === 'ERR_SHAPE')
      return { reason: `${error.message} (--shape)` };
    throw error;
  }
}

/** Nodes that need not run, as all their inputs are constants, are not counted. */
function countOperators({ steps }: Plan): readonly OperatorCount[] {
  return counted(
    steps.map(({ node, inputs, outputs, macs }) => {
      return { op: node.op, types: [inputs[0]?.type ?? outputs[0]!.type, inputs[1]?.type], macs };
    }),
  );
}

interface Counted {
  readonly op: string;
  /** Of the first two inputs. */
  readonly types: readonly [DataType, DataType | undefined];
  readonly macs: number;
}

function counted(nodes: readonly Counted[]): readonly OperatorCount[] {
  const counts = new Map<string, OperatorCount>();
  for (const { op, types, macs } of nodes) {
    const arithmetic = arithmeticOf(...types);
    const key = `${op} ${arithmetic}`;
    const found = counts.get(key) ?? { op, arithmetic, count: 0, macs: 0 };
    found.count += 1;
    found.macs += macs;
    counts.set(key, found);
  }
  return [...counts.values()].sort((a, b) => b.macs - a.macs || b.count - a.count || (a.op < b.op ? -1 : 1));
}

/** Without shapes; of values whose type nobody knows before they are computed, as float. */
function countNodes({ nodes, values, constants }: Graph): readonly OperatorCount[] {
  const typeOf = (name: string | undefined) => (name ? (values.get(name)?.type ?? constants.get(name)?.type) : undefined);
  return counted(nodes.map(({ op, inputs }) => ({ op, types: [typeOf(inputs[0]) ?? 'float32', typeOf(inputs[1])], macs: 0 })));
}

function arithmeticOf(input: DataType, weights: DataType | undefined): Arithmetic {
  if (!input.startsWith('float')) return 'integer';
  return weights === 'int8' || weights === 'uint8' ? 'hybrid' : 'float';
}

function printReport(report: Report): void {
  const { name, numerics, inputs, outputs, states, nodes, operators, parameters, macs, macsByArithmetic } = report;
  const bytes = Object.entries(report.constantBytes).map(([type, count]) => `${type} ${count}`);
  const shares = Object.entries(macsByArithmetic).filter(([, count]) => count > 0);
  print(
    `model         ${name === '' ? '(no name)' : name}`,
    ...inputs.map((value) => `input         ${formatValue(value)}`),
    ...outputs.map((value) => `output        ${formatValue(value)}`),
    ...inputs.filter(isOpen).map(({ name: input }) => `shape         ${input}  ${formatDims(report.shapes[input]!)}`),
    `nodes         ${nodes}${states === 0 ? '' : `, ${states} states`}`,
    `numerics      ${numerics}`,
    `parameters    ${parameters}`,
    `constants     ${bytes.length === 0 ? 'none' : `${bytes.join(', ')} bytes`}`,
    ...(report.unplanned === undefined
      ? [
          `activations   ${report.peakActivationBytes} bytes at most at one time`,
          `MACs          ${macs}${shares.length === 0 ? '' : ` (${shares.map(([kind, n]) => `${kind} ${percent(n, macs)}`).join(', ')})`}`,
        ]
      : [`unknown       activations and MACs: ${report.unplanned}`]),
    '',
  );
  printTable<OperatorCount>(
    [
      { title: 'operator', align: 'left', cell: ({ op }) => op },
      { title: 'arithmetic', align: 'left', cell: ({ arithmetic }) => arithmetic },
      { title: 'count', cell: ({ count }) => String(count) },
      { title: 'MACs', cell: (operator) => (operator.macs === 0 ? undefined : String(operator.macs)) },
    ],
    operators,
  );
  if (report.quantized === undefined) return;
  const { integer, float } = report.quantized;
  print('', `Beside Quantize and Dequantize, ${integer} operators are computed in 8 bits, ${float.length} in float.`);
  if (float.length === 0) return;
  print('');
  printTable<QdqEntry>(
    [
      { title: 'float operator', align: 'left', cell: ({ op }) => op },
      { title: 'node', align: 'left', cell: ({ node }) => node },
      { title: 'why', align: 'left', cell: ({ reason }) => reason },
    ],
    float,
  );
}

/** Whether --shape has something to say. */
function isOpen({ dims }: Value): boolean {
  return dims === undefined || dims.some((dim) => typeof dim !== 'number');
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function formatValue({ name, type, dims, qparams }: Value): string {
  const isPerTensor = typeof qparams?.scale === 'number';
  const scale = isPerTensor ? `  scale ${qparams.scale}, zero point ${String(qparams.zeroPoint)}` : '';
  return `${name}  ${type} ${dims === undefined ? '' : formatDims(dims)}${scale}`;
}
