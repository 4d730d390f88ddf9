import test, { type ExecutionContext } from 'ava';
import { batchToSpaceNd } from '#lib/ops/batch-to-space-nd.js';
import { broadcastTo } from '#lib/ops/broadcast-to.js';
import { affine, type CaseInput, type CaseOptions, caseGraph } from '#lib/ops/cases.js';
import { concat } from '#lib/ops/concat.js';
import { depthToSpace } from '#lib/ops/depth-to-space.js';
import { expandDims } from '#lib/ops/expand-dims.js';
import { fill } from '#lib/ops/fill.js';
import type { Op } from '#lib/ops/op.js';
import { pack } from '#lib/ops/pack.js';
import { pad } from '#lib/ops/pad.js';
import { reshape } from '#lib/ops/reshape.js';
import { shape } from '#lib/ops/shape.js';
import { broadcast, broadcastStrides, checkedSize, normalizeAxis, strides } from '#lib/ops/shapes.js';
import { slice } from '#lib/ops/slice.js';
import { spaceToBatchNd } from '#lib/ops/space-to-batch-nd.js';
import { spaceToDepth } from '#lib/ops/space-to-depth.js';
import { split } from '#lib/ops/split.js';
import { squeeze } from '#lib/ops/squeeze.js';
import { stridedSlice } from '#lib/ops/strided-slice.js';
import { tile } from '#lib/ops/tile.js';
import { transpose } from '#lib/ops/transpose.js';
import { unpack } from '#lib/ops/unpack.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

const node = { name: 'here', op: 'Any', attributes: {}, inputs: [], outputs: [] };
const count = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
/** 0, 1, 2, ... */
const iota = (dims: readonly number[], type: CaseInput['type'] = 'int32', first = 0): CaseInput => {
  return { type, dims, data: Array.from({ length: count(dims) }, (_, i) => first + i) };
};

type Attributes = NonNullable<CaseOptions['attributes']>;

function outcome(t: ExecutionContext, op: Op, attributes: Attributes, inputs: readonly CaseInput[], dims: readonly number[]) {
  const outputs = [{ type: inputs[0]!.type, dims }];
  return elements(runCase(t, op, caseGraph({ op: op.name, attributes, inputs, outputs })))[0]!;
}

function refuses(t: ExecutionContext, op: Op, attributes: Attributes, inputs: readonly CaseInput[], ...texts: string[]) {
  const opCase = caseGraph({ op: op.name, attributes, inputs, outputs: [{ type: 'int32', dims: [1] }] });
  throwsCode(t, () => runCase(t, op, opCase), 'ERR_SHAPE', `"${op.name}"`, ...texts);
}

const all = [
  ...[batchToSpaceNd, broadcastTo, concat, depthToSpace, expandDims, fill, pack, pad, reshape, shape, slice, spaceToBatchNd],
  ...[spaceToDepth, split, squeeze, stridedSlice, tile, transpose, unpack],
];

for (const op of all) {
  test(`${op.name}: cases have the declared shapes and leave their inputs alone`, (t) => {
    for (const opCase of op.cases()) {
      const before = structuredClone(Object.values(opCase.feeds).map(({ data }) => data));
      runCase(t, op, opCase);
      t.deepEqual(
        Object.values(opCase.feeds).map(({ data }) => data),
        before,
      );
    }
  });
}

test('sizes are bounded, and dimensions of 0 hide nothing', (t) => {
  t.is(checkedSize(node, [2, 3, 4]), 24);
  t.is(checkedSize(node, []), 1);
  t.is(checkedSize(node, [2 ** 31 - 1]), 2 ** 31 - 1);
  t.is(checkedSize(node, [0, 5]), 0);
  for (const dims of [[2 ** 31], [65536, 32768], [0, 2 ** 40], [-1], [1.5], [NaN], [2 ** 60, 2 ** 60]]) {
    throwsCode(t, () => checkedSize(node, dims), 'ERR_SHAPE', '"here"');
  }
});

test('shapes broadcast from the last dimension', (t) => {
  t.deepEqual(broadcast(node, [2, 1, 3], [4, 1]), [2, 4, 3]);
  t.deepEqual(broadcast(node, [], [2]), [2]);
  t.deepEqual(broadcast(node, [1, 0], [3, 1]), [3, 0]);
  throwsCode(t, () => broadcast(node, [2, 3], [2]), 'ERR_SHAPE', '[2, 3] and [2]');
  throwsCode(t, () => broadcast(node, [65536, 1], [65536]), 'ERR_SHAPE', '[65536, 65536]');
  t.deepEqual(strides([2, 3, 4]), [12, 4, 1]);
  t.deepEqual(broadcastStrides([3, 1], [2, 3, 4]), [0, 1, 0]);
});

test('axes count from the end below 0', (t) => {
  t.is(normalizeAxis({ node }, -1, 3), 2);
  t.is(normalizeAxis({ node }, 2, 3), 2);
  for (const axis of [3, -4, 0.5]) throwsCode(t, () => normalizeAxis({ node }, axis, 3), 'ERR_SHAPE', '3 dimensions');
  throwsCode(t, () => normalizeAxis({ node }, 0, 0), 'ERR_SHAPE');
});

test('Concat and Split are inverse', (t) => {
  const joined = outcome(t, concat, { axis: 1 }, [iota([2, 1]), iota([2, 2], 'int32', 10)], [2, 3]);
  t.deepEqual(joined, [0, 10, 11, 1, 12, 13]);
  const outputs = [1, 2].map((size) => ({ type: 'int64' as const, dims: [2, size] }));
  const parts = caseGraph({ op: 'Split', attributes: { axis: 1, sizes: [1, -1] }, inputs: [iota([2, 3], 'int64')], outputs });
  t.deepEqual(elements(runCase(t, split, parts)), [
    [0, 3],
    [1, 2, 4, 5],
  ]);
  refuses(t, concat, { axis: 1 }, [iota([2, 1]), iota([3, 1])], '[3, 1]');
  refuses(t, concat, { axis: 0 }, [iota([2]), iota([2, 1])]);
  refuses(t, split, { axis: 0, sizes: [3] }, [iota([2])], 'make up 2');
  refuses(t, split, { axis: 0, sizes: [1, 1] }, [iota([2])]);
});

test('Concat rescales what has other parameters than the output', (t) => {
  const run = (numerics: 'tflite' | 'onnx') => {
    const inputs = [
      { type: 'uint8', dims: [2], data: [0, 255], qparams: affine('uint8', 0.5, 0) },
      // Real values 0.75 and -0.75 are 1.5 and -1.5 steps of the output.
      { type: 'uint8', dims: [4], data: [13, 7, 255, 10], qparams: affine('uint8', 0.25, 10) },
    ] as const;
    const outputs = [{ type: 'uint8', dims: [6], qparams: affine('uint8', 0.5, 2) }] as const;
    return elements(runCase(t, concat, caseGraph({ op: 'Concat', attributes: { axis: 0 }, inputs, outputs, numerics })))[0];
  };
  t.deepEqual(run('tflite'), [2, 255, 4, 0, 125, 2]); // 122.5 rounds to 123
  t.deepEqual(run('onnx'), [2, 255, 4, 0, 124, 2]); // 122.5 rounds to 122
});

test('Pack and Unpack are inverse', (t) => {
  t.deepEqual(outcome(t, pack, { axis: 1 }, [iota([2]), iota([2], 'int32', 10)], [2, 2]), [0, 10, 1, 11]);
  const outputs = [0, 1].map(() => ({ type: 'int32' as const, dims: [2] }));
  const parts = caseGraph({ op: 'Unpack', attributes: { axis: 1 }, inputs: [iota([2, 2])], outputs });
  t.deepEqual(elements(runCase(t, unpack, parts)), [
    [0, 2],
    [1, 3],
  ]);
  refuses(t, pack, { axis: 0 }, [iota([2]), iota([3])], '[3]');
  refuses(t, unpack, { axis: 0 }, [iota([2])], 'expected 2 outputs');
});

test('Pad surrounds with a value, or mirrors', (t) => {
  t.deepEqual(outcome(t, pad, { pads: [1, 2], value: 9 }, [iota([3])], [6]), [9, 0, 1, 2, 9, 9]);
  t.deepEqual(outcome(t, pad, { pads: [2, 2], mode: 'reflect' }, [iota([3])], [7]), [2, 1, 0, 1, 2, 1, 0]);
  t.deepEqual(outcome(t, pad, { pads: [2, 2], mode: 'symmetric' }, [iota([3])], [7]), [1, 0, 0, 1, 2, 2, 1]);
  const corners = outcome(t, pad, { pads: [1, 0, 0, 1], mode: 'reflect' }, [iota([2, 2])], [3, 3]);
  t.deepEqual(corners, [2, 3, 2, 0, 1, 0, 2, 3, 2]);
  const qparams = affine('int8', 0.5, -3);
  const quantized = caseGraph({
    op: 'Pad',
    attributes: { pads: [1, 0], value: 1.25 },
    inputs: [{ type: 'int8', dims: [1], data: [7], qparams }],
    outputs: [{ type: 'int8', dims: [2], qparams }],
  });
  t.deepEqual(elements(runCase(t, pad, quantized)), [[0, 7]]); // 2.5 steps, away from zero, + zero point
  refuses(t, pad, { pads: [1] }, [iota([3])], 'expected 2 pads');
  refuses(t, pad, { pads: [3, 0], mode: 'reflect' }, [iota([3])], '[2]');
  refuses(t, pad, { pads: [2 ** 31 - 1, 0] }, [iota([3])], '2^31');
});

test('Reshape completes one dimension', (t) => {
  t.deepEqual(outcome(t, reshape, { shape: [3, -1] }, [iota([2, 3])], [3, 2]), [0, 1, 2, 3, 4, 5]);
  const constant = { type: 'int64', dims: [1], constant: [6] } as const;
  t.deepEqual(outcome(t, reshape, {}, [iota([2, 3]), constant], [6]), [0, 1, 2, 3, 4, 5]);
  for (const dims of [[4], [-1, -1], [4, -1], [0, -1], []]) refuses(t, reshape, { shape: dims }, [iota([2, 3])]);
  const computed = caseGraph({ op: 'Reshape', inputs: [iota([2]), iota([1])], outputs: [{ type: 'int32', dims: [2] }] });
  throwsCode(t, () => runCase(t, reshape, computed), 'ERR_UNSUPPORTED_OP', 'x1', 'constant');
});

test('Squeeze, ExpandDims, Shape and Fill', (t) => {
  refuses(t, squeeze, { axes: [0] }, [iota([2, 1])], 'axis 0');
  refuses(t, expandDims, { axis: 3 }, [iota([2, 1])]);
  refuses(t, fill, { shape: [2] }, [iota([2])], 'one element');
  refuses(t, fill, { shape: [65536, 65536] }, [iota([])]);
  t.deepEqual(outcome(t, fill, { shape: [3] }, [iota([], 'int64', 7)], [3]), [7, 7, 7]);
  const sizes = caseGraph({ op: 'Shape', inputs: [iota([4, 0], 'float32')], outputs: [{ type: 'int32', dims: [2] }] });
  t.deepEqual(elements(runCase(t, shape, sizes)), [[4, 0]]);
});

test('Transpose permutes', (t) => {
  t.deepEqual(outcome(t, transpose, { perm: [1, 0] }, [iota([2, 3])], [3, 2]), [0, 3, 1, 4, 2, 5]);
  const turned = outcome(t, transpose, { perm: [2, 0, 1] }, [iota([2, 2, 2], 'int64')], [2, 2, 2]);
  t.deepEqual(turned, [0, 2, 4, 6, 1, 3, 5, 7]);
  for (const perm of [[0], [0, 0], [0, 2]]) refuses(t, transpose, { perm }, [iota([2, 3])], 'permutation');
});

test('Slice takes a block', (t) => {
  t.deepEqual(outcome(t, slice, { begin: [1, 0], size: [-1, 2] }, [iota([3, 3])], [2, 2]), [3, 4, 6, 7]);
  for (const [begin, size] of [
    [[0], [1]],
    [
      [4, 0],
      [-1, 1],
    ],
    [
      [2, 0],
      [2, 1],
    ],
  ] as const) {
    refuses(t, slice, { begin, size }, [iota([3, 3])], 'block of [3, 3]');
  }
});

test('StridedSlice follows Python', (t) => {
  const take = (attributes: Attributes, dims: readonly number[]) => outcome(t, stridedSlice, attributes, [iota([2, 3])], dims);
  t.deepEqual(take({ begin: [0, 0], end: [2, 3], strides: [1, 2] }, [2, 2]), [0, 2, 3, 5]);
  t.deepEqual(take({ begin: [0, -1], end: [1, -4], strides: [1, -1] }, [1, 3]), [2, 1, 0]);
  t.deepEqual(take({ begin: [-1], end: [0], strides: [1], shrinkAxisMask: 1 }, [3]), [3, 4, 5]);
  t.deepEqual(take({ begin: [0, 2], end: [0, 9], strides: [1, 1], ellipsisMask: 1 }, [2, 1]), [2, 5]);
  t.deepEqual(take({ begin: [0, 1], end: [0, 2], strides: [1, 1], newAxisMask: 1 }, [1, 1, 3]), [3, 4, 5]);
  t.deepEqual(take({ begin: [1, 1], end: [1, 1], strides: [-1, 1], endMask: 3 }, [2, 2]), [4, 5, 1, 2]);
  t.deepEqual(take({ begin: [5], end: [9], strides: [1] }, [0, 3]), []);
  refuses(t, stridedSlice, { begin: [2], end: [3], strides: [1], shrinkAxisMask: 1 }, [iota([2, 3])], 'got 2');
  refuses(t, stridedSlice, { begin: [0, 0, 0], end: [1, 1, 1], strides: [1, 1, 1] }, [iota([2, 3])], 'at most 2');
  const still = { op: 'StridedSlice', attributes: { begin: [0], end: [1], strides: [0] }, inputs: [iota([2])], outputs: [] };
  throwsCode(t, () => runCase(t, stridedSlice, caseGraph(still)), 'ERR_MODEL_FORMAT', 'strides');
});

test('Tile and BroadcastTo repeat', (t) => {
  t.deepEqual(outcome(t, tile, { multiples: [2, 2] }, [iota([1, 2])], [2, 4]), [0, 1, 0, 1, 0, 1, 0, 1]);
  t.deepEqual(outcome(t, broadcastTo, { shape: [2, 2] }, [iota([2, 1], 'int64')], [2, 2]), [0, 0, 1, 1]);
  refuses(t, tile, { multiples: [2] }, [iota([1, 2])]);
  refuses(t, tile, { multiples: [2 ** 31 - 1, 2] }, [iota([1, 2])], '2^31');
  refuses(t, broadcastTo, { shape: [2] }, [iota([2, 2])]);
  refuses(t, broadcastTo, { shape: [3] }, [iota([2])]);
});

test('space moves to depth and to the batch, and back', (t) => {
  const image = iota([1, 2, 4, 1]);
  const deep = [0, 1, 4, 5, 2, 3, 6, 7];
  t.deepEqual(outcome(t, spaceToDepth, { block: 2 }, [image], [1, 1, 2, 4]), deep);
  t.deepEqual(outcome(t, depthToSpace, { block: 2 }, [{ ...iota([1, 1, 2, 4]), data: deep }], [1, 2, 4, 1]), image.data);
  const batches = [0, 2, 1, 3, 4, 6, 5, 7];
  t.deepEqual(outcome(t, spaceToBatchNd, { block: [2, 2] }, [image], [4, 1, 2, 1]), batches);
  const back = { ...iota([4, 1, 2, 1]), data: batches };
  t.deepEqual(outcome(t, batchToSpaceNd, { block: [2, 2] }, [back], [1, 2, 4, 1]), image.data);
  t.deepEqual(outcome(t, batchToSpaceNd, { block: [2, 2], crops: [0, 1, 1, 2] }, [back], [1, 1, 1, 1]), [1]);
  const qparams = affine('int8', 1, 5);
  const padded = caseGraph({
    op: 'SpaceToBatchNd',
    attributes: { block: [2], pads: [1, 0] },
    inputs: [{ type: 'int8', dims: [1, 3], data: [1, 2, 3], qparams }],
    outputs: [{ type: 'int8', dims: [2, 2], qparams }],
  });
  t.deepEqual(elements(runCase(t, spaceToBatchNd, padded)), [[5, 2, 1, 3]]);
  refuses(t, spaceToDepth, { block: 3 }, [image], 'multiples of 3');
  refuses(t, depthToSpace, { block: 2 }, [image], 'multiple of 4');
  refuses(t, spaceToBatchNd, { block: [3, 2] }, [image]);
  refuses(t, spaceToBatchNd, { block: [65536, 65536], pads: [65534, 0, 65532, 0] }, [image], '2^31');
  refuses(t, batchToSpaceNd, { block: [2, 1] }, [image], 'multiple of 2');
  refuses(t, batchToSpaceNd, { block: [1, 1], crops: [2, 1, 0, 0] }, [image]);
});

test('parameters per channel cannot be joined or padded', (t) => {
  const qparams = { dtype: 'int8', scale: Float32Array.of(1, 2), zeroPoint: 0, axis: 0 } as const;
  const inputs = [{ type: 'int8', dims: [2, 1], qparams }] as const;
  for (const [op, attributes] of [
    [concat, { axis: 0 }],
    [pad, { pads: [0, 0, 0, 0] }],
    [spaceToBatchNd, { block: [1] }],
  ] as const) {
    const opCase = caseGraph({ op: op.name, attributes, inputs, outputs: inputs });
    throwsCode(t, () => runCase(t, op, opCase), 'ERR_QUANTIZATION', 'x0', 'per channel');
  }
});

test('float16 is padded with a float16', (t) => {
  const input = { type: 'float16', dims: [1], data: [2] } as const;
  const bits = outcome(t, pad, { pads: [1, 0], value: 1.5 }, [input], [2]);
  t.deepEqual(bits, [0x3e00, 0x4000]);
});

test('a long list of dimensions is cut in messages', (t) => {
  const dims = new Array<number>(40).fill(2);
  throwsCode(t, () => checkedSize(node, dims), 'ERR_SHAPE', '40 in all');
  throwsCode(t, () => checkedSize(node, new Array<number>(100000).fill(2)), 'ERR_SHAPE', 'got 100000');
});

test('types must agree', (t) => {
  const mixed = caseGraph({
    op: 'Concat',
    attributes: { axis: 0 },
    inputs: [iota([2]), iota([2], 'int8')],
    outputs: [{ type: 'int32', dims: [4] }],
  });
  throwsCode(t, () => runCase(t, concat, mixed), 'ERR_DTYPE', 'x1', 'int8');
  const strings = caseGraph({
    op: 'Shape',
    inputs: [iota([2])],
    outputs: [{ type: 'int32', dims: [1] }],
    attributes: { to: 'int8' },
  });
  throwsCode(t, () => runCase(t, shape, strings), 'ERR_MODEL_FORMAT', 'to', 'int32');
});
