/**
 * DepthToSpace: x[N,H,W,b·b·C] -> [N, H·b, W·b, C]; the inverse of SpaceToDepth:
 * y[n, i·b + di, j·b + dj, c] = x[n, i, j, (di·b + dj)·C + c], or x[n, i, j, (c·b + di)·b + dj] where `order` is `CRD`.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectRank, expectType, nodeError, requiredInput } from './op.js';
import { shapeText } from './shapes.js';
import { inputData, outputTensor, storedTypes } from './storage.js';
import { permuted } from './strided-copy.js';

export interface DepthToSpaceAttributes {
  readonly block: number;
  /** What the channels of x are, from the outside in: depth, column, row, as ONNX calls b·b·C, or column, row, depth. */
  readonly order: 'DCR' | 'CRD';
}

export const depthToSpace = defineOp<DepthToSpaceAttributes>({
  name: 'DepthToSpace',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: (attributes) => ({
    block: attributes.integer('block', 1, 65536),
    order: attributes.oneOf('order', ['DCR', 'CRD'], 'DCR'),
  }),
  infer(context) {
    const { node, attributes } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, storedTypes);
    expectRank(context, x, 4);
    const [n, h, w, depth] = x.dims as [number, number, number, number];
    const b = attributes.block;
    if (depth % (b * b) !== 0) {
      throw nodeError('ERR_SHAPE', node, `expected channels in a multiple of ${b * b}, got ${shapeText(x.dims)}`);
    }
    return [{ type: x.type, dims: [n, h * b, w * b, depth / (b * b)] }];
  },
  run(context) {
    const x = requiredInput(context, 0);
    const { dims, perm } = depthToSpaceMove(x.dims, context.attributes);
    const data = permuted(x.type, inputData(context, 0), dims, perm);
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    for (const type of ['float32', 'int8', 'int64'] as const) {
      const make = (block: number, from: readonly number[], dims: readonly number[]) =>
        caseGraph({ op: 'DepthToSpace', attributes: { block }, inputs: [{ type, dims: from }], outputs: [{ type, dims }] });
      yield make(2, [2, 2, 3, 12], [2, 4, 6, 3]);
      yield make(3, [1, 1, 2, 9], [1, 3, 6, 1]);
      yield caseGraph({
        op: 'DepthToSpace',
        attributes: { block: 2, order: 'CRD' },
        inputs: [{ type, dims: [2, 2, 3, 12] }],
        outputs: [{ type, dims: [2, 4, 6, 3] }],
      });
    }
  },
});

/** As a transposition of x in the shape `dims`. */
export function depthToSpaceMove(
  from: readonly number[],
  { block: b, order }: DepthToSpaceAttributes,
): { readonly dims: readonly number[]; readonly perm: readonly number[] } {
  const [n, h, w, depth] = from as [number, number, number, number];
  const c = depth / (b * b);
  if (order === 'CRD') return { dims: [n, h, w, c, b, b], perm: [0, 1, 4, 2, 5, 3] };
  return { dims: [n, h, w, b, b, c], perm: [0, 1, 3, 2, 4, 5] };
}
