/** Random models of one node each: windows and products of float32, and where float32 becomes integers. */
import { type DataType, Tensor } from 'octensor';
import type { OnnxAttribute, OnnxModel } from './onnx-model.js';
import { type Byte, randomTensor, scale, zeroPoint } from './onnx-problems.js';
import type { Random } from './random.js';

type Options = Partial<Pick<OnnxModel, 'constants' | 'outputs' | 'opset'>> & {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
};

/** Inputs are what is fed, then the constants. */
function oneNode(op: string, feeds: OnnxModel['feeds'], options: Options = {}): OnnxModel {
  const { constants = {}, outputs = { y: 'float32' }, attributes = {}, opset } = options;
  const inputs = [...Object.keys(feeds), ...Object.keys(constants)];
  const nodes = [{ op, inputs, outputs: Object.keys(outputs), attributes }];
  return { feeds, constants, nodes, outputs, ...(opset !== undefined && { opset }) };
}

function integers(random: Random, count: number, low: number, high: number): number[] {
  return Array.from({ length: count }, () => random.integer(low, high));
}

export function convTranspose(random: Random): OnnxModel {
  const rank = random.pick([1, 2]);
  const groups = random.pick([1, 1, 2, 3]);
  const [depth, channels] = [groups * random.integer(1, 4), random.integer(1, 4)];
  const [kernel, strides, image] = [integers(random, rank, 1, 4), integers(random, rank, 1, 3), integers(random, rank, 3, 6)];
  const attributes: Record<string, OnnxAttribute> = { group: groups, strides, kernel_shape: kernel };
  const kind = random.pick(['pads', 'auto', 'shape']);
  if (kind === 'auto') {
    attributes.auto_pad = random.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']);
    // Where windows leave gaps, ONNX Runtime's output is smaller than the size that the standard says
    attributes.strides = strides.map((stride, i) => Math.min(stride, kernel[i]!));
  }
  if (kind === 'pads') {
    attributes.dilations = integers(random, rank, 1, 2);
    attributes.pads = [...kernel, ...kernel].map((size) => random.integer(0, (size - 1) >> 1));
    attributes.output_padding = strides.map((stride) => random.integer(0, stride - 1));
  }
  if (kind === 'shape') {
    attributes.output_shape = kernel.map((size, i) => (image[i]! - 1) * strides[i]! + size - random.integer(0, size - 1));
    if (random.pick([true, false])) attributes.auto_pad = 'SAME_UPPER';
  }
  const constants = {
    w: randomTensor(random, 'float32', [depth, channels, ...kernel]),
    b: randomTensor(random, 'float32', [groups * channels]),
  };
  return oneNode('ConvTranspose', { x: randomTensor(random, 'float32', [2, depth, ...image]) }, { constants, attributes });
}

export function pool(op: 'MaxPool' | 'AveragePool' | 'LpPool', withPlaces = false) {
  return (random: Random): OnnxModel => {
    const rank = random.integer(1, 3);
    const [kernel, image] = [integers(random, rank, 1, 3), integers(random, rank, 5, 9)];
    const attributes: Record<string, OnnxAttribute> = { kernel_shape: kernel, strides: integers(random, rank, 1, 3) };
    if (random.uint32() % 3 === 0) attributes.auto_pad = random.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']);
    else {
      attributes.pads = [...kernel, ...kernel].map((size) => random.integer(0, size - 1));
      attributes.ceil_mode = random.pick([0, 1]);
      if (op !== 'LpPool') attributes.dilations = random.pick([kernel.map(() => 1), integers(random, rank, 1, 2)]);
    }
    if (op === 'AveragePool') attributes.count_include_pad = random.pick([0, 1]);
    if (op === 'LpPool') attributes.p = random.integer(1, 3);
    if (withPlaces) attributes.storage_order = random.pick([0, 1]);
    const outputs: Record<string, DataType> = withPlaces ? { y: 'float32', places: 'int64' } : { y: 'float32' };
    const opset = op === 'MaxPool' ? 12 : op === 'LpPool' ? 18 : 19;
    return oneNode(op, { x: randomTensor(random, 'float32', [2, 3, ...image]) }, { attributes, outputs, opset });
  };
}

export function gemm(random: Random): OnnxModel {
  const [m, k, n] = [random.integer(1, 9), random.integer(1, 30), random.integer(1, 20)];
  const [transA, transB] = [random.pick([0, 1]), random.pick([0, 1])];
  const floats = { alpha: { float: random.pick([1, 0.5]) }, beta: { float: random.pick([1, 0.25, 0]) } };
  const a = randomTensor(random, 'float32', transA === 1 ? [k, m] : [m, k]);
  const b = randomTensor(random, 'float32', transB === 1 ? [n, k] : [k, n]);
  const c = randomTensor(random, 'float32', random.pick([[n], [1, n], [m, n], [m, 1], []]));
  const attributes = { transA, transB, ...floats };
  return random.pick([true, false])
    ? oneNode('Gemm', { a }, { constants: { b, c }, attributes })
    : oneNode('Gemm', { a, b, c }, { attributes });
}

export function matmul(random: Random): OnnxModel {
  const [m, k, n] = [random.integer(1, 9), random.integer(1, 30), random.integer(1, 20)];
  const aDims = random.pick([[k], [m, k], [2, m, k], [3, 1, m, k]]);
  const bDims = random.pick([[k], [k, n], [2, k, n], [3, 2, k, n]]);
  const [a, b] = [randomTensor(random, 'float32', aDims), randomTensor(random, 'float32', bDims)];
  return random.pick([true, false]) ? oneNode('MatMul', { a }, { constants: { b } }) : oneNode('MatMul', { a, b });
}

export function fusedMatMul(random: Random): OnnxModel {
  const [m, k, n] = [random.integer(1, 9), random.integer(1, 30), random.integer(1, 20)];
  const [transA, transB] = [random.pick([0, 1]), random.pick([0, 1])];
  const a = randomTensor(random, 'float32', transA === 1 ? [2, k, m] : [2, m, k]);
  const b = randomTensor(random, 'float32', transB === 1 ? [2, n, k] : [2, k, n]);
  return oneNode('com.microsoft.FusedMatMul', { a, b }, { attributes: { transA, transB, alpha: { float: 0.3 } } });
}

export function fusedConv(random: Random): OnnxModel {
  const activation = random.pick(['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu', 'Clip', 'HardSigmoid']);
  const parameters = { LeakyRelu: [0.2], Clip: [-0.5, 0.75], HardSigmoid: [0.2, 0.5] }[activation];
  const constants = { w: randomTensor(random, 'float32', [4, 3, 3, 3]), b: randomTensor(random, 'float32', [4]) };
  const attributes = { activation, pads: [1, 1, 0, 1], ...(parameters && { activation_params: { floats: parameters } }) };
  return oneNode('com.microsoft.FusedConv', { x: randomTensor(random, 'float32', [1, 3, 6, 7]) }, { constants, attributes });
}

export function dynamicQuantizeLinear(random: Random): OnnxModel {
  const outputs = { y: 'uint8', scale: 'float32', zero: 'uint8' } as const;
  return oneNode('DynamicQuantizeLinear', { x: randomTensor(random, 'float32', [random.integer(1, 9), 7]) }, { outputs });
}

/** Of the whole tensor or along an axis, by constants or by what is fed. */
export function quantizeLinear(op: 'QuantizeLinear' | 'DequantizeLinear') {
  return (random: Random): OnnxModel => {
    const type: Byte = random.pick(['int8', 'uint8']);
    const isPerAxis = random.pick([true, false]);
    const dims = [2, 5, 3];
    const list = (make: () => Tensor) => Array.from({ length: isPerAxis ? 5 : 1 }, () => Number(make().data[0]));
    const shape = isPerAxis ? [5] : [];
    const parameters = {
      s: new Tensor(
        'float32',
        list(() => scale(random)),
        shape,
      ) as Tensor,
      z: new Tensor<DataType>(
        type,
        list(() => zeroPoint(random, type)),
        shape,
      ) as Tensor,
    };
    const attributes = { axis: random.pick([1, -2]) };
    const isQuantize = op === 'QuantizeLinear';
    const x = randomTensor(random, isQuantize ? 'float32' : type, dims);
    const outputs: Record<string, DataType> = { y: isQuantize ? type : 'float32' };
    const isConstant = random.pick([true, false]);
    return oneNode(
      op,
      { x, ...(!isConstant && parameters) },
      { attributes, outputs, ...(isConstant && { constants: parameters }) },
    );
  };
}
