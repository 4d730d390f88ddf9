import type { ExecutionContext } from 'ava';
import test from 'ava';
import { Tensor } from 'octensor';
import { loadGraph } from '#lib/model.js';
import { caseGraph } from '#lib/ops/cases.js';
import { dequantizeLinear } from '#lib/ops/dequantize-linear.js';
import { type BucketedWeights, quantizeBuckets } from '#lib/quant/granularity.js';
import { quantizeWeights, weightLimits, weightParameters } from '#lib/quant/weights.js';
import { normals } from '../support/normals.js';
import { encodeOnnxModel } from '../support/onnx-model.js';
import { packBuckets } from '../support/packed-buckets.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

const signed = { symmetric: true, bits: 8, dtype: 'int8' } as const;
const schemes = [
  signed,
  { ...signed, symmetric: false },
  { ...signed, dtype: 'uint8' },
  { ...signed, symmetric: false, dtype: 'uint8' },
] as const;
const all = schemes.flatMap((scheme) => [scheme, { ...scheme, bits: 4 } as const]);

/** What the operator DequantizeLinear makes of them. */
function dequantized(t: ExecutionContext, weights: BucketedWeights): readonly number[] {
  const { dims, axis, blockSize, data, scaleDims, scales, zeroPoints } = weights;
  const type = data instanceof Int8Array ? 'int8' : 'uint8';
  const inputs = [
    { type, dims, data: [...data] },
    { type: 'float32', dims: scaleDims, data: [...scales] },
    { type, dims: scaleDims, data: [...zeroPoints] },
  ] as const;
  const outputs = [{ type: 'float32', dims }] as const;
  return elements(
    runCase(t, dequantizeLinear, caseGraph({ op: 'DequantizeLinear', attributes: { axis, blockSize }, inputs, outputs })),
  )[0]!;
}

for (const options of all) {
  const name = `${options.bits} bits, ${options.dtype}, ${options.symmetric ? 'symmetric' : 'affine'}`;

  test(`${name}: DequantizeLinear gives each weight back within half a step of its bucket`, (t) => {
    for (const [dims, axis] of [
      [[5, 3, 3, 7], 0],
      [[1, 3, 3, 6], 3],
      [[40, 6], 1],
      [[6, 40], 0],
      [[9], 0],
      [[1, 4], 1],
    ] as readonly (readonly [readonly number[], number])[]) {
      const data = normals(
        dims.reduce((size, dim) => size * dim, 1),
        21,
      ).map((x, i) => x * (1 + (i % 13)));
      const weights = quantizeBuckets(data, dims, 16, { ...options, axis });
      const channels = dims[axis]!;
      const inputs = data.length / channels;
      t.deepEqual(
        weights.scaleDims,
        weights.axis === 1 ? [channels, Math.ceil(inputs / 16)] : [Math.ceil(inputs / 16), channels],
      );
      const real = dequantized(t, weights);
      const [low, high] = weightLimits(options);
      for (let i = 0; i < data.length; i++) {
        const [channel, input] =
          weights.axis === 1 ? [Math.floor(i / inputs), i % inputs] : [i % channels, Math.floor(i / channels)];
        const buckets = Math.ceil(inputs / 16);
        const own =
          weights.axis === 1 ? channel * buckets + Math.floor(input / 16) : Math.floor(input / 16) * channels + channel;
        const most = (options.symmetric ? 0.5001 : 1.0001) * weights.scales[own]!;
        t.true(Math.abs(real[i]! - data[i]!) <= most, `${dims} [${i}]: ${real[i]} for ${data[i]}`);
        t.true(weights.data[i]! >= low && weights.data[i]! <= high);
      }
    }
  });

  test(`${name}: a bucket as long as a channel is a scale per channel`, (t) => {
    const dims = [4, 3, 3, 2];
    const data = normals(72, 22);
    const { data: codes, scales, zeroPoints } = quantizeBuckets(data, dims, 18, { ...options, axis: 0 });
    const qparams = weightParameters(data, dims, 0, { ...options, granularity: 'per-channel', stochastic: false });
    t.deepEqual(scales, qparams.scale as Float32Array);
    const zeros = qparams.zeroPoint;
    t.deepEqual([...zeroPoints], typeof zeros === 'number' ? Array<number>(4).fill(zeros) : [...zeros]);
    t.deepEqual(codes, quantizeWeights(data, dims, qparams, weightLimits(options)).data as Int8Array);
  });

  test(`${name}: MatMulNBits reads the packed weights as DequantizeLinear the others`, async (t) => {
    const [k, n] = [40, 5];
    const weights = quantizeBuckets(normals(k * n, 23), [k, n], 16, { ...options, axis: 1 });
    const packed = packBuckets(weights);
    t.is(packed.zeroPoints === undefined, options.symmetric);
    const constants = {
      b: new Tensor('uint8', packed.data, packed.dataDims),
      scales: new Tensor('float32', packed.scales, [packed.scales.length]),
      ...(packed.zeroPoints && { zeros: new Tensor('uint8', packed.zeroPoints, [packed.zeroPoints.length]) }),
    };
    const attributes = { N: n, K: k, bits: packed.bits, block_size: packed.blockSize };
    const inputs = ['a', 'b', 'scales', ...(packed.zeroPoints ? ['zeros'] : [])];
    const nodes = [{ op: 'com.microsoft.MatMulNBits', inputs, outputs: ['y'], attributes }];
    const a = new Tensor('float32', new Float32Array(k), [1, k]);
    const graph = await loadGraph(encodeOnnxModel({ feeds: { a }, constants, nodes, outputs: { y: 'float32' } }));
    const real = [...graph.constants.values()].find(({ dims }) => dims[0] === n && dims[1] === k)!;
    const expected = dequantized(t, weights);
    t.deepEqual(
      [...(real.data as Float32Array)],
      Array.from({ length: k * n }, (_, i) => expected[(i % k) * n + Math.floor(i / k)]!),
    );
  });
}

test('two codes of 4 bits share a byte, the first in its lower half; past the last input are zero points', (t) => {
  const data = Float32Array.of(7, -7, 1, 2, -1);
  const {
    data: bytes,
    dataDims,
    scales,
  } = packBuckets(quantizeBuckets(data, [1, 5], 16, { axis: 0, symmetric: true, bits: 4, dtype: 'int8' }));
  t.deepEqual(dataDims, [1, 1, 8]);
  t.deepEqual([...bytes], [0x1f, 0xa9, 0x87, 0x88, 0x88, 0x88, 0x88, 0x88]);
  t.deepEqual([...scales], [1]);
});

test('a bucket of zeros, or of numbers too small for a scale, has scale 1', (t) => {
  for (const options of all) {
    const weights = quantizeBuckets(Float32Array.of(0, 0, 1e-45, -1e-45, 1, 2), [1, 6], 2, { ...options, axis: 0 });
    t.deepEqual([...weights.scales.subarray(0, 2)], [1, 1]);
    t.deepEqual(dequantized(t, weights).slice(0, 4).map(Math.abs), [0, 0, 0, 0]);
  }
});

test('what does not fit is refused', (t) => {
  const data = new Float32Array(12);
  const options = { ...signed, axis: 0 };
  throwsCode(t, () => quantizeBuckets(data, [3, 5], 4, options), 'ERR_SHAPE', '[3, 5]');
  throwsCode(t, () => quantizeBuckets(new Float32Array(0), [0, 5], 4, options), 'ERR_SHAPE', '[0, 5]');
  throwsCode(t, () => quantizeBuckets(data, [2, 3, 2], 4, { ...options, axis: 1 }), 'ERR_SHAPE', 'axis');
  throwsCode(t, () => quantizeBuckets(data, [3, 4], 4, { ...options, axis: -1 }), 'ERR_SHAPE', 'axis');
  for (const bucket of [0, -1, 1.5, NaN])
    throwsCode(t, () => quantizeBuckets(data, [3, 4], bucket, options), 'ERR_OPTION', `${bucket}`);
  for (const bad of [NaN, Infinity]) {
    for (const bits of [8, 4] as const) {
      const quantize = () => quantizeBuckets(Float32Array.of(1, bad), [1, 2], 2, { ...options, bits });
      throwsCode(t, quantize, 'ERR_QUANTIZATION', 'values[1]', `${bad}`);
    }
  }
  const narrow = quantizeBuckets(data, [3, 4], 8, options);
  throwsCode(t, () => packBuckets(narrow), 'ERR_QUANTIZATION', '8');
  const bucketed = { ...signed, granularity: { bucket: 4 }, stochastic: false } as const;
  throwsCode(t, () => weightParameters(data, [3, 4], 0, bucketed), 'ERR_QUANTIZATION', 'granularity');
});
