/** ConvTranspose: weights [C, O / groups, KH, KW], and a padding that cuts the full size to the output's. */
import type { ConvolutionAttributes } from '../../../ops/convolution.js';
import { extentOf, paddingBefore } from '../../../ops/window.js';
import type { ExportGraph } from '../export-graph.js';
import type { OnnxValue } from '../export-names.js';
import { defineActivated, exporter } from './exporter.js';
import { biasOf, expectOneKind } from './products.js';

interface Attributes extends ConvolutionAttributes {
  readonly outputSize: readonly [number, number];
  readonly outputPadding: readonly [number, number];
  readonly anySize: boolean;
  readonly groups: number;
}

export const transposeConv2d = exporter<Attributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, w, bias = ''] = inputs as readonly [string, string, string?];
  expectOneKind(graph, x, w);
  const { window, activation, groups } = attributes;
  const { strides, dilations } = window;
  const weights = groups === 1 ? graph.permutedReal(w, [3, 0, 1, 2]) : groupedWeights(graph, w, groups);
  const offset = biasOf(graph, bias, x, w);
  const values = [graph.real(x, 'nchw'), weights, ...(offset === undefined ? [] : [offset])];
  const y = graph.add('ConvTranspose', values, { group: groups, strides, dilations, ...placement(graph, attributes, x, w) });
  defineActivated(graph, outputs[0]!, y, activation, 'nchw');
});

/** [O, KH, KW, C / groups] -> [groups, O / groups, KH, KW, C / groups] -> [groups, C / groups, O / groups, ...] -> [C, O / groups, ...] */
function groupedWeights(graph: ExportGraph, w: string, groups: number): OnnxValue {
  const [channels, height, width, depth] = (graph.constant(w)?.dims ?? graph.dims(w) ?? []) as readonly number[];
  if (![channels, height, width, depth].every((dim) => typeof dim === 'number'))
    throw graph.unsupported('weights of unknown shape');
  const part = channels! / groups;
  const split = graph.add('Reshape', [graph.real(w), graph.literal('int64', [groups, part, height!, width!, depth!])]);
  const moved = graph.add('Transpose', [split], { perm: [0, 4, 1, 2, 3] });
  return graph.add('Reshape', [moved, graph.literal('int64', [groups * depth!, part, height!, width!])]);
}

/** The padding, and what the output has beyond the full size. */
function placement(graph: ExportGraph, attributes: Attributes, x: string, w: string) {
  const sides = ([0, 1] as const).map((axis) => sideOf(graph, attributes, x, w, axis));
  const pads = [sides[0]!.before, sides[1]!.before, sides[0]!.after, sides[1]!.after];
  return { pads, output_padding: sides.map(({ extra }) => extra) };
}

function sideOf(graph: ExportGraph, attributes: Attributes, x: string, w: string, axis: 0 | 1) {
  const { window, outputSize, outputPadding, anySize } = attributes;
  const { strides, dilations, padding } = window;
  const isSame = padding === 'same' || padding === 'same-lower';
  const [first, last] = typeof padding === 'string' ? [0, 0] : [padding[axis], padding[axis + 2]!];
  if (outputSize[axis] === 0 && !isSame) return { before: first, after: last, extra: outputPadding[axis] };
  const kernel = (graph.constant(w)?.dims ?? graph.dims(w))?.[axis + 1];
  const input = graph.dims(x)?.[axis + 1];
  if (typeof kernel !== 'number' || typeof input !== 'number') throw graph.unsupported('an input of unknown size');
  const full = (input - 1) * strides[axis] + (kernel - 1) * dilations[axis] + 1 + outputPadding[axis];
  const size = outputSize[axis] || (isSame ? input * strides[axis] : full - first - last);
  const convolution = extentOf(window, axis, size, kernel).before;
  const before = !anySize ? convolution : isSame ? paddingBefore(padding, full - size) : first;
  const after = full - size - before;
  // ONNX cuts no less than nothing: what is missing is added at the end
  return { before, after: Math.max(after, 0), extra: outputPadding[axis] + Math.max(-after, 0) };
}
