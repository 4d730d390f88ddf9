/**
 * PlanarDepthwiseConv2D: x[N, C, H, W], w[1, KH, KW, C], bias[C]? -> y[N, C, OH, OW]
 *
 * DepthwiseConv2D of 8-bit values with constant weights, on tensors whose channels come first.
 */

import { Tensor } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { affine, caseGraph, legacyWeights } from './cases.js';
import { depthwiseConv2d } from './depthwise-conv2d.js';
import {
  defineOp,
  expectRank,
  expectType,
  type NodeContext,
  nodeError,
  type OpCase,
  type Operand,
  requiredInput,
} from './op.js';
import { inputData, outputTensor, type StoredType } from './storage.js';
import { permuted } from './strided-copy.js';

const toPixels = [0, 2, 3, 1];
const toPlanes = [0, 3, 1, 2];

const reordered = (dims: readonly number[], perm: readonly number[]) => perm.map((axis) => dims[axis]!);

export const planarDepthwise = defineOp<unknown>({
  name: 'PlanarDepthwiseConv2D',
  inputs: [2, 3],
  outputs: [1, 1],
  parse: (attributes) => depthwiseConv2d.parse(attributes),
  infer(context) {
    const [{ type, dims }] = depthwiseConv2d.infer(inPixels(context)) as [{ type: StoredType; dims: readonly number[] }];
    const [x, w] = [requiredInput(context, 0), requiredInput(context, 1)];
    expectType(context, x, ['int8', 'uint8']);
    if (w.dims[3] !== x.dims[1]) {
      throw nodeError('ERR_SHAPE', context.node, `expected weights of ${x.dims[1]} channels, got ${w.dims[3]}`);
    }
    return [{ type, dims: reordered(dims, toPlanes) }];
  },
  run(context) {
    const { type, dims } = requiredInput(context, 0);
    const x = permuted(type, inputData(context, 0), dims, toPixels);
    const [output] = context.outputs as readonly [Operand];
    const pixels = { ...output, dims: reordered(output.dims, toPixels) };
    const [y] = depthwiseConv2d.run({
      ...inPixels(context),
      data: [new Tensor(type as 'int8', x as Int8Array, reordered(dims, toPixels)), ...context.data.slice(1)],
      outputs: [pixels],
    });
    return [outputTensor(context, 0, permuted(output.type, y!.data as TypedArray, pixels.dims, toPlanes))];
  },
  cases,
});

/** The node on an input whose channels come last. */
export function inPixels<C extends NodeContext<unknown>>(context: C): C {
  const x = requiredInput(context, 0);
  expectRank(context, x, 4);
  return { ...context, inputs: [{ ...x, dims: reordered(x.dims, toPixels) }, ...context.inputs.slice(1)] };
}

function* cases(): Iterable<OpCase> {
  const op = 'PlanarDepthwiseConv2D';
  for (const [dims, kernel, size, attributes] of [
    [[1, 5, 6, 7], [3, 3], [6, 7], { padding: 'same' }],
    [[2, 24, 9, 5], [3, 3], [5, 3], { padding: 'same', strides: [2, 2], activation: 'relu' }],
    [[1, 80, 11, 6], [5, 5], [11, 6], { padding: 'same' }],
    [[1, 96, 7, 13], [3, 3], [5, 11], {}],
    [[1, 130, 6, 9], [3, 2], [4, 8], { dilations: [1, 1], activation: 'relu6' }],
    [[2, 32, 8, 10], [3, 3], [4, 8], { dilations: [2, 1] }],
    [[1, 16, 3, 4], [3, 3], [9, 6], { pads: [4, 2, 4, 2] }],
    // Small ones: one row of outputs or several in a vector, blocks of them, planes that end in the middle of one
    [[1, 5, 14, 14], [3, 3], [14, 14], { padding: 'same', activation: 'relu6' }],
    [[2, 67, 7, 7], [3, 3], [7, 7], { padding: 'same' }],
    [[1, 9, 31, 32], [3, 3], [16, 16], { padding: 'same', strides: [2, 2] }],
    [[1, 40, 4, 5], [3, 4], [4, 4], { pads: [1, 2, 1, 0] }],
    [[1, 33, 14, 9], [3, 2], [14, 3], { pads: [0, 0, 2, 0], strides: [1, 3] }],
    [[3, 7, 1, 2], [3, 3], [1, 2], { padding: 'same' }],
    [[1, 3, 30, 30], [3, 3], [10, 15], { pads: [1, 0, 0, 1], strides: [3, 2] }],
    // Planes large enough for a kernel of their own: rows of less than a vector, of one, of more; every step and padding
    [[1, 5, 21, 22], [3, 3], [21, 22], { padding: 'same' }],
    [[2, 2, 24, 64], [3, 3], [22, 62], {}],
    [[1, 3, 13, 70], [5, 5], [13, 70], { padding: 'same', activation: 'relu6' }],
    [[1, 3, 47, 41], [3, 3], [24, 21], { padding: 'same', strides: [2, 2] }],
    [[1, 2, 70, 129], [4, 7], [23, 64], { pads: [0, 3, 2, 1], strides: [3, 2] }],
    [[1, 2, 30, 33], [3, 2], [30, 34], { pads: [4, 2, 0, 0], dilations: [2, 1] }],
    [[1, 2, 6, 20], [3, 3], [20, 27], { pads: [9, 5, 7, 4] }],
    // Several bands of rows
    [[1, 64, 70, 40], [3, 3], [70, 40], { padding: 'same' }],
    [[1, 48, 141, 40], [5, 5], [71, 20], { padding: 'same', strides: [2, 2] }],
  ] as const) {
    const channels = dims[1];
    const y = [dims[0], channels, ...size];
    const scale = Float32Array.from({ length: channels }, (_, i) => 0.003 + 0.0005 * (i % 40));
    const bias = { type: 'int32', dims: [channels], constant: true } as const;
    const int8 = { type: 'int8', dims, qparams: affine('int8', 0.047, 4) } as const;
    const perChannel = {
      type: 'int8',
      dims: [1, ...kernel, channels],
      constant: true,
      qparams: { dtype: 'int8', scale, zeroPoint: 0, axis: 3 },
    } as const;
    const out = { type: 'int8', dims: y, qparams: affine('int8', 0.031, -100) } as const;
    for (const numerics of ['onnx', 'tflite'] as const) {
      yield caseGraph({ op, attributes, inputs: [int8, perChannel, bias], outputs: [out], numerics });
    }
    const uint8 = { type: 'uint8', dims, qparams: affine('uint8', 0.0235, 9) } as const;
    const outUint8 = { type: 'uint8', dims: y, qparams: affine('uint8', 0.01, 100) } as const;
    yield caseGraph({ op, attributes, inputs: [uint8, legacyWeights([1, ...kernel, channels])], outputs: [outUint8] });
  }
}
