/** Random models of one node each: quantized operators with the scales that networks have. */
import { type DataType, Tensor } from 'octensor';
import type { OnnxAttribute, OnnxModel } from './onnx-model.js';
import type { Random } from './random.js';

export type Byte = 'int8' | 'uint8';

const ranges: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int32: [-3000, 3000],
};

export function randomTensor(random: Random, type: DataType, dims: readonly number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const element = () => {
    const range = ranges[type];
    return range === undefined ? random.integer(-4_000_000, 4_000_000) / 1e6 : random.integer(...range);
  };
  return new Tensor<DataType>(type, Array.from({ length: size }, element) as number[], dims) as Tensor;
}

const scalar = (type: DataType, value: number): Tensor => new Tensor<DataType>(type, [value], []) as Tensor;
export const real = (random: Random, low: number, high: number) =>
  Math.fround(low + (random.uint32() / 2 ** 32) * (high - low));
export const zeroPoint = (random: Random, type: Byte): Tensor => scalar(type, random.integer(...ranges[type]!));
export const scale = (random: Random, low = 0.005, high = 0.1): Tensor => scalar('float32', real(random, low, high));

/** Combinations of input and weights that ONNX Runtime has kernels for. */
export const bytePairs = [
  ['uint8', 'uint8'],
  ['uint8', 'int8'],
  ['int8', 'int8'],
] as const;

export function qlinearConv(random: Random): OnnxModel {
  const [type, weightType] = random.pick(bytePairs);
  const { xDims, wDims, attributes, isRow } = convolutionShape(random);
  const channels = wDims[0]!;
  const isPerChannel = random.pick([true, false]);
  const summands = wDims.slice(1).reduce((product, dim) => product * dim, 1);
  const weightScales = Array.from({ length: isPerChannel ? channels : 1 }, () => real(random, 0.001, 0.02));
  // ONNX Runtime wants one zero point for all channels of weights
  const weightZero = weightType === 'int8' ? 0 : random.integer(100, 155);
  const constants = {
    xs: scale(random),
    xz: zeroPoint(random, type),
    w: randomTensor(random, weightType, wDims),
    ws: new Tensor('float32', weightScales, isPerChannel ? [channels] : []) as Tensor,
    wz: new Tensor<DataType>(
      weightType,
      weightScales.map(() => weightZero),
      isPerChannel ? [channels] : [],
    ) as Tensor,
    ys: scale(random, 0.02 * Math.sqrt(summands), 0.2 * Math.sqrt(summands)),
    yz: zeroPoint(random, type),
    ...(random.pick([true, false]) && { b: randomTensor(random, 'int32', [channels]) }),
  };
  const inputs = ['x', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz', ...('b' in constants ? ['b'] : [])];
  const x = randomTensor(random, type, isRow ? xDims.toSpliced(2, 1) : xDims);
  return singleNode(
    { x },
    { ...constants, w: new Tensor(weightType, constants.w.data as never, isRow ? wDims.toSpliced(2, 1) : wDims) as Tensor },
    'QLinearConv',
    inputs,
    attributes,
    type,
  );
}

function convolutionShape(random: Random) {
  const isDepthwise = random.uint32() % 3 === 0;
  const groups = isDepthwise ? random.integer(1, 40) : random.pick([1, 1, 2]);
  const groupDepth = isDepthwise ? 1 : random.integer(1, 24);
  const channels = groups * (isDepthwise ? random.pick([1, 1, 2]) : random.integer(1, 20));
  const isRow = random.uint32() % 4 === 0;
  const spatial = isRow ? 1 : 2;
  const list = (low: number, high: number) => Array.from({ length: spatial }, () => random.integer(low, high));
  const kernel = list(1, 4);
  const image = list(9, 14);
  const attributes: Record<string, OnnxAttribute> = { strides: list(1, 2), group: groups, kernel_shape: kernel };
  const padding = random.pick(['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  if (padding !== 'NOTSET') attributes.auto_pad = padding;
  else {
    attributes.pads = [...kernel, ...kernel].map((size) => random.integer(0, size - 1));
    attributes.dilations = list(1, 2);
  }
  const both = (values: readonly number[]) => (isRow ? [1, ...values] : values);
  const xDims = [random.integer(1, 2), groups * groupDepth, ...both(image)];
  return { xDims, wDims: [channels, groupDepth, ...both(kernel)], attributes, isRow };
}

export function qlinearMatMul(random: Random): OnnxModel {
  const [type, weightType] = random.pick(bytePairs);
  const [m, k, n] = [random.integer(1, 20), random.integer(1, 90), random.integer(1, 40)];
  const batches = random.pick([[], [3], [2, 2]]);
  const isConstant = random.uint32() % 4 !== 0;
  const isPerColumn = isConstant && random.pick([true, false]);
  const columns = isPerColumn ? n : 1;
  const b = randomTensor(random, weightType, isConstant ? [k, n] : [...batches, k, n]);
  const dims = isPerColumn ? [n] : [];
  const constants = {
    as: scale(random),
    az: zeroPoint(random, type),
    bs: new Tensor(
      'float32',
      Array.from({ length: columns }, () => real(random, 0.001, 0.05)),
      dims,
    ) as Tensor,
    bz: new Tensor<DataType>(
      weightType,
      Array.from({ length: columns }, () => random.integer(0, 9)),
      dims,
    ) as Tensor,
    ys: scale(random, 0.05 * Math.sqrt(k), 0.5 * Math.sqrt(k)),
    yz: zeroPoint(random, type),
  };
  const inputs = ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'];
  const a = randomTensor(random, type, [...batches, m, k]);
  return isConstant
    ? singleNode({ a }, { ...constants, b }, 'QLinearMatMul', inputs, {}, type)
    : singleNode({ a, b }, constants, 'QLinearMatMul', inputs, {}, type);
}

/** Two tensors of one type that broadcast. */
export function qlinearBinary(op: 'QLinearAdd' | 'QLinearMul') {
  return (random: Random): OnnxModel => {
    const type = random.pick(['int8', 'uint8'] as const);
    const a = randomTensor(random, type, [2, 5, 33]);
    const b = randomTensor(random, type, random.pick([[2, 5, 33], [33], []]));
    const constants = { ...named(random, type, 'a'), ...named(random, type, 'b'), ...named(random, type, 'y') };
    const product = op === 'QLinearMul' ? { ys: scale(random, 0.05, 0.5) } : {};
    const inputs = ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'];
    return singleNode({ a, b }, { ...constants, ...product }, `com.microsoft.${op}`, inputs, {}, type);
  };
}

/** One tensor [N, C, H, W]. */
export function qlinearUnary(op: string, attributes: Readonly<Record<string, OnnxAttribute>> = {}) {
  return (random: Random): OnnxModel => {
    const type = random.pick(['int8', 'uint8'] as const);
    const x = randomTensor(random, type, [2, random.integer(1, 20), random.integer(3, 9), random.integer(3, 9)]);
    const constants = { ...named(random, type, 'x'), ...named(random, type, 'y') };
    return singleNode({ x }, constants, `com.microsoft.${op}`, ['x', 'xs', 'xz', 'ys', 'yz'], attributes, type);
  };
}

export function qlinearConcat(random: Random): OnnxModel {
  const type = random.pick(['int8', 'uint8'] as const);
  const [a, b] = [randomTensor(random, type, [2, 3, 5]), randomTensor(random, type, [2, 4, 5])];
  const constants = { ...named(random, type, 'a'), ...named(random, type, 'b'), ...named(random, type, 'y') };
  const inputs = ['ys', 'yz', 'a', 'as', 'az', 'b', 'bs', 'bz'];
  return singleNode({ a, b }, constants, 'com.microsoft.QLinearConcat', inputs, { axis: 1 }, type);
}

export function qlinearWhere(random: Random): OnnxModel {
  const type = random.pick(['int8', 'uint8'] as const);
  const [a, b] = [randomTensor(random, type, [2, 4, 5]), randomTensor(random, type, random.pick([[2, 4, 5], [5], []]))];
  const condition = new Tensor(
    'bool',
    Array.from({ length: 20 }, () => random.integer(0, 1)),
    [4, 5],
  ) as Tensor;
  const constants = { ...named(random, type, 'a'), ...named(random, type, 'b'), ...named(random, type, 'y') };
  const inputs = ['condition', 'a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'];
  return singleNode({ condition, a, b }, constants, 'com.microsoft.QLinearWhere', inputs, {}, type);
}

export function nhwcMaxPool(random: Random): OnnxModel {
  const type = random.pick(['int8', 'uint8'] as const);
  const attributes = { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1], ceil_mode: random.pick([0, 1]) };
  const x = randomTensor(random, type, [2, random.integer(3, 9), random.integer(3, 9), random.integer(1, 20)]);
  return singleNode({ x }, {}, 'com.microsoft.NhwcMaxPool', ['x'], attributes, type);
}

/** The same with scales, zero points and bias that a caller feeds; weights stay. */
export function withFedScales(make: (random: Random) => OnnxModel) {
  return (random: Random): OnnxModel => {
    const { feeds, constants, ...rest } = make(random);
    const own = Object.entries(constants).filter(([name]) => name === 'w');
    const fed = Object.entries(constants).filter(([name]) => name !== 'w');
    return { ...rest, feeds: { ...feeds, ...Object.fromEntries(fed) }, constants: Object.fromEntries(own) };
  };
}

export function integerMatMul(random: Random): OnnxModel {
  const [type, weightType] = random.pick(bytePairs);
  const [m, k, n] = [random.integer(1, 20), random.integer(1, 90), random.integer(1, 40)];
  const constants = {
    b: randomTensor(random, weightType, [k, n]),
    az: zeroPoint(random, type),
    bz: zeroPoint(random, weightType),
  };
  return singleNode({ a: randomTensor(random, type, [m, k]) }, constants, 'MatMulInteger', ['a', 'b', 'az', 'bz'], {}, 'int32');
}

export function integerConv(random: Random): OnnxModel {
  const { xDims, wDims, attributes, isRow } = convolutionShape(random);
  const own = (dims: readonly number[]) => (isRow ? dims.toSpliced(2, 1) : dims);
  const constants = {
    w: randomTensor(random, 'uint8', own(wDims)),
    xz: zeroPoint(random, 'uint8'),
    wz: zeroPoint(random, 'uint8'),
  };
  return singleNode(
    { x: randomTensor(random, 'uint8', own(xDims)) },
    constants,
    'ConvInteger',
    ['x', 'w', 'xz', 'wz'],
    attributes,
    'int32',
  );
}

/** Scale and zero point of the value `name`, as `<name>s` and `<name>z`. */
export function named(random: Random, type: Byte, name: string): Record<string, Tensor> {
  return { [`${name}s`]: scale(random), [`${name}z`]: zeroPoint(random, type) };
}

/** One node, whose result is y. */
export function singleNode(
  feeds: OnnxModel['feeds'],
  constants: OnnxModel['constants'],
  op: string,
  inputs: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>>,
  type: DataType,
): OnnxModel {
  return { feeds, constants, nodes: [{ op, inputs, outputs: ['y'], attributes }], outputs: { y: type } };
}
