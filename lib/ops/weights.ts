/** Quantized weights (one scale and zero point for all, or one per output channel) and the multipliers that scales lead to. */

import type { Node } from '../graph/graph.js';
import type { QParams } from '../quant/qparams.js';
import { type FixedPoint, fixedPointLimit, toFixedPoint } from '../quant/requant.js';
import type { Tensor } from '../tensor.js';
import { type NodeContext, nodeError, type Operand } from './op.js';

export interface WeightLayout {
  /** Output channels. */
  readonly channels: number;
  /** The dimension of the weights that is the output channel: the first or the last one. */
  readonly axis: number;
}

export interface WeightQParams {
  readonly perChannel: boolean;
  /** One per output channel, whether or not they differ. */
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
}

/** ERR_QUANTIZATION where the weights have no parameters, or some that do not go with the output channels. */
export function checkWeights<A>({ node }: NodeContext<A>, w: Operand, { channels, axis }: WeightLayout): QParams {
  const { name, qparams } = w;
  if (qparams === undefined)
    throw nodeError('ERR_QUANTIZATION', node, `expected quantization parameters for ${name}, got none`);
  const { scale, zeroPoint } = qparams;
  const perTensor = typeof scale === 'number' && typeof zeroPoint === 'number';
  const fits = (values: number | ArrayLike<number>) => typeof values === 'number' || values.length === channels;
  if (perTensor || (qparams.axis === axis && fits(scale) && fits(zeroPoint))) return qparams;
  const found = `${typeof scale === 'number' ? 1 : scale.length} scales along axis ${qparams.axis}`;
  throw nodeError('ERR_QUANTIZATION', node, `expected 1 scale for ${name} or ${channels} along axis ${axis}, got ${found}`);
}

/** The same, one for each channel. For a run: shape inference must not allocate what a file merely declares. */
export function weightQParams<A>(context: NodeContext<A>, w: Operand, layout: WeightLayout): WeightQParams {
  const { scale, zeroPoint } = checkWeights(context, w, layout);
  return {
    perChannel: typeof scale !== 'number',
    scales: typeof scale === 'number' ? new Float32Array(layout.channels).fill(scale) : scale,
    zeroPoints: typeof zeroPoint === 'number' ? new Int32Array(layout.channels).fill(zeroPoint) : zeroPoint,
  };
}

/** w - zero point. Differences of two 8-bit numbers need 9 bits, so 16 hold them. */
export function centeredWeights(w: Tensor, zeroPoints: Int32Array, { channels, axis }: WeightLayout): Int16Array {
  const values = w.data as Int8Array | Uint8Array;
  const result = new Int16Array(values.length);
  const inner = axis === 0 ? values.length / channels : 1;
  for (let i = 0, channel = 0; i < values.length; channel = (channel + 1) % channels) {
    const zeroPoint = zeroPoints[channel]!;
    for (const end = i + inner; i < end; i++) result[i] = values[i]! - zeroPoint;
  }
  return result;
}

/** x - zero point; int16 has zero point 0. */
export function centered(x: Tensor, zeroPoint: number): Int16Array {
  const values = x.data as Int8Array | Uint8Array | Int16Array;
  const result = new Int16Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = values[i]! - zeroPoint;
  return result;
}

/** The fixed-point form of a quotient of scales; ERR_QUANTIZATION, naming the node, where it has none. */
export function fixedMultiplier(node: Node, real: number): FixedPoint {
  return toFixedPoint(checkedMultiplier(node, real));
}

export function checkedMultiplier(node: Node, real: number): number {
  if (real > 0 && real < fixedPointLimit) return real;
  throw nodeError('ERR_QUANTIZATION', node, `expected scales whose quotient is above 0 and below 2^30, got ${real}`);
}
