import test, { type ExecutionContext } from 'ava';
import { affine, type CaseInput, type CaseOptions, type CaseValue, caseGraph } from '#lib/ops/cases.js';
import { conv2d } from '#lib/ops/conv2d.js';
import { depthwiseConv2d } from '#lib/ops/depthwise-conv2d.js';
import { fullyConnected } from '#lib/ops/fully-connected.js';
import type { Op } from '#lib/ops/op.js';
import { transposeConv2d } from '#lib/ops/transpose-conv2d.js';
import { type QParams, quantizedRanges } from '#lib/quant/qparams.js';
import { toFixedPoint } from '#lib/quant/requant.js';
import type { Tensor } from '#lib/tensor.js';
import { roundHalfEvenModel, singleModel, tfliteModel } from '../support/gemmlowp.js';
import { elements, runCase } from '../support/run-case.js';
import { throwsCode } from '../support/throws.js';

type Attributes = NonNullable<CaseOptions['attributes']>;

function run(t: ExecutionContext, op: Op, attributes: Attributes, inputs: readonly CaseInput[], output: CaseValue) {
  return elements(runCase(t, op, caseGraph({ op: op.name, attributes, inputs, outputs: [output] })))[0]!;
}

const float = (dims: readonly number[], data: readonly number[]): CaseInput => ({ type: 'float32', dims, data });
const floats = (dims: readonly number[]): CaseValue => ({ type: 'float32', dims });
const iota = (dims: readonly number[]): CaseInput => {
  return float(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
  );
};

for (const op of [conv2d, depthwiseConv2d, transposeConv2d, fullyConnected]) {
  test(`${op.name}: cases have the declared shapes and leave their inputs alone`, (t) => {
    for (const opCase of op.cases()) {
      const tensors = [...Object.values(opCase.feeds), ...opCase.graph.constants.values()];
      const before = structuredClone(tensors.map(({ data }) => data));
      runCase(t, op, opCase);
      t.deepEqual(
        tensors.map(({ data }) => data),
        before,
      );
    }
  });
}

test('Conv2D: padding counts as zero, with strides and dilations', (t) => {
  const ones = float([1, 3, 3, 1], new Array(9).fill(1));
  t.deepEqual(
    run(t, conv2d, { padding: 'same' }, [iota([1, 3, 3, 1]), ones], floats([1, 3, 3, 1])),
    [12, 21, 16, 27, 45, 33, 24, 39, 28],
  );
  t.deepEqual(
    run(t, conv2d, { padding: 'same', strides: [2, 2] }, [iota([1, 3, 3, 1]), ones], floats([1, 2, 2, 1])),
    [12, 16, 24, 28],
  );
  t.deepEqual(run(t, conv2d, { pads: [1, 0, 0, 0] }, [iota([1, 3, 3, 1]), ones], floats([1, 2, 1, 1])), [21, 45]);
  const corners = float([1, 2, 2, 1], [1, 10, 100, 1000]);
  t.deepEqual(run(t, conv2d, { dilations: [2, 2] }, [iota([1, 3, 3, 1]), corners], floats([1, 1, 1, 1])), [
    1 + 30 + 700 + 9000,
  ]);
});

test('Conv2D: groups see their own channels; an odd pixel of padding comes after', (t) => {
  const weights = float([2, 1, 1, 2], [1, 10, 1, 10]);
  t.deepEqual(run(t, conv2d, { groups: 2 }, [iota([1, 1, 1, 4]), weights], floats([1, 1, 1, 2])), [21, 43]);
  const row = float([1, 1, 2, 1], [1, 10]);
  t.deepEqual(run(t, conv2d, { padding: 'same' }, [iota([1, 1, 3, 1]), row], floats([1, 1, 3, 1])), [21, 32, 3]);
});

test('Conv2D: zero points, bias, requantization and activation by hand', (t) => {
  const x: CaseInput = { type: 'uint8', dims: [1, 1, 1, 2], data: [130, 120], qparams: affine('uint8', 0.5, 128) };
  const w: CaseInput = { type: 'uint8', dims: [2, 1, 1, 2], data: [12, 7, 0, 255], qparams: affine('uint8', 0.25, 10) };
  const bias: CaseInput = { type: 'int32', dims: [2], data: [3, 0] };
  const y = { type: 'uint8', dims: [1, 1, 1, 2], qparams: affine('uint8', 0.25, 100) } as const;
  // 2·2 + (-8)·(-3) + 3 = 31, times 1/2 is 15.5, half up; 2·(-10) + (-8)·245 = -1980 is far below 0
  t.deepEqual(run(t, conv2d, {}, [x, w, bias], y), [116, 0]);
  t.deepEqual(run(t, conv2d, { activation: 'relu' }, [x, w, bias], y), [116, 100]);
  t.deepEqual(run(t, conv2d, { activation: 'relu-n1-to-1' }, [x, w, bias], y), [104, 96]);
});

test('one multiplier for all channels is a product in float32, one per channel in float64', (t) => {
  const [sx, sw, sy] = [0.1, 0.3, 2 ** 18].map(Math.fround) as [number, number, number];
  const [rounded, exact] = [Math.fround(sx * sw) / sy, (sx * sw) / sy];
  t.not(rounded, exact);
  const sum = Math.round(100.5 / ((rounded + exact) / 2)); // between the two sums that give exactly 100.5
  const expected = (real: number) => tfliteModel(sum, toFixedPoint(real));
  t.not(expected(rounded), expected(exact));
  const bias: CaseInput = { type: 'int32', dims: [1], data: [sum] };
  const value = (type: 'int8' | 'uint8', dims: readonly number[], scale: number): CaseInput => {
    return { type, dims, data: [0], qparams: affine(type, scale) };
  };
  const ofConv = (op: Op, type: 'int8' | 'uint8') => {
    const inputs = [value(type, [1, 1, 1, 1], sx), value(type, [1, 1, 1, 1], sw), bias];
    return run(t, op, {}, inputs, { type, dims: [1, 1, 1, 1], qparams: affine(type, sy) })[0];
  };
  for (const op of [conv2d, depthwiseConv2d]) {
    t.is(ofConv(op, 'uint8'), expected(rounded));
    t.is(ofConv(op, 'int8'), expected(exact));
  }
  const perChannel: QParams = { dtype: 'int8', scale: Float32Array.of(sw), zeroPoint: 0, axis: 0 };
  const ofMatrix = (qparams: QParams) => {
    const inputs: CaseInput[] = [value('int8', [1, 1], sx), { type: 'int8', dims: [1, 1], data: [0], qparams }, bias];
    return run(t, fullyConnected, {}, inputs, { type: 'int8', dims: [1, 1], qparams: affine('int8', sy) })[0];
  };
  t.is(ofMatrix(affine('int8', sw)), expected(rounded));
  t.is(ofMatrix(perChannel), expected(exact));
});

/** Conv2D as its formula says, one output at a time, with requantization from its sources. */
function convolutionModel(opCase: ReturnType<typeof caseGraph>, channels: number): number[] {
  const { graph, feeds } = opCase;
  const data = (name: string) => (feeds[name] ?? graph.constants.get(name)!) as Tensor<'int8'>;
  const [x, w, bias, out] = [
    data('x0'),
    data('x1'),
    graph.values.has('x2') ? data('x2').data : undefined,
    graph.values.get('y0')!,
  ];
  const params = (name: string) => graph.values.get(name)!.qparams as QParams & { scale: number; zeroPoint: number };
  const [xq, wq, yq] = [params('x0'), graph.values.get('x1')!.qparams!, params('y0')];
  const [, h, width, c] = x.dims as [number, number, number, number];
  const [o, kh, kw, cg] = w.dims as [number, number, number, number];
  const [n, oh, ow] = out.dims as [number, number, number, number];
  const {
    strides = [1, 1],
    dilations = [1, 1],
    pads,
    padding,
    activation,
  } = graph.nodes[0]!.attributes as Attributes & {
    strides?: number[];
    dilations?: number[];
    pads?: number[];
  };
  const before = (axis: number, size: number, count: number, kernel: number) => {
    const covered = (count - 1) * strides[axis]! + (kernel - 1) * dilations[axis]! + 1;
    const odd = padding === 'same-lower' ? 1 : 0;
    return pads?.[axis] ?? (padding?.toString().startsWith('same') ? (Math.max(0, covered - size) + odd) >> 1 : 0);
  };
  const [top, left] = [before(0, h, oh, kh), before(1, width, ow, kw)];
  const bounds = { relu: [0, Infinity], relu6: [0, 6], 'relu-n1-to-1': [-1, 1], none: [-Infinity, Infinity] } as const;
  const round = graph.numerics === 'onnx' ? roundHalfEvenModel : (x: number) => Math.sign(x) * Math.round(Math.abs(x));
  const toInteger = (real: number) => (Number.isFinite(real) ? round(Math.fround(real / yq.scale)) + yq.zeroPoint : real);
  const [low, high] = bounds[(activation ?? 'none') as keyof typeof bounds].map(toInteger);
  const [qmin, qmax] = quantizedRanges[yq.dtype];
  const result: number[] = [];
  for (let i = 0; i < n * oh * ow * channels; i++) {
    const k = i % channels;
    const [b, oy, ox] = [
      Math.floor(i / (oh * ow * channels)),
      Math.floor(i / (ow * channels)) % oh,
      Math.floor(i / channels) % ow,
    ];
    let sum = bias?.[k] ?? 0;
    for (let j = 0; j < kh * kw * cg; j++) {
      const [ky, kx, ci] = [Math.floor(j / (kw * cg)), Math.floor(j / cg) % kw, j % cg];
      const [iy, ix] = [oy * strides[0]! - top + ky * dilations[0]!, ox * strides[1]! - left + kx * dilations[1]!];
      if (iy < 0 || ix < 0 || iy >= h || ix >= width) continue;
      const channel = Math.floor(k / (o / (c / cg))) * cg + ci;
      const zero = wq.zeroPoint as number;
      sum += (x.data[((b * h + iy) * width + ix) * c + channel]! - xq.zeroPoint) * (w.data[k * kh * kw * cg + j]! - zero);
    }
    const scale = typeof wq.scale === 'number' ? wq.scale : wq.scale[k]!;
    const real = (wq.dtype === 'uint8' ? Math.fround(xq.scale * scale) : xq.scale * scale) / yq.scale;
    const onnx = Math.fround(Math.fround(xq.scale * scale) / yq.scale);
    const scaled = {
      tflite: () => tfliteModel(sum, toFixedPoint(real)),
      single: () => singleModel(sum, toFixedPoint(real)),
      onnx: () => roundHalfEvenModel(Math.fround(Math.fround(sum) * onnx)),
    }[graph.numerics]();
    result.push(Math.min(Math.max(scaled + yq.zeroPoint, qmin, low!), qmax, high!));
  }
  return result;
}

test('Conv2D: every quantized case is as the formula says', (t) => {
  let count = 0;
  for (const opCase of conv2d.cases()) {
    if (opCase.graph.values.get('x0')!.type === 'float32') continue;
    const y = runCase(t, conv2d, opCase)[0]!;
    t.deepEqual(elements([y])[0], convolutionModel(opCase, y.dims[3]!), opCase.name);
    count++;
  }
  t.true(count >= 20);
});

test('DepthwiseConv2D: each input channel has its own kernels', (t) => {
  const x = iota([1, 1, 2, 2]); // pixels (1, 2) and (3, 4)
  const w = float([1, 1, 2, 4], [1, 2, 3, 4, 10, 20, 30, 40]);
  t.deepEqual(run(t, depthwiseConv2d, {}, [x, w], floats([1, 1, 1, 4])), [31, 62, 126, 168]);
  t.deepEqual(
    run(t, depthwiseConv2d, { padding: 'same', activation: 'relu6' }, [x, w], floats([1, 1, 2, 4])),
    [6, 6, 6, 6, 3, 6, 6, 6],
  );
});

test('TransposeConv2D: inputs scatter over the output', (t) => {
  const x = float([1, 1, 2, 1], [1, 10]);
  const w = float([1, 1, 3, 1], [1, 2, 3]);
  t.deepEqual(run(t, transposeConv2d, {}, [x, w], floats([1, 1, 4, 1])), [1, 12, 23, 30]);
  t.deepEqual(run(t, transposeConv2d, { strides: [1, 2] }, [x, w], floats([1, 1, 5, 1])), [1, 2, 13, 20, 30]);
  t.deepEqual(run(t, transposeConv2d, { strides: [1, 2], padding: 'same' }, [x, w], floats([1, 1, 4, 1])), [1, 2, 13, 20]);
  t.deepEqual(run(t, transposeConv2d, { strides: [1, 2], pads: [0, 1, 0, 1] }, [x, w], floats([1, 1, 3, 1])), [2, 13, 20]);
  const wider = { strides: [1, 2], outputHeight: 1, outputWidth: 6 };
  t.deepEqual(run(t, transposeConv2d, wider, [x, w], floats([1, 1, 6, 1])), [1, 2, 13, 20, 30, 0]);
});

test('TransposeConv2D: integers without their zero points, one multiplier per channel', (t) => {
  const x: CaseInput = { type: 'int8', dims: [1, 1, 2, 1], data: [5, 14], qparams: affine('int8', 0.5, 4) }; // 1 and 10
  const qparams: QParams = { dtype: 'int8', scale: Float32Array.of(1, 2), zeroPoint: 0, axis: 0 };
  const w: CaseInput = { type: 'int8', dims: [2, 1, 2, 1], data: [1, 2, 3, 4], qparams };
  const bias: CaseInput = { type: 'int32', dims: [2], data: [0, 1] };
  const y = { type: 'int8', dims: [1, 1, 3, 2], qparams: affine('int8', 1, -1) } as const;
  // Sums (1, 12, 20) / 2 and (3 + 1, 4 + 30 + 1, 40 + 1); 0.5 rounds up
  t.deepEqual(run(t, transposeConv2d, {}, [x, w, bias], y), [0, 3, 5, 34, 9, 40]);
});

test('FullyConnected: rows of any shape, kept or flattened', (t) => {
  const w = float([2, 3], [1, 10, 100, 1, 1, 1]);
  t.deepEqual(run(t, fullyConnected, {}, [iota([1, 2, 3]), w], floats([2, 2])), [321, 6, 654, 15]);
  t.deepEqual(run(t, fullyConnected, { keepDims: true }, [iota([1, 2, 3]), w], floats([1, 2, 2])), [321, 6, 654, 15]);
  t.deepEqual(run(t, fullyConnected, {}, [iota([3, 2]), w], floats([2, 2])), [321, 6, 654, 15]);
});

test('what does not fit is refused before it runs', (t) => {
  const refuses = (
    op: Op,
    attributes: Attributes,
    inputs: readonly CaseInput[],
    code: 'ERR_SHAPE' | 'ERR_DTYPE' | 'ERR_QUANTIZATION',
  ) => {
    const opCase = caseGraph({ op: op.name, attributes, inputs, outputs: [floats([1, 1, 1, 1])] });
    throwsCode(t, () => runCase(t, op, opCase), code, `"${op.name}"`);
  };
  const x = iota([1, 3, 3, 2]);
  refuses(conv2d, {}, [x, iota([1, 3, 3, 3])], 'ERR_SHAPE');
  refuses(conv2d, {}, [x, iota([1, 4, 3, 2])], 'ERR_SHAPE');
  refuses(conv2d, { groups: 2 }, [x, iota([3, 3, 3, 1])], 'ERR_SHAPE');
  refuses(conv2d, {}, [iota([3, 3, 2]), iota([1, 3, 3, 2])], 'ERR_SHAPE');
  refuses(conv2d, {}, [x, iota([1, 3, 3, 2]), iota([2])], 'ERR_SHAPE');
  refuses(conv2d, { pads: [65536, 65536, 65536, 65536] }, [x, iota([1, 1, 1, 2])], 'ERR_SHAPE');
  refuses(depthwiseConv2d, {}, [x, iota([1, 3, 3, 3])], 'ERR_SHAPE');
  refuses(depthwiseConv2d, {}, [x, iota([2, 3, 3, 2])], 'ERR_SHAPE');
  refuses(transposeConv2d, { outputHeight: 9, outputWidth: 9 }, [x, iota([1, 3, 3, 2])], 'ERR_SHAPE');
  refuses(fullyConnected, {}, [iota([1, 5]), iota([1, 2])], 'ERR_SHAPE');
  refuses(fullyConnected, { keepDims: true }, [iota([2, 4]), iota([1, 8])], 'ERR_SHAPE');
  const int32: CaseInput = { type: 'int32', dims: [1, 3, 3, 2] };
  refuses(conv2d, {}, [int32, iota([1, 3, 3, 2])], 'ERR_DTYPE');
  const int8: CaseInput = { type: 'int8', dims: [1, 3, 3, 2], qparams: affine('int8', 0.1) };
  refuses(conv2d, {}, [int8, iota([1, 3, 3, 2])], 'ERR_DTYPE');
  refuses(conv2d, {}, [int8, { type: 'int8', dims: [1, 3, 3, 2] }], 'ERR_QUANTIZATION');
  const otherAxis: QParams = { dtype: 'int8', scale: Float32Array.of(1, 2), zeroPoint: 0, axis: 3 };
  refuses(conv2d, {}, [int8, { ...int8, qparams: otherAxis }], 'ERR_QUANTIZATION');
});
