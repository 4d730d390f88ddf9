/** Convolutions, matrix products and poolings of random graphs. */
import type { Attributes, QParams } from 'octensor';
import type { Operand } from '#lib/ops/op.js';
import type { GraphBuilder } from './random-graph.js';
import { maxElements } from './random-graph.js';
import type { Maker } from './random-nodes.js';

type Pair = readonly [height: number, width: number];

const activations = ['none', 'none', 'relu', 'relu6', 'relu-n1-to-1'] as const;

/** Strides, dilations and padding of a window that fits; the padding is below the window's size. */
function windowOf(b: GraphBuilder, [height, width]: Pair, kernel: Pair, canDilate: boolean): Attributes | undefined {
  const { random } = b;
  const strides = random.pick([
    [1, 1],
    [1, 1],
    [2, 2],
    [1, 2],
    [3, 1],
  ]);
  const dilations = canDilate
    ? random.pick([
        [1, 1],
        [1, 1],
        [2, 2],
        [1, 3],
      ])
    : [1, 1];
  const common = { strides, dilations, activation: random.pick(activations) };
  const reach = kernel.map((size, i) => (size - 1) * dilations[i]! + 1);
  const kind = random.pick(['same', 'valid', 'pads']);
  if (kind === 'same') return { ...common, padding: 'same' };
  const pads = kind === 'valid' ? [0, 0, 0, 0] : [0, 1, 2, 3].map((i) => random.integer(0, kernel[i % 2]! - 1));
  if (height + pads[0]! + pads[2]! < reach[0]! || width + pads[1]! + pads[3]! < reach[1]!) return undefined;
  return kind === 'valid' ? { ...common, padding: 'valid' } : { ...common, pads };
}

/** int8 per tensor or channel, or uint8 with a zero point; under a float input float32 or int8, which quantizes that input. */
function weights(b: GraphBuilder, x: Operand, dims: readonly number[], axis: number): Operand {
  const { random } = b;
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (x.type === 'float32' && (b.mayDiffer(x) || random.integer(0, 3) > 0))
    return b.constant('float32', dims, undefined, b.reals(size, 0.5));
  const isMixed = b.numerics === 'onnx' && random.integer(0, 3) === 0;
  const isUnsigned = x.type !== 'float32' && (x.type === 'uint8') !== isMixed;
  const base = 0.002 + random.integer(0, 40) / 4000;
  if (isUnsigned) return b.constant('uint8', dims, b.qparams('uint8', base), b.elements(size, 0, 255));
  const scales = Float32Array.from({ length: dims[axis]! }, () => base * (0.5 + random.integer(0, 15) / 10));
  const zeroPoint = x.type !== 'float32' && random.integer(0, 5) === 0 ? random.integer(-20, 20) : 0;
  const qparams: QParams =
    random.integer(0, 1) === 0
      ? { dtype: 'int8', scale: Math.fround(base), zeroPoint }
      : { dtype: 'int8', scale: scales, zeroPoint: 0, axis };
  return b.constant('int8', dims, qparams, b.elements(size, -127, 127));
}

function biasOf(b: GraphBuilder, x: Operand, channels: number): Operand | undefined {
  if (b.random.integer(0, 3) === 0) return undefined;
  if (x.type === 'float32') return b.constant('float32', [channels], undefined, b.reals(channels));
  return b.constant('int32', [channels], undefined, b.elements(channels, -9000, 9000));
}

/** Sums of `length` products of bytes spread over the output's range, more or less. */
function outputOf(b: GraphBuilder, x: Operand, w: Operand, length: number): QParams | undefined {
  if (x.type === 'float32') return undefined;
  const { scale } = w.qparams!;
  const real = (x.qparams!.scale as number) * (typeof scale === 'number' ? scale : scale[0]!) * 74 * 74 * Math.sqrt(length);
  return b.qparams(x.type as 'int8' | 'uint8', (real / 60) * (0.5 + b.random.integer(0, 15) / 10));
}

function kernelOf(b: GraphBuilder): Pair {
  return b.random.pick([
    [1, 1],
    [3, 3],
    [3, 3],
    [2, 3],
    [1, 4],
    [5, 5],
  ] as const);
}

export const convolution: Maker = (b, last) => {
  const x = b.image(last);
  if (x === undefined) return false;
  const [batch, height, width, depth] = x.dims as [number, number, number, number];
  const kernel = kernelOf(b);
  const attributes = windowOf(b, [height, width], kernel, true);
  const divisors = [1, 1, 1, 2, 3, depth].filter((groups) => depth % groups === 0);
  const groups = b.random.pick(divisors);
  const channels = groups * b.random.pick(groups > 4 ? [1, 2] : [1, 2, 3, 5, 8, 13, 20]);
  if (attributes === undefined || batch * (height + 8) * (width + 8) * channels > 3 * maxElements) return false;
  const w = weights(b, x, [channels, ...kernel, depth / groups], 0);
  const qparams = outputOf(b, x, w, (kernel[0] * kernel[1] * depth) / groups);
  const [y] = b.add('Conv2D', { ...attributes, groups }, [x, w, biasOf(b, x, channels)], qparams);
  clampAfter(b, y!);
  return true;
};

export const depthwise: Maker = (b, last) => {
  const x = b.image(last);
  if (x === undefined) return false;
  const [batch, height, width, depth] = x.dims as [number, number, number, number];
  const kernel = kernelOf(b);
  const attributes = windowOf(b, [height, width], kernel, true);
  const channels = depth * b.random.pick([1, 1, 1, 2, 3]);
  if (attributes === undefined || batch * (height + 8) * (width + 8) * channels > 3 * maxElements) return false;
  const w = weights(b, x, [1, ...kernel, channels], 3);
  const [y] = b.add('DepthwiseConv2D', attributes, [x, w, biasOf(b, x, channels)], outputOf(b, x, w, kernel[0] * kernel[1]));
  clampAfter(b, y!);
  return true;
};

export const fullyConnected: Maker = (b, x) => {
  const length = x.dims.at(-1) ?? 0;
  const rows = x.dims.slice(0, -1).reduce((product, dim) => product * dim, 1);
  const channels = b.random.pick([1, 2, 3, 7, 10, 16, 33]);
  if (length === 0 || rows * channels > maxElements) return false;
  const w = weights(b, x, [channels, length], 0);
  const attributes = {
    activation: b.random.pick(activations),
    keepDims: b.random.integer(0, 1) === 1,
    asymmetricInputs: b.random.integer(0, 1) === 1,
  };
  const [y] = b.add('FullyConnected', attributes, [x, w, biasOf(b, x, channels)], outputOf(b, x, w, length));
  clampAfter(b, y!);
  return true;
};

export const pool: Maker = (b, last) => {
  const x = b.image(last);
  if (x === undefined) return false;
  const [, height, width] = x.dims as [number, number, number, number];
  const size = b.random.pick([
    [2, 2],
    [3, 3],
    [1, 2],
    [height, width],
  ] as const);
  const attributes = windowOf(b, [height, width], size, false);
  if (attributes === undefined) return false;
  b.add(b.random.pick(['MaxPool2D', 'AveragePool2D']), { ...attributes, size }, [x], x.qparams);
  return true;
};

/** What fuses: an activation with the quantization of what it clamps. */
function clampAfter(b: GraphBuilder, y: Operand): void {
  if (b.random.integer(0, 3) === 0) b.add(b.random.pick(['Relu', 'Relu6']), {}, [y], y.qparams);
}
