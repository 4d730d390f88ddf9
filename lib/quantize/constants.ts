/** Weights and biases of a graph as the integers that a scheme makes of them. */
import type { Graph } from '../graph/graph.js';
import type { ConstantQuantizer } from '../quant/insert.js';
import type { Scheme } from '../quant/schemes.js';
import { quantizeBias, quantizeWeights, type Rounding, weightLimits, weightParameters, withRoomFor } from '../quant/weights.js';

/** Of constants that are not rounded to the nearest, how they are. */
export type Roundings = ReadonlyMap<string, Rounding>;

export function constantQuantizer(graph: Graph, { weights }: Scheme, roundings: Roundings = new Map()): ConstantQuantizer {
  const dataOf = (name: string) => graph.constants.get(name)!.data as Float32Array;
  return {
    weights(name, axis, room) {
      const { dims } = graph.constants.get(name)!;
      const own = weightParameters(dataOf(name), dims, axis, weights);
      const qparams = room === undefined ? own : withRoomFor(dataOf(room.bias), room.x, own);
      return quantizeWeights(dataOf(name), dims, qparams, weightLimits(weights), roundings.get(name));
    },
    bias: (name, x, qparams) => quantizeBias(dataOf(name), x, qparams),
  };
}
