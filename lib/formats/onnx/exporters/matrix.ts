/** Products of matrices. */
import type { FullyConnectedAttributes } from '../../../ops/fully-connected.js';
import type { MatMulAttributes } from '../../../ops/matmul.js';
import type { ExportGraph } from '../export-graph.js';
import { present } from './convolution.js';
import { defineActivated, type Exporters, exporter } from './exporter.js';
import { flatten } from './moving.js';
import { biasOf, expectOneKind } from './products.js';

/** Weights are [O, K]: Gemm takes them as they are. With `keepDims`, rows are a matrix in between. */
const fullyConnected = exporter<FullyConnectedAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, w, bias = ''] = inputs as readonly [string, string, string?];
  expectOneKind(graph, x, w);
  const [channels, length] = graph.constant(w)?.dims ?? graph.dims(w) ?? [];
  if (typeof length !== 'number' || typeof channels !== 'number') throw graph.unsupported('weights of unknown shape');
  const isMatrix = graph.rank(x) === 2 && graph.dims(x)![1] === length;
  const rows = isMatrix ? graph.real(x) : flatten(graph, x, [-1, length]);
  const values = present([rows, graph.real(w), biasOf(graph, bias, x, w)]);
  const y = graph.add('Gemm', values, { transB: true });
  const isDone = isMatrix || !attributes.keepDims || graph.rank(x) === 2;
  const [output] = outputs as readonly [string];
  if (isDone) return defineActivated(graph, output, y, attributes.activation);
  defineActivated(graph, output, graph.add('Reshape', [y, rowsShape(graph, x, channels)]), attributes.activation);
});

/** [...x.dims but the last, channels] */
function rowsShape(graph: ExportGraph, x: string, channels: number) {
  const dims = graph.dims(x);
  if (dims !== undefined && dims.filter((dim) => typeof dim !== 'number').length <= 1) {
    return graph.literal('int64', [...dims.slice(0, -1).map((dim) => (typeof dim === 'number' ? dim : -1)), channels]);
  }
  const before = graph.add('Shape', [graph.stored(x)], { end: -1 });
  return graph.add('Concat', [before, graph.literal('int64', [channels])], { axis: 0 });
}

const matmul = exporter<MatMulAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [a, b, bias = ''] = inputs as readonly [string, string, string?];
  expectOneKind(graph, a, b);
  const { transposeA, transposeB, activation } = attributes;
  const ranks = [graph.rank(a), graph.constant(b)?.dims.length ?? graph.rank(b)] as const;
  const offset = biasOf(graph, bias, a, b);
  const [output] = outputs as readonly [string];
  if (ranks[0] === 2 && ranks[1] === 2 && (transposeA || transposeB || offset !== undefined)) {
    const values = present([graph.real(a), graph.real(b), offset]);
    return defineActivated(graph, output, graph.add('Gemm', values, { transA: transposeA, transB: transposeB }), activation);
  }
  const product = graph.add('MatMul', [matrix(graph, a, transposeA, ranks[0]), matrix(graph, b, transposeB, ranks[1])]);
  defineActivated(graph, output, offset === undefined ? product : graph.add('Add', [product, offset]), activation);
});

function matrix(graph: ExportGraph, name: string, transposed: boolean, rank: number | undefined) {
  if (!transposed || (rank !== undefined && rank < 2)) return graph.real(name);
  if (rank === undefined) throw graph.unsupported('a transposed matrix of an unknown number of dimensions');
  const axes = Array.from({ length: rank }, (_, i) => i);
  return graph.permutedReal(name, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

export const matrixExporters: Exporters = { FullyConnected: fullyConnected, MatMul: matmul };
