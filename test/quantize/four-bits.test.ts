/** Weights of 4 bits in files: half a byte each, the same bits when they are loaded, and what ONNX Runtime computes with them. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { InferenceSession, loadModel, type QuantizeOptions, quantize, saveModel, Tensor } from 'octensor';
import { exportOnnx } from '#lib/formats/onnx/export.js';
import { ModelProtoSchema, TensorProto_DataType as OnnxType } from '#lib/formats/onnx/schema/onnx_pb.js';
import type { Graph } from '#lib/graph/graph.js';
import { caseGraph } from '#lib/ops/cases.js';
import { normals } from '../support/normals.js';

const [channels, depth] = [64, 200];
const folder = mkdtempSync(join(tmpdir(), 'octensor-four-bits-'));
const weights = normals(channels * depth, 1);
const x = new Tensor('float32', normals(3 * depth, 2), [3, depth]);

/** x [3, 200] times a matrix, in each of the orders that it may have. */
function product(transposeB: boolean): Graph {
  const w = { type: 'float32', dims: transposeB ? [channels, depth] : [depth, channels], constant: [...weights] } as const;
  return caseGraph({
    op: 'MatMul',
    attributes: { transposeB },
    inputs: [{ type: 'float32', dims: [3, depth] }, w],
    outputs: [{ type: 'float32', dims: [3, channels] }],
  }).graph;
}

/** A convolution of 8 x 8 pixels, 16 channels to 32: weights whose matrix is a Reshape away. */
function convolution(): Graph {
  const window = { stride: [1, 1], dilation: [1, 1], padding: 'same' };
  return caseGraph({
    op: 'Conv2D',
    attributes: window,
    inputs: [
      { type: 'float32', dims: [1, 8, 8, 16] },
      { type: 'float32', dims: [32, 3, 3, 16], constant: [...normals(32 * 3 * 3 * 16, 3)] },
    ],
    outputs: [{ type: 'float32', dims: [1, 8, 8, 32] }],
  }).graph;
}

async function outputOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Float32Array> {
  const session = await InferenceSession.create(graph);
  const results = await session.run(feeds);
  await session.release();
  return results[graph.outputs[0]!]!.data as Float32Array;
}

const typesOf = (bytes: Uint8Array) =>
  fromBinary(ModelProtoSchema, bytes).graph!.initializer.map(({ dataType, rawData }) => [dataType, rawData.length] as const);

const choices = {
  'per channel': {},
  'per tensor': { granularity: 'per-tensor' },
  'buckets of 16': { granularity: { bucket: 16 } },
  'buckets of 24, the last one shorter': { granularity: { bucket: 24 } },
  'affine buckets': { granularity: { bucket: 32 }, symmetric: false },
  'affine buckets without sign': { granularity: { bucket: 32 }, symmetric: false, dtype: 'uint8' },
  'without sign': { dtype: 'uint8' },
} as const satisfies Record<string, QuantizeOptions['weights']>;

const models = {
  'a product': product(false),
  'a product with a transposed matrix': product(true),
  'a convolution': convolution(),
};

for (const [model, graph] of Object.entries(models)) {
  for (const [title, options] of Object.entries(choices)) {
    test(`${model}, ${title}: half a byte for each weight, and the same bits from the file`, async (t) => {
      const quantized = await quantize(graph, { mode: 'weights', weights: { bits: 4, ...options } });
      const path = join(folder, `${model} ${title}.onnx`);
      await saveModel(quantized.graph, path);
      const bytes = readFileSync(path);
      const count = graph.constants.values().next().value!.size;
      const type = 'dtype' in options ? OnnxType.UINT4 : OnnxType.INT4;
      const types = typesOf(bytes);
      t.true(types.some(([own, length]) => own === type && length === Math.ceil(count / 2)));
      t.false(types.some(([own]) => own === OnnxType.INT8 || own === OnnxType.UINT8));
      const loaded = await loadModel(path);
      const [name] = graph.inputs as readonly [string];
      const dims = graph.values.get(name)!.dims as readonly number[];
      const feeds = { [name]: dims[0] === 3 ? x : new Tensor('float32', normals(8 * 8 * 16, 4), dims) };
      t.deepEqual(await outputOf(loaded, { [loaded.inputs[0]!]: feeds[name]! }), await outputOf(quantized.graph, feeds));
      // Written again, nothing is lost; a convolution's are another layout's by then
      if (model === 'a convolution') return;
      t.deepEqual(
        typesOf(exportOnnx(loaded)).toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
        types.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
      );
    });
  }
}

test('8 bits, and integers that fit 4 only because they are few, stay bytes', async (t) => {
  const eight = await quantize(product(false), { mode: 'weights' });
  t.true(typesOf(exportOnnx(eight.graph)).some(([type]) => type === OnnxType.INT8));
  const op = 'DequantizeLinear';
  const small = (codes: readonly number[], zero: number): Graph =>
    caseGraph({
      op,
      inputs: [
        { type: 'int8', dims: [4], constant: codes },
        { type: 'float32', dims: [1], constant: [0.5] },
        { type: 'int8', dims: [1], constant: [zero] },
      ],
      outputs: [{ type: 'float32', dims: [4] }],
    }).graph;
  const isPacked = (graph: Graph) => typesOf(exportOnnx(graph)).some(([type]) => type === OnnxType.INT4);
  t.true(isPacked(small([-7, 7, 0, 1], 0)));
  t.false(isPacked(small([-1, 3, 0, 1], 0)));
  t.false(isPacked(small([-7, 8, 0, 1], 0)));
  t.false(isPacked(small([-9, 7, 0, 1], 0)));
  t.false(isPacked(small([-7, 7, 0, 1], 8)));
});

interface Peer {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => unknown;
  readonly InferenceSession: {
    create(
      path: string,
      options: object,
    ): Promise<{
      run(feeds: Record<string, unknown>): Promise<Record<string, { readonly data: Float32Array }>>;
      release(): Promise<void>;
    }>;
  };
}

function findPeer(): Peer | undefined {
  try {
    return createRequire(import.meta.url)('onnxruntime-node') as Peer;
  } catch {
    return undefined;
  }
}

/** By default it quantizes activations of such products too; then to 8 bits a row. */
const exact = { logSeverityLevel: 3, extra: { session: { qdq_matmulnbits_accuracy_level: '0' } } };

for (const [title, options] of Object.entries(choices)) {
  test.serial(`${title}: ONNX Runtime computes what we do`, async (t) => {
    const peer = findPeer();
    if (peer === undefined) {
      t.log('skipped: onnxruntime-node is not installed');
      t.pass();
      return;
    }
    const { graph } = await quantize(product(false), { mode: 'weights', weights: { bits: 4, ...options } });
    const path = join(folder, `peer ${title}.onnx`);
    await saveModel(graph, path);
    const expected = await outputOf(graph, { [graph.inputs[0]!]: x });
    const largest = expected.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
    for (const [settings, bound] of [
      [exact, 1e-5],
      [{ logSeverityLevel: 3 }, 0.02],
    ] as const) {
      const session = await peer.InferenceSession.create(path, settings);
      const results = await session.run({ [graph.inputs[0]!]: new peer.Tensor('float32', x.data, x.dims) });
      await session.release();
      const { data } = Object.values(results)[0]!;
      const worst = expected.reduce((most, y, i) => Math.max(most, Math.abs(y - data[i]!)), 0);
      t.true(worst <= bound * largest, `${worst} of ${largest}`);
    }
  });
}
