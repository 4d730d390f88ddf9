/** What random graphs are made of. A maker adds a node (or a few) that reads `x`, or returns false where it cannot. */
import type { Attributes, QParams } from 'octensor';
import type { Operand } from '#lib/ops/op.js';
import type { GraphBuilder } from './random-graph.js';
import { maxElements } from './random-graph.js';
import { convolution, depthwise, fullyConnected, pool } from './random-windows.js';

export type Maker = (b: GraphBuilder, x: Operand) => boolean;

export const sizeOf = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);
const isReal = ({ type }: Operand) => type === 'float32';
const scaleOf = ({ qparams }: Operand) => (typeof qparams?.scale === 'number' ? qparams.scale : 1);
const lowest = (dtype: 'int8' | 'uint8') => (dtype === 'int8' ? -128 : 0);
const byteType = ({ type }: Operand) => type as 'int8' | 'uint8';

/** Quantization for a result of the same type whose real values are about `factor` times those of x. */
function scaled(b: GraphBuilder, x: Operand, factor: number): QParams | undefined {
  return isReal(x) ? undefined : b.qparams(byteType(x), scaleOf(x) * factor * (0.6 + b.random.integer(0, 8) / 10));
}

/** The same quantization most of the time. */
function similar(b: GraphBuilder, x: Operand): QParams | undefined {
  return b.random.integer(0, 2) > 0 ? x.qparams : scaled(b, x, 1);
}

const relu: Maker = (b, x) => {
  b.add(b.random.pick(['Relu', 'Relu6', 'ReluN1To1']), {}, [x], similar(b, x));
  return true;
};

const table: Maker = (b, x) => {
  const op = b.random.pick(['Logistic', 'Tanh', 'HardSwish', 'LeakyRelu']);
  const dtype = isReal(x) ? 'int8' : byteType(x);
  const low = lowest(dtype);
  const fixed = { Logistic: { dtype, scale: 1 / 256, zeroPoint: low }, Tanh: { dtype, scale: 1 / 128, zeroPoint: low + 128 } };
  const qparams = op === 'Logistic' || op === 'Tanh' ? fixed[op] : scaled(b, x, 0.7);
  b.add(op, op === 'LeakyRelu' ? { alpha: b.random.pick([0.1, 0.25, 1.5, -0.3]) } : {}, [x], qparams);
  return true;
};

const softmax: Maker = (b, x) => {
  if (x.dims.length === 0) return false;
  const dtype = byteType(x);
  b.add('Softmax', { beta: b.random.pick([1, 0.5]) }, [x], { dtype, scale: 1 / 256, zeroPoint: isReal(x) ? 0 : lowest(dtype) });
  return true;
};

/** With a value of the same shape, with itself, or with a constant that is broadcast, which may come out of a node. */
const binary: Maker = (b, x) => {
  const like = b.like(x, (dims) => String(dims) === String(x.dims));
  const y = b.random.integer(0, 2) > 0 ? b.random.pick(like) : constantLike(b, x);
  const op = b.random.pick(['Add', 'Add', 'Mul', 'Sub']);
  const factor = op === 'Mul' ? scaleOf(y) * 40 : 1.2 * Math.max(1, scaleOf(y) / scaleOf(x));
  const activation = b.random.pick(['none', 'none', 'relu', 'relu6', 'relu-n1-to-1']);
  b.add(op, { activation }, b.random.integer(0, 1) ? [x, y] : [y, x], scaled(b, x, factor));
  return true;
};

function constantLike(b: GraphBuilder, x: Operand): Operand {
  const rank = x.dims.length;
  const dims = b.random.pick([x.dims, x.dims.slice(rank - 1), x.dims.map((dim, i) => (i === rank - 1 ? dim : 1)), []]);
  const size = sizeOf(dims);
  if (!isReal(x)) {
    const low = lowest(byteType(x));
    return b.constant(x.type, dims, scaled(b, x, 1), b.elements(size, low, low + 255));
  }
  if (b.random.integer(0, 1) === 0) return b.constant('float32', dims, undefined, b.reals(size));
  const bytes = b.constant('int8', dims, b.qparams('int8', 0.02), b.elements(size, -128, 127));
  return b.add('Dequantize', {}, [bytes])[0]!;
}

const extreme: Maker = (b, x) => {
  const like = b.like(x, (dims) => String(dims) === String(x.dims)).filter(({ qparams }) => sameScale(qparams, x.qparams));
  b.add(b.random.pick(['Maximum', 'Minimum']), {}, [x, b.random.pick(like)], x.qparams);
  return true;
};

const sameScale = (a?: QParams, b?: QParams) => a?.scale === b?.scale && a?.zeroPoint === b?.zeroPoint;

const pad: Maker = (b, x) => {
  const isImage = x.dims.length === 4 && b.random.integer(0, 3) > 0;
  const pads = x.dims.flatMap((_, i) => (isImage && (i === 0 || i === 3) ? [0, 0] : b.elements(2, 0, 2)));
  const fits = x.dims.every((dim, i) => Math.max(pads[2 * i]!, pads[2 * i + 1]!) < dim);
  const mode = fits ? b.random.pick(['constant', 'constant', 'constant', 'reflect', 'symmetric']) : 'constant';
  if (sizeOf(x.dims.map((dim, i) => dim + pads[2 * i]! + pads[2 * i + 1]!)) > maxElements) return false;
  const [padded] = b.add('Pad', { pads, mode, value: b.random.pick([0, 0, 0, 0.5]) }, [x], x.qparams);
  if (isImage && b.random.integer(0, 1)) (b.random.integer(0, 1) ? convolution : depthwise)(b, padded!);
  return true;
};

const view: Maker = (b, x) => {
  const { dims } = x;
  const ones = dims.flatMap((dim, i) => (dim === 1 ? [i] : []));
  const shapes = [dims, [-1], [1, ...dims], [dims[0]!, -1], [...dims.slice(0, -1), 1, dims.at(-1)!], dims.toReversed()];
  const choice = b.random.integer(0, 5);
  if (choice === 0 && ones.length > 0) b.add('Squeeze', { axes: [b.random.pick(ones)] }, [x], x.qparams);
  else if (choice === 1 && dims.length < 5) b.add('ExpandDims', { axis: b.random.integer(0, dims.length) }, [x], x.qparams);
  else if (dims.length === 0) return false;
  else b.add('Reshape', { shape: b.random.pick(shapes.filter(({ length }) => length <= 5)) }, [x], x.qparams);
  return true;
};

/** Any order, or there and, after something that works element by element, back. */
const transpose: Maker = (b, x) => {
  const axes = x.dims.map((_, i) => i);
  const perm = axes
    .map((axis) => [b.random.uint32(), axis] as const)
    .sort(([p], [q]) => p - q)
    .map(([, axis]) => axis);
  const [there] = b.add('Transpose', { perm: b.random.integer(0, 5) === 0 ? axes : perm }, [x], x.qparams);
  if (b.random.integer(0, 1) === 0) return true;
  const between = b.random.pick([relu, binary, table]);
  if (!between(b, there!)) return true;
  const last = [...b.operands.values()].at(-1)!;
  if (last.dims.length === axes.length)
    b.add('Transpose', { perm: axes.map((axis) => perm.indexOf(axis)) }, [last], last.qparams);
  return true;
};

const quantize: Maker = (b, x) => {
  const to = b.random.pick(['int8', 'uint8'] as const);
  if (b.mayDiffer(x)) return false;
  if (isReal(x)) {
    b.add('Quantize', { to }, [x], b.qparams(to, 0.03));
    return true;
  }
  const { scale, zeroPoint } = x.qparams!;
  const shifted = { dtype: to, scale, zeroPoint: (zeroPoint as number) - lowest(byteType(x)) + lowest(to) };
  const [q] = b.add('Quantize', { to }, [x], b.random.integer(0, 2) > 0 ? shifted : b.qparams(to, scaleOf(x)));
  const [moved] = b.random.integer(0, 1) ? b.add('Reshape', { shape: [-1] }, [q!], q!.qparams) : [q];
  if (b.random.integer(0, 1)) b.add('Quantize', { to: x.type }, [moved!], x.qparams);
  return true;
};

const dequantize: Maker = (b, x) => {
  if (isReal(x)) return false;
  b.add('Dequantize', {}, [x]);
  return true;
};

const concat: Maker = (b, x) => {
  if (x.dims.length === 0) return false;
  const axis = b.random.integer(0, x.dims.length - 1);
  const others = b.like(x, (dims) => dims.length === x.dims.length && dims.every((dim, i) => i === axis || dim === x.dims[i]));
  const inputs = [x, ...Array.from({ length: b.random.integer(0, 2) }, () => b.random.pick(others))];
  if (sizeOf(x.dims) * inputs.length > maxElements) return false;
  b.add('Concat', { axis }, inputs, similar(b, x));
  return true;
};

const split: Maker = (b, x) => {
  const axis = x.dims.findIndex((dim) => dim % 2 === 0);
  if (axis === -1) return false;
  if (x.dims[axis] === 2 && b.random.integer(0, 1)) b.add('Unpack', { axis }, [x], x.qparams, 2);
  else b.add('Split', { axis }, [x], x.qparams, 2);
  return true;
};

const slice: Maker = (b, x) => {
  const begin = x.dims.map((dim) => b.random.integer(0, Math.min(1, dim - 1)));
  const attributes: Attributes = b.random.integer(0, 1)
    ? { begin, size: x.dims.map(() => -1) }
    : { begin, end: x.dims, strides: x.dims.map(() => b.random.integer(1, 2)) };
  b.add('size' in attributes ? 'Slice' : 'StridedSlice', attributes, [x], x.qparams);
  return true;
};

const mean: Maker = (b, x) => {
  if (x.dims.length !== 4) return false;
  b.add('Mean', { axes: [1, 2], keepDims: b.random.integer(0, 1) === 1 }, [x], scaled(b, x, 0.5));
  return true;
};

const cast: Maker = (b, x) => {
  b.add('Cast', { to: x.type }, [x], x.qparams);
  return true;
};

/** Those that fuse stand more than once. */
export const makers: readonly Maker[] = [
  ...[convolution, convolution, depthwise, depthwise, relu, relu, relu, binary, binary, pad, pad, quantize, quantize],
  ...[
    fullyConnected,
    pool,
    table,
    softmax,
    extreme,
    view,
    view,
    transpose,
    transpose,
    dequantize,
    concat,
    split,
    slice,
    mean,
    cast,
  ],
];
