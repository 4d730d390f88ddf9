/** Softmax and its relatives. */
import type { SoftmaxAttributes } from '../../../ops/softmax.js';
import type { RowAttributes } from '../../../ops/softmax-input.js';
import type { ExportGraph } from '../export-graph.js';
import { axisIn } from '../export-layout.js';
import type { OnnxValue } from '../export-names.js';
import { commonLayout, type Exporter, type Exporters, exporter } from './exporter.js';

function rows<A extends RowAttributes>(
  opType: string,
  prepare: (graph: ExportGraph, x: OnnxValue, attributes: A) => OnnxValue = (_, x) => x,
): Exporter {
  return exporter<A>(({ inputs, outputs, attributes }, graph) => {
    const { axis, flatten } = attributes;
    const [x, y] = [inputs[0]!, outputs[0]!];
    const layout = flatten ? 'own' : commonLayout(graph, inputs);
    const value = prepare(graph, graph.real(x, layout), attributes);
    if (!flatten) return graph.defineReal(y, graph.add(opType, [value], { axis: axisIn(layout, axis) }), layout);
    const matrix = graph.add('Flatten', [value], { axis });
    const result = graph.add(opType, [matrix], { axis: 1 });
    graph.defineReal(y, graph.add('Reshape', [result, graph.add('Shape', [value])]));
  });
}

const scaled = (graph: ExportGraph, x: OnnxValue, { beta }: SoftmaxAttributes) =>
  beta === 1 ? x : graph.add('Mul', [x, graph.literal('float32', [beta], [])]);

export const rowExporters: Exporters = {
  Hardmax: rows('Hardmax'),
  LogSoftmax: rows('LogSoftmax'),
  Softmax: rows<SoftmaxAttributes>('Softmax', scaled),
};
