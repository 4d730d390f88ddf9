/** Scales and zero points that are inputs of a node: where they are constant, they become what our values mean. */
import type { QParams, QuantizedType } from '../../../quant/qparams.js';
import type { Tensor } from '../../../tensor.js';
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

const quantizedTypes: readonly string[] = ['int8', 'uint8', 'int16', 'int32'] satisfies readonly QuantizedType[];

/**
 * Of scale and zero point at two inputs; `type` where there is no zero point. One for each index along `axis`, if they are several.
 * Undefined where they are computed, or something that no value can have.
 */
export function constantQParams(
  node: OnnxNode,
  graph: Lowering,
  [scaleIndex, zeroPointIndex]: readonly [number, number],
  { axis, type }: { readonly axis?: number | undefined; readonly type?: string | undefined } = {},
): QParams | undefined {
  const scale = graph.constantOf(node.required(scaleIndex));
  const zeroPointName = node.input(zeroPointIndex);
  const zeroPoint = graph.constantOf(zeroPointName);
  if (scale?.type !== 'float32' || (zeroPoint === undefined && zeroPointName !== '')) return undefined;
  const dtype = zeroPoint?.type ?? type;
  if (dtype === undefined || !quantizedTypes.includes(dtype) || !areVectors([scale, zeroPoint])) return undefined;
  const scales = scale.data as Float32Array;
  if (!scales.every((value) => value > 0 && value < Infinity)) return undefined;
  const zeroPoints = (zeroPoint?.data as Int32Array | undefined) ?? [0];
  if (scales.length === 1 && zeroPoints.length === 1) {
    return { dtype: dtype as QuantizedType, scale: scales[0]!, zeroPoint: zeroPoints[0]! };
  }
  const isOneEach = [scales, zeroPoints].every(
    ({ length }) => length === 1 || length === Math.max(scales.length, zeroPoints.length),
  );
  if (axis === undefined || !isOneEach) return undefined;
  const oneOrEach = <T>(values: ArrayLike<number>, all: T): T | number => (values.length === 1 ? values[0]! : all);
  const own = { scale: oneOrEach(scales, scales), zeroPoint: oneOrEach(zeroPoints, Int32Array.from(zeroPoints)) };
  return { dtype: dtype as QuantizedType, ...own, axis };
}

/** Vectors, and matrices of one row. */
function areVectors(tensors: readonly (Tensor | undefined)[]): boolean {
  return tensors.every((tensor) => tensor === undefined || tensor.size === 1 || tensor.dims.at(-1) === tensor.size);
}

/** Of a whole tensor, from two neighbouring inputs; ERR_UNSUPPORTED_OP where they are computed or several. */
export function tensorQParams(node: OnnxNode, graph: Lowering, scaleIndex: number): QParams {
  const qparams = constantQParams(node, graph, [scaleIndex, scaleIndex + 1], { type: 'uint8' });
  if (qparams !== undefined) return qparams;
  const names = JSON.stringify([node.required(scaleIndex), node.input(scaleIndex + 1)]);
  throw node.error('ERR_UNSUPPORTED_OP', `expected one constant scale above 0 and zero point in ${names}, got others`);
}

/** The input at `index`, as what the scale and zero point in the inputs after it say that it is. */
export function quantizedInput(node: OnnxNode, graph: Lowering, index: number): string {
  return graph.withQParams(node, node.required(index), tensorQParams(node, graph, index + 1));
}
