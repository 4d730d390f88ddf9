/** Functions of one element with parameters, and functions of integers. */
import type { ClipAttributes } from '../../../ops/clip.js';
import type { ExportGraph } from '../export-graph.js';
import { type AttributeValues, Float } from '../export-messages.js';
import type { OnnxValue } from '../export-names.js';
import { commonLayout, type Exporter, type Exporters, exporter } from './exporter.js';

type Parameters = Readonly<Record<string, number>>;

/** With parameters that are called as they are in ONNX, but for `renamed`. */
function parametric(opType: string, renamed: Readonly<Record<string, string>> = {}): Exporter {
  return exporter<Parameters>(({ inputs, outputs, attributes }, graph) => {
    const layout = commonLayout(graph, inputs);
    const own = Object.entries(attributes).map(([key, value]) => [renamed[key] ?? key, new Float(value)] as const);
    graph.defineReal(outputs[0]!, graph.add(opType, [graph.real(inputs[0]!, layout)], Object.fromEntries(own)), layout);
  });
}

function plain(opType: string, own: AttributeValues = {}): Exporter {
  return exporter(({ inputs, outputs }, graph) => {
    const layout = commonLayout(graph, inputs);
    const values = inputs.map((name) => graph.real(name, layout));
    graph.defineReal(outputs[0]!, graph.add(opType, values, own), layout);
  });
}

const clip = exporter<ClipAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const layout = commonLayout(graph, inputs);
  const type = graph.isQuantized(x) ? 'float32' : (graph.value(x)?.type ?? 'float32');
  const bound = (value: number) => (Number.isFinite(value) ? graph.literal(type, [value], []) : undefined);
  const { min, max } = attributes;
  graph.defineReal(y, graph.add('Clip', [graph.real(x, layout), bound(min), bound(max)]), layout);
});

/** x · sigmoid(alpha · x), which has an operator of its own only since version 24. */
const swish = exporter<{ readonly alpha: number }>(({ inputs, outputs, attributes }, graph) => {
  const layout = commonLayout(graph, inputs);
  const x = graph.real(inputs[0]!, layout);
  graph.defineReal(outputs[0]!, graph.add('Mul', [x, graph.add('Sigmoid', [scaled(graph, x, attributes.alpha)])]), layout);
});

function scaled(graph: ExportGraph, x: OnnxValue, by: number): OnnxValue {
  return by === 1 ? x : graph.add('Mul', [x, graph.literal('float32', [by], [])]);
}

const gelu = exporter<'none' | 'tanh'>((node, graph) => plain('Gelu', { approximate: node.attributes })(node, graph));

const mod = exporter((node, graph) => {
  const type = graph.value(node.inputs[0]!)?.type;
  if (type === 'float32' || type === 'float64') throw graph.unsupported('what is left of reals, with the sign of the divisor');
  plain('Mod')(node, graph);
});

const isInf = exporter<{ readonly positive: boolean; readonly negative: boolean }>((node, graph) => {
  const { positive, negative } = node.attributes;
  plain('IsInf', { detect_positive: positive, detect_negative: negative })(node, graph);
});

const names = ['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cosh', 'Sinh', 'Mish', 'IsNaN', 'CastLike'] as const;
const bitwise = ['BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor'] as const;

export const functionExporters: Exporters = {
  ...Object.fromEntries([...names, ...bitwise].map((name) => [name, plain(name)])),
  Celu: parametric('Celu'),
  Clip: clip,
  Fmod: plain('Mod', { fmod: true }),
  Gelu: gelu,
  HardSigmoid: parametric('HardSigmoid'),
  IsInf: isInf,
  Mod: mod,
  Selu: parametric('Selu'),
  ShiftLeft: plain('BitShift', { direction: 'LEFT' }),
  ShiftRight: plain('BitShift', { direction: 'RIGHT' }),
  Shrink: parametric('Shrink', { lambda: 'lambd' }),
  Swish: swish,
  ThresholdedRelu: parametric('ThresholdedRelu'),
};
