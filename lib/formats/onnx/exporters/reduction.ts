/** Reductions, in the order of dimensions that is there, as long as what they leave is in our order. */
import type { ArgMaxAttributes } from '../../../ops/arg-max.js';
import type { ReductionAttributes } from '../../../ops/reduction.js';
import type { ExportGraph } from '../export-graph.js';
import { axisIn, imageRank, type Layout, toNchw } from '../export-layout.js';
import type { OnnxValue } from '../export-names.js';
import { elemTypeOf } from '../model.js';
import { type Exporter, type Exporters, exporter } from './exporter.js';

/** The version from which axes are an input; of ReduceSum from 13 on. */
const axesInputSince = 18;

function reduction(opType: string): Exporter {
  return exporter<ReductionAttributes>(({ inputs, outputs, attributes }, graph) => {
    const [x, given = ''] = inputs as readonly [string, string?];
    const [y] = outputs as readonly [string];
    const axes = axesOf(graph, x, given, attributes);
    if (axes !== 'spatial' && axes?.length === 0) return graph.defineReal(y, graph.add('Identity', [graph.real(x)]));
    const { keepDims } = attributes;
    // Whatever stands behind the channels, without knowing how many dimensions there are
    const isPool = opType === 'ReduceMean' && keepDims && axes === 'spatial';
    if (isPool) return graph.defineReal(y, graph.add('GlobalAveragePool', [graph.real(x)]));
    if (axes === 'spatial') throw graph.unsupported('axes that depend on an unknown number of dimensions');
    const layout = layoutFor(graph, x, axes, keepDims);
    const placed = axes?.map((axis) => axisIn(layout, axis));
    const target = keepDims ? layout : 'own';
    if (opType === 'ReduceMean' && isGlobal(graph, x, placed)) return globalAverage(graph, x, y, layout, keepDims);
    const value = graph.real(x, layout);
    const isInput = graph.opset >= axesInputSince || opType === 'ReduceSum';
    const reduced = isInput
      ? graph.add(opType, [value, ...(placed === undefined ? [] : [graph.literal('int64', placed)])], { keepdims: keepDims })
      : graph.add(opType, [value], { axes: placed, keepdims: keepDims });
    graph.defineReal(y, reduced, target);
  });
}

/** Undefined: all of them. `spatial`: all but the first two, however many those are. */
function axesOf(
  graph: ExportGraph,
  x: string,
  given: string,
  attributes: ReductionAttributes,
): readonly number[] | 'spatial' | undefined {
  const tensor = graph.constant(given);
  if (given !== '' && tensor === undefined) throw graph.unsupported('axes that are computed');
  const axes = tensor === undefined ? attributes.axes : Array.from(tensor.data as Int32Array, Number);
  if (axes.length > 0 || !attributes.allByDefault) return axes;
  if (attributes.defaultFrom === 0) return undefined;
  const rank = graph.rank(x);
  if (rank === undefined && attributes.defaultFrom === 2) return 'spatial';
  if (rank === undefined) throw graph.unsupported('axes that depend on an unknown number of dimensions');
  return Array.from({ length: rank }, (_, i) => i).slice(attributes.defaultFrom);
}

function layoutFor(graph: ExportGraph, x: string, axes: readonly number[] | undefined, keepDims: boolean): Layout {
  if (!graph.isOnlyNchw(x)) return 'own';
  const reduced = new Set((axes ?? [0, 1, 2, 3]).map((axis) => (axis < 0 ? axis + imageRank : axis)));
  const left = toNchw.filter((axis) => !reduced.has(axis));
  return keepDims || left.every((axis, i) => i === 0 || axis > left[i - 1]!) ? 'nchw' : 'own';
}

function isGlobal(graph: ExportGraph, x: string, axes: readonly number[] | undefined): boolean {
  const places = new Set(axes?.map((axis) => (axis < 0 ? axis + imageRank : axis)));
  const isImage = graph.rank(x) === imageRank && places.size === 2 && places.has(2) && places.has(3);
  return isImage && (graph.value(x)?.type === 'float32' || graph.isQuantized(x));
}

/** GlobalAveragePool, which is computed in 8 bits; dimensions go away behind it. */
function globalAverage(graph: ExportGraph, x: string, y: string, layout: Layout, keepDims: boolean): void {
  const pooled = graph.add('GlobalAveragePool', [graph.real(x, layout)]);
  if (keepDims) {
    graph.defineReal(y, pooled, layout);
    return;
  }
  const axes = graph.literal('int64', [2, 3]);
  const squeeze = (value: OnnxValue) => graph.add('Squeeze', [value, axes]);
  const { qparams } = graph.value(y) ?? {};
  if (qparams === undefined || !graph.isQuantized(y)) {
    graph.defineStored(y, squeeze(pooled));
    return;
  }
  const integers = graph.quantize(pooled, qparams);
  if (graph.isBorder(y)) graph.defineReal(y, squeeze(graph.dequantize(integers, qparams)));
  else graph.defineStored(y, squeeze(integers));
}

function argument(opType: 'ArgMax' | 'ArgMin'): Exporter {
  return exporter<ArgMaxAttributes>(({ inputs, outputs, attributes }, graph) => {
    const { axis, keepDims, selectLast, to } = attributes;
    const [x] = inputs as readonly [string];
    const layout = layoutFor(graph, x, [axis], keepDims);
    const own = { axis: axisIn(layout, axis), keepdims: keepDims, select_last_index: selectLast };
    const place = graph.add(opType, [graph.real(x, layout)], own);
    const value = to === 'int64' ? place : graph.add('Cast', [place], { to: elemTypeOf(to) });
    graph.defineStored(outputs[0]!, value, keepDims ? layout : 'own');
  });
}

export const reductionExporters: Exporters = {
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  Mean: reduction('ReduceMean'),
  ReduceL1: reduction('ReduceL1'),
  ReduceL2: reduction('ReduceL2'),
  ReduceLogSum: reduction('ReduceLogSum'),
  ReduceLogSumExp: reduction('ReduceLogSumExp'),
  ReduceMax: reduction('ReduceMax'),
  ReduceMin: reduction('ReduceMin'),
  ReduceProd: reduction('ReduceProd'),
  ReduceSumSquare: reduction('ReduceSumSquare'),
  Sum: reduction('ReduceSum'),
};
