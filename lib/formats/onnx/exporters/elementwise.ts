/** What works element by element, in whatever order its inputs are; quantized, between DequantizeLinear and QuantizeLinear. */
import type { CastAttributes } from '../../../ops/cast.js';
import type { Activation } from '../../../ops/output-stage.js';
import type { ExportGraph } from '../export-graph.js';
import type { AttributeValues } from '../export-messages.js';
import { Float } from '../export-messages.js';
import type { OnnxValue } from '../export-names.js';
import { elemTypeOf } from '../model.js';
import { clamp, commonLayout, defineActivated, type Exporter, type Exporters, exporter } from './exporter.js';

type Write = (graph: ExportGraph, inputs: readonly OnnxValue[], output: string) => OnnxValue;

function elementwise(write: Write): Exporter {
  return exporter<{ readonly activation?: Activation } | undefined>(({ inputs, outputs, attributes }, graph) => {
    const layout = commonLayout(graph, inputs);
    const values = inputs.map((name) => graph.real(name, layout));
    defineActivated(graph, outputs[0]!, write(graph, values, outputs[0]!), attributes?.activation ?? 'none', layout);
  });
}

function same(opType: string, attributes: AttributeValues = {}): Exporter {
  return elementwise((graph, inputs) => graph.add(opType, inputs, attributes));
}

function negated(opType: string): Exporter {
  return elementwise((graph, inputs) => graph.add('Not', [graph.add(opType, inputs)]));
}

/** 16-bit integers may be shifted by powers of two, which no operator of ONNX does. */
const sum = (opType: string): Exporter =>
  exporter<{ readonly activation: Activation; readonly potScale: boolean }>((node, graph) => {
    if (node.attributes.potScale) throw graph.unsupported('scales that are powers of two');
    same(opType)(node, graph);
  });

const cast = exporter<CastAttributes>(({ inputs, outputs, attributes }, graph) => {
  const layout = commonLayout(graph, inputs);
  const value = graph.add('Cast', [graph.stored(inputs[0]!, layout)], { to: elemTypeOf(attributes.to) });
  graph.defineStored(outputs[0]!, value, layout);
});

/** ONNX divides integers toward zero; Mod's result has the sign of the divisor, and without it nothing is left to round. */
const floorDiv = exporter((node, graph) => {
  const isReal = graph.value(node.inputs[0]!)?.type === 'float32';
  elementwise((_, [a, b]) =>
    isReal
      ? graph.add('Floor', [graph.add('Div', [a, b])])
      : graph.add('Div', [graph.add('Sub', [a, graph.add('Mod', [a, b])]), b]),
  )(node, graph);
});

/** Integers to reals: what the graph says they mean, for all types. */
const dequantize = exporter(({ inputs, outputs }, graph) => {
  const layout = commonLayout(graph, inputs);
  const [name] = inputs as readonly [string];
  const isKnown = graph.value(name)?.qparams !== undefined;
  if (isKnown) graph.defineStored(outputs[0]!, graph.dequantized(name, layout), layout);
  else if (graph.value(name)?.type === 'float16')
    graph.defineStored(outputs[0]!, graph.add('Cast', [graph.stored(name, layout)], { to: 1 }), layout);
  else throw graph.unsupported('integers without a scale');
});

const quantize = exporter(({ inputs, outputs }, graph) => {
  const layout = commonLayout(graph, inputs);
  if (!graph.isQuantized(outputs[0]!)) throw graph.unsupported('integers without a scale');
  graph.defineReal(outputs[0]!, graph.real(inputs[0]!, layout), layout);
});

export const elementwiseExporters: Exporters = {
  Abs: same('Abs'),
  Add: sum('Add'),
  Cast: cast,
  Ceil: same('Ceil'),
  Cos: same('Cos'),
  Dequantize: dequantize,
  Div: same('Div'),
  Elu: exporter<{ readonly alpha?: number }>((node, graph) =>
    same('Elu', { alpha: new Float(node.attributes?.alpha ?? 1) })(node, graph),
  ),
  Equal: same('Equal'),
  Erf: same('Erf'),
  Exp: same('Exp'),
  Floor: same('Floor'),
  FloorDiv: floorDiv,
  Greater: same('Greater'),
  GreaterEqual: same('GreaterOrEqual'),
  HardSwish: same('HardSwish'),
  Identity: same('Identity'),
  LeakyRelu: exporter<{ readonly alpha: number }>((node, graph) =>
    same('LeakyRelu', { alpha: new Float(node.attributes.alpha) })(node, graph),
  ),
  Less: same('Less'),
  LessEqual: same('LessOrEqual'),
  Log: same('Log'),
  LogicalAnd: same('And'),
  LogicalNot: same('Not'),
  LogicalOr: same('Or'),
  Logistic: same('Sigmoid'),
  Maximum: same('Max'),
  Minimum: same('Min'),
  Mul: same('Mul'),
  Neg: same('Neg'),
  NotEqual: negated('Equal'),
  PRelu: same('PRelu'),
  Pow: same('Pow'),
  Quantize: quantize,
  Reciprocal: same('Reciprocal'),
  Relu: elementwise((graph, [x]) => graph.add('Relu', [x])),
  Relu6: elementwise((graph, [x], y) => clamp(graph, y, x!, 'relu6')),
  ReluN1To1: elementwise((graph, [x], y) => clamp(graph, y, x!, 'relu-n1-to-1')),
  Round: same('Round'),
  Rsqrt: elementwise((graph, [x]) => graph.add('Reciprocal', [graph.add('Sqrt', [x])])),
  Select: same('Where'),
  Sign: same('Sign'),
  Sin: same('Sin'),
  Softplus: same('Softplus'),
  Softsign: same('Softsign'),
  Sqrt: same('Sqrt'),
  Square: elementwise((graph, [x]) => graph.add('Mul', [x, x])),
  SquaredDifference: elementwise((graph, inputs) => {
    const difference = graph.add('Sub', inputs);
    return graph.add('Mul', [difference, difference]);
  }),
  Sub: sum('Sub'),
  Tan: same('Tan'),
  Tanh: same('Tanh'),
};
