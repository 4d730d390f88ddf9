/**
 * AdaRound (Nagel, Amjad, van Baalen, Louizos and Blankevoort 2020, "Up or Down? Adaptive Rounding for Post-Training
 * Quantization"): each weight is rounded up or down so that what the layer gives changes least, not the weights.
 *
 *     W~ = s·clip(floor(W/s) + h(V)),   h(V) = clip(1.2·sigmoid(V) - 0.1, 0, 1)
 *     minimise over V   E|W·x - W~·x|² + λ·Σ (1 - |2h(V) - 1|^β),   β from 20 down to 2, after 20 % of the steps without λ
 *
 * With d = W~ - W for one output channel and G = E[x·xᵀ] (gram.ts) the first term is dᵀ·G·d, its gradient 2·G·d: a step costs
 * as much for a thousand patches as for a million. With inputs of the quantized network (x) and the float one (x'), E|W·x' -
 * W~·x|² is dᵀ·G·d + 2·dᵀ·r, r = E[x·(x - x')ᵀ]·W, but for what no rounding changes. An activation behind the layer would need
 * the data themselves: the reconstruction here is that of what is before it.
 *
 * Output channels are independent of each other, and so are blocks of G. Each channel's first term is in units of what rounding
 * a weight to the nearest costs on average, so that λ means the same in all layers. What the relaxation gives is then improved
 * by flipping single weights for as long as that helps, and so is rounding to the nearest; the better one is taken. The result
 * is never worse than the nearest.
 */
import { invalid } from '../../errors.js';
import type { QParams } from '../qparams.js';
import type { Rounding } from '../weights.js';
import type { Gram, GramBlock } from './gram.js';
import { groupSize, type Layer } from './layer.js';
import { flipWhileBetter, lossOf } from './rounding-flips.js';
import { relax, rowsAtOnce } from './rounding-relaxation.js';
import { type RoundingRow, rowOf } from './rounding-row.js';

export interface AdaRoundOptions {
  /** Steps of Adam: at most 500, fewer for large layers. 0: flips alone. */
  readonly iterations?: number;
  /**
   * λ: 4, in units of what rounding one weight to the nearest costs on average (the paper's 0.01 is in those of the network).
   */
  readonly regularization?: number;
  /**
   * Part of the mean of G's diagonal that is added to it: 0.01. Directions that a few thousand patches do not show are then not
   * free.
   */
  readonly damping?: number;
}

export interface AdaRounding {
  /** For `quantizeWeights`, with the same weights and parameters. */
  readonly round: Rounding;
  /** Of rounding to the nearest and of `round`, over all channels: dᵀ·G·d + 2·dᵀ·r, without damping. */
  readonly nearestLoss: number;
  readonly loss: number;
}

const defaultIterations = 500;
/** Of one layer: a few seconds. */
const maxProducts = 5e9;
/** Fewer steps than these do not get anywhere. */
const fewIterations = 100;

/**
 * `limits` are the smallest and largest integer, as for `quantizeWeights`; of 8 bits or 4. Deterministic. Throws
 * ERR_QUANTIZATION for parameters that do not fit the layer, or a Gram of another one.
 */
export function adaround(
  layer: Layer,
  qparams: QParams,
  limits: readonly [min: number, max: number],
  gram: Gram,
  { iterations = defaultIterations, regularization = 4, damping = 0.01 }: AdaRoundOptions = {},
): AdaRounding {
  check(layer, qparams, gram);
  const size = groupSize(layer);
  const products = gram.blocks.reduce((sum, block) => sum + size * block.size ** 2, 0);
  const affordable = Math.min(iterations, Math.floor(maxProducts / products));
  const steps = affordable < Math.min(iterations, fewIterations) ? 0 : affordable;
  const isUp = new Uint8Array(layer.weights.length);
  const losses = { nearest: 0, rounded: 0 };
  for (const block of gram.blocks) {
    const moments = damped(block, damping);
    for (let o = block.group * size; o < (block.group + 1) * size; o += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, (block.group + 1) * size - o);
      const rows = Array.from({ length: count }, (_, r) => rowOf(layer, o + r, block, qparams, limits));
      const relaxed = steps > 0 ? relax(rows, moments, { steps, regularization }) : [];
      for (const [r, row] of rows.entries()) {
        const choice = choose(row, block.moments, moments, relaxed[r]);
        losses.nearest += choice.nearest;
        losses.rounded += choice.loss;
        const start = (o + r) * layer.outputStride + block.start * layer.patchStride;
        for (let k = 0; k < block.size; k++) isUp[start + k * layer.patchStride] = choice.isUp[k]!;
      }
    }
  }
  return {
    round: (value, index) => Math.floor(value) + isUp[index]!,
    nearestLoss: losses.nearest,
    loss: losses.rounded,
  };
}

interface Choice {
  readonly isUp: Uint8Array;
  readonly loss: number;
  readonly nearest: number;
}

/** The best of what flips make of the nearest and of the relaxation, or the nearest where damping misled them all. */
function choose(row: RoundingRow, moments: Float32Array, damped: Float32Array, relaxed: Uint8Array | undefined): Choice {
  const isNearest = Uint8Array.from(row.up, (up, k) => (up < -row.down[k]! ? 1 : 0));
  const candidates = [isNearest.slice(), ...(relaxed === undefined ? [] : [relaxed])];
  const found = candidates.map((isUp) => ({ isUp, loss: flipWhileBetter(row, damped, isUp) }));
  const best = found.reduce((a, b) => (b.loss < a.loss ? b : a)).isUp;
  const [loss, nearest] = [lossOf(row, moments, best), lossOf(row, moments, isNearest)];
  return loss < nearest ? { isUp: best, loss, nearest } : { isUp: isNearest, loss: nearest, nearest };
}

function check(layer: Layer, { scale, zeroPoint }: QParams, { blocks, means }: Gram): void {
  const name = `parameters of the weights of node ${layer.node.name}`;
  const covered = blocks.reduce((sum, { size }) => sum + size, 0);
  if (covered !== layer.groups * layer.patch || means.length !== covered) {
    throw invalid(
      'ERR_QUANTIZATION',
      `moments of node ${layer.node.name}`,
      `${layer.groups} x ${layer.patch} elements`,
      covered,
    );
  }
  for (const values of [scale, zeroPoint]) {
    if (typeof values === 'number' || values.length === layer.outputs) continue;
    throw invalid('ERR_QUANTIZATION', name, `one, or one for each of ${layer.outputs} output channels`, values.length);
  }
}

function damped({ moments, size }: GramBlock, damping: number): Float32Array {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += moments[i * size + i]!;
  const result = moments.slice();
  for (let i = 0; i < size; i++) result[i * size + i]! += (damping * trace) / size;
  return result;
}
