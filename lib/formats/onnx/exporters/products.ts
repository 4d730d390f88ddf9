/** What sums of products share: which operands go together, and biases. */
import type { QParams } from '../../../quant/qparams.js';
import { type DataType, Tensor } from '../../../tensor.js';
import type { ExportGraph } from '../export-graph.js';
import type { OnnxValue } from '../export-names.js';

/** Both operands real, or both quantized: integer weights under a real input are quantized anew for every row of it. */
export function expectOneKind(graph: ExportGraph, x: string, w: string): void {
  if (graph.isQuantized(x) === graph.isQuantized(w)) return;
  throw graph.unsupported('integer weights with an input that is quantized while the graph runs');
}

/** Undefined where there is none. Of quantized operands: int32 with scale sx · sw, per channel where the weights are. */
export function biasOf(graph: ExportGraph, name: string, x: string, w: string): OnnxValue | undefined {
  if (name === '') return undefined;
  if (!graph.isQuantized(x)) return graph.stored(name);
  const [px, pw] = [graph.value(x)!.qparams!, graph.value(w)!.qparams!];
  const tensor = graph.constant(name);
  const type = tensor?.type ?? graph.value(name)?.type;
  if (type !== 'int32') throw graph.unsupported(`a bias of ${type}`);
  const qparams = productQParams(px, pw);
  const channels = typeof qparams.scale === 'number' ? undefined : qparams.scale.length;
  const dims = tensor?.dims ?? [];
  // A bias may have dimensions of 1 before its channels; scales per channel stand on one axis
  if (tensor !== undefined && channels !== undefined && dims.length !== 1) {
    const flat = new Tensor<DataType>('int32', tensor.data as Int32Array, [tensor.size]);
    return graph.dequantize(graph.initializer(name, flat), qparams);
  }
  return graph.dequantize(graph.stored(name), qparams);
}

/** Of a sum of products: one scale per channel of the weights, each rounded to float32. */
function productQParams(x: QParams, w: QParams): QParams {
  const input = x.scale as number;
  if (typeof w.scale === 'number') return { dtype: 'int32', scale: Math.fround(input * w.scale), zeroPoint: 0 };
  return { dtype: 'int32', scale: w.scale.map((scale) => input * scale), zeroPoint: 0, axis: 0 };
}
