/** What moves elements and leaves them as they are. */
import type { QParams } from '../../../quant/qparams.js';
import type { ExportGraph } from '../export-graph.js';
import type { Layout } from '../export-layout.js';
import type { OnnxValue } from '../export-names.js';
import { elemTypeOf } from '../model.js';

/**
 * Quantized integers are moved as they stand. At the model's inputs and outputs, and where they mean something else afterwards,
 * what they stand for is moved, between DequantizeLinear and QuantizeLinear: otherwise the file would not say what they mean there.
 * `write` gets the forms of the inputs and, of integers, what they mean.
 */
export function move(
  graph: ExportGraph,
  inputs: readonly string[],
  outputs: readonly string[],
  layout: Layout,
  write: (values: readonly OnnxValue[], integers: QParams | undefined) => readonly OnnxValue[],
  outputLayout = layout,
): void {
  const names = [...inputs, ...outputs];
  const [first] = inputs as readonly [string];
  const { qparams } = graph.value(first) ?? {};
  const isAtBorder = names.some((name) => graph.isQuantized(name) && graph.isBorder(name));
  const isMoved = !isAtBorder && names.every((name) => graph.meansTheSame(first, name));
  const values = inputs.map((name) => (isMoved ? graph.stored(name, layout) : graph.real(name, layout)));
  const results = write(values, isMoved ? qparams : undefined);
  for (const [i, name] of outputs.entries()) {
    if (isMoved) graph.defineStored(name, results[i]!, outputLayout);
    else graph.defineReal(name, results[i]!, outputLayout);
  }
}

/** Where a value's elements stand in the same order in both layouts: one pixel, or one channel. */
export function flatLayout(graph: ExportGraph, name: string): Layout {
  const [, height, width, channels] = graph.dims(name) ?? [];
  return graph.isOnlyNchw(name) && ((height === 1 && width === 1) || channels === 1) ? 'nchw' : 'own';
}

/** The real numbers of a value, in its own order of elements, in another shape. Integers are reshaped as integers. */
export function flatten(graph: ExportGraph, name: string, shape: readonly number[]): OnnxValue {
  const layout = flatLayout(graph, name);
  const target = graph.literal('int64', shape);
  const { qparams } = graph.value(name) ?? {};
  if (qparams === undefined || graph.isBorder(name)) {
    const reshaped = graph.add('Reshape', [graph.real(name, layout), target]);
    return qparams === undefined || !graph.isQuantized(name)
      ? reshaped
      : graph.dequantize(graph.quantize(reshaped, qparams), qparams);
  }
  return graph.dequantize(graph.add('Reshape', [graph.stored(name, layout), target]), qparams);
}

/** An input that says a shape, as ONNX wants it. */
export function int64Of(graph: ExportGraph, name: string): OnnxValue {
  const tensor = graph.constant(name);
  if (tensor !== undefined && tensor.type !== 'int64') {
    return graph.literal('int64', Array.from(tensor.data as Int32Array, Number), tensor.dims);
  }
  const value = graph.stored(name);
  return graph.value(name)?.type === 'int32' ? graph.add('Cast', [value], { to: elemTypeOf('int64') }) : value;
}

/** An input that says a shape, or the attribute that does. */
export function shapeOperand(graph: ExportGraph, name: string | undefined, otherwise: readonly number[]): OnnxValue {
  return name === undefined || name === '' ? graph.literal('int64', otherwise) : int64Of(graph, name);
}
