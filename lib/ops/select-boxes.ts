/**
 * NonMaxSuppression: boxes[B, N, 4] and scores[B, C, N] in float32 -> [n, 3] of int64, [batch, class, box] of the boxes that are kept: of
 * each batch and class, from the best score down, those that no box kept before overlaps by more than a threshold. Scalars, absent or
 * constant: how many to keep of each class (int64, 0), the threshold of intersection over union (float32, 0), and the score that a
 * box has to be above. How many boxes are kept depends on data: all inputs have to be constant.
 *
 * A box is [y1, x1, y2, x2], any two opposite corners, or with `centers` [x center, y center, width, height].
 */
import { caseGraph } from './cases.js';
import { suppressNonMaxima } from './non-max-suppression.js';
import { defineOp, expectRank, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, product, shapeText } from './shapes.js';
import { constantData, outputTensor, type StoredType } from './storage.js';

export interface NonMaxSuppressionAttributes {
  readonly centers: boolean;
}

export const nonMaxSuppression = defineOp<NonMaxSuppressionAttributes>({
  name: 'NonMaxSuppression',
  inputs: [2, 5],
  outputs: [1, 1],
  parse: (attributes) => ({ centers: attributes.boolean('centers', false) }),
  infer(context) {
    const boxes = requiredInput(context, 0);
    const scores = requiredInput(context, 1);
    for (const operand of [boxes, scores]) {
      expectType(context, operand, ['float32']);
      expectRank(context, operand, 3);
      checkedSize(context.node, operand.dims);
    }
    const [batches, count, corners] = boxes.dims as [number, number, number];
    if (corners !== 4 || scores.dims[0] !== batches || scores.dims[2] !== count) {
      const message = `expected boxes [B, N, 4] and scores [B, C, N], got ${shapeText(boxes.dims)} and ${shapeText(scores.dims)}`;
      throw nodeError('ERR_SHAPE', context.node, message);
    }
    return [{ type: 'int64', dims: [keptBoxes(context).length, 3] }];
  },
  run: (context) => [outputTensor(context, 0, BigInt64Array.from(keptBoxes(context).flat(), BigInt))],
  *cases() {
    const corners = [0, 0, 1, 1, 0, 0.1, 1, 1.1, 1, 0.9, 0, -0.1, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101];
    const centers = [0.5, 0.5, 1, 1, 0.5, 0.6, 1, 1, 0.5, 0.4, 1, 1, 0.5, 10.5, 1, 1, 0.5, 10.6, 1, 1, 0.5, 100.5, 1, 1];
    const scores = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];
    const make = (boxes: readonly number[], max: number, iou: number, score: number | undefined, kept: number) =>
      caseGraph({
        op: 'NonMaxSuppression',
        attributes: { centers: boxes === centers },
        inputs: [
          { type: 'float32', dims: [1, 6, 4], constant: boxes },
          { type: 'float32', dims: [1, 2, 6], constant: [...scores, ...scores.toReversed()] },
          { type: 'int64', dims: [1], constant: [max] },
          { type: 'float32', dims: [], constant: [iou] },
          score === undefined ? undefined : { type: 'float32', dims: [], constant: [score] },
        ],
        outputs: [{ type: 'int64', dims: [kept, 3] }],
        name: `NonMaxSuppression ${boxes === centers ? 'centers' : 'corners'} ${max} ${iou} ${score}`,
      });
    yield make(corners, 3, 0.5, 0, 6);
    yield make(corners, 2, 0.5, undefined, 4);
    yield make(corners, 9, 0.5, 0.4, 5);
    yield make(corners, 0, 0.5, 0, 0);
    yield make(centers, 3, 0.5, 0.3, 5);
    yield make(centers, 9, 0.9, undefined, 12);
  },
});

function keptBoxes(context: NodeContext<NonMaxSuppressionAttributes>): readonly (readonly [number, number, number])[] {
  const [batches, classes, count] = requiredInput(context, 1).dims as [number, number, number];
  const boxes = lowerCornersFirst(context);
  const scores = constantData(context, requiredInput(context, 1)) as Float32Array;
  const maxBoxes = scalar(context, 2, 'int64') ?? 0;
  const iouThreshold = scalar(context, 3, 'float32') ?? 0;
  const scoreThreshold = scalar(context, 4, 'float32') ?? -Infinity;
  const kept: [number, number, number][] = [];
  if (scores.length === 0) return kept;
  for (let batch = 0; batch < batches; batch++) {
    for (let k = 0; k < classes; k++) {
      const begin = (batch * classes + k) * count;
      // A NaN is never enough
      const above = scores.slice(begin, begin + count).map((score) => (score > scoreThreshold ? score : NaN));
      const own = boxes.subarray(4 * batch * count, 4 * (batch + 1) * count);
      const options = { scoreThreshold: -Infinity, iouThreshold, maxBoxes };
      for (const box of suppressNonMaxima(own, above, options)) kept.push([batch, k, box]);
    }
  }
  return kept;
}

/** [ymin, xmin, ymax, xmax] of each box. */
function lowerCornersFirst(context: NodeContext<NonMaxSuppressionAttributes>): Float32Array {
  const { max, min } = Math;
  const boxes = constantData(context, requiredInput(context, 0)) as Float32Array;
  const result = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const [a, b, c, d] = boxes.subarray(i, i + 4) as unknown as readonly [number, number, number, number];
    const corners = context.attributes.centers
      ? [b - d / 2, a - c / 2, b + d / 2, a + c / 2]
      : [min(a, c), min(b, d), max(a, c), max(b, d)];
    result.set(corners, i);
  }
  return result;
}

function scalar(context: NodeContext<NonMaxSuppressionAttributes>, index: number, type: StoredType): number | undefined {
  const operand = context.inputs[index];
  if (operand === undefined) return undefined;
  expectType(context, operand, [type]);
  if (product(operand.dims) !== 1) {
    throw nodeError(
      'ERR_SHAPE',
      context.node,
      `expected one element for ${operand.name}, got shape ${shapeText(operand.dims)}`,
    );
  }
  return Number(constantData(context, operand)[0]);
}
