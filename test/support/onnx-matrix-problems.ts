/** Random models of one node each: products of matrices as com.microsoft has them. */
import { type DataType, Tensor } from 'octensor';
import type { OnnxModel } from './onnx-model.js';
import { bytePairs, named, randomTensor, real, scale, singleNode, zeroPoint } from './onnx-problems.js';
import type { Random } from './random.js';

export function qgemm(output: 'byte' | 'float') {
  return (random: Random): OnnxModel => {
    const [type, weightType] = random.pick(bytePairs);
    const [m, k, n] = [random.integer(1, 20), random.integer(1, 90), random.integer(1, 40)];
    const transB = random.pick([0, 1]);
    const isPerColumn = random.pick([true, false]);
    const scales = Array.from({ length: isPerColumn ? n : 1 }, () => real(random, 0.001, 0.05));
    const dims = isPerColumn ? [n] : [];
    const zero = weightType === 'int8' ? 0 : 117;
    const constants = {
      ...named(random, type, 'a'),
      b: randomTensor(random, weightType, transB === 1 ? [n, k] : [k, n]),
      bs: new Tensor('float32', scales, dims) as Tensor,
      bz: new Tensor<DataType>(
        weightType,
        scales.map(() => zero),
        dims,
      ) as Tensor,
      c: randomTensor(random, 'int32', [n]),
      ...(output === 'byte' && { ...named(random, type, 'y'), ys: scale(random, 0.05 * Math.sqrt(k), 0.5 * Math.sqrt(k)) }),
    };
    const inputs = ['a', 'as', 'az', 'b', 'bs', 'bz', 'c', ...(output === 'byte' ? ['ys', 'yz'] : [])];
    const attributes = { transB, alpha: { float: random.pick([1, 0.7]) } };
    const a = randomTensor(random, type, [m, k]);
    return singleNode({ a }, constants, 'com.microsoft.QGemm', inputs, attributes, output === 'byte' ? type : 'float32');
  };
}

export function dynamicQuantizeMatMul(random: Random): OnnxModel {
  const [m, k, n] = [random.integer(1, 20), random.integer(1, 90), random.integer(1, 40)];
  const constants = {
    b: randomTensor(random, 'int8', [k, n]),
    bs: new Tensor(
      'float32',
      Array.from({ length: n }, () => real(random, 0.001, 0.05)),
    ) as Tensor,
    bz: randomTensor(random, 'int8', [n]),
    c: randomTensor(random, 'float32', [n]),
  };
  const a = randomTensor(random, 'float32', [m, k]);
  return singleNode({ a }, constants, 'com.microsoft.DynamicQuantizeMatMul', ['a', 'b', 'bs', 'bz', 'c'], {}, 'float32');
}

export function matmulNBits(random: Random): OnnxModel {
  const [m, n, block] = [random.integer(1, 5), random.integer(1, 20), random.pick([16, 32, 64])];
  const k = random.integer(1, 4) * block;
  const blocks = k / block;
  const constants = {
    b: randomTensor(random, 'uint8', [n, blocks, block / 2]),
    s: new Tensor(
      'float32',
      Array.from({ length: n * blocks }, () => real(random, 0.01, 0.05)),
    ) as Tensor,
    ...(random.pick([true, false]) && { z: randomTensor(random, 'uint8', [n * Math.ceil(blocks / 2)]) }),
  };
  const inputs = ['a', 'b', 's', ...('z' in constants ? ['z'] : [])];
  const attributes = { K: k, N: n, bits: 4, block_size: block };
  return singleNode(
    { a: randomTensor(random, 'float32', [m, k]) },
    constants,
    'com.microsoft.MatMulNBits',
    inputs,
    attributes,
    'float32',
  );
}

export function matmulIntegerToFloat(random: Random): OnnxModel {
  const [type, weightType] = random.pick(bytePairs);
  const [m, k, n] = [random.integer(1, 20), random.integer(1, 90), random.integer(1, 40)];
  const columns = random.pick([1, n]);
  const constants = {
    b: randomTensor(random, weightType, [k, n]),
    as: scale(random),
    bs: new Tensor(
      'float32',
      Array.from({ length: columns }, () => real(random, 0.001, 0.05)),
    ) as Tensor,
    az: zeroPoint(random, type),
    bz: randomTensor(random, weightType, [columns]),
    c: randomTensor(random, 'float32', [n]),
  };
  const inputs = ['a', 'b', 'as', 'bs', 'az', 'bz', ...(random.pick([true, false]) ? ['c'] : [])];
  return singleNode(
    { a: randomTensor(random, type, [m, k]) },
    constants,
    'com.microsoft.MatMulIntegerToFloat',
    inputs,
    {},
    'float32',
  );
}

export function fusedGemm(random: Random): OnnxModel {
  const [m, k, n] = [random.integer(1, 9), random.integer(1, 30), random.integer(1, 20)];
  const activation = random.pick(['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu']);
  const constants = { b: randomTensor(random, 'float32', [k, n]), c: randomTensor(random, 'float32', [n]) };
  const attributes = { activation, activation_alpha: { float: 0.2 } };
  const a = randomTensor(random, 'float32', [m, k]);
  return singleNode({ a }, constants, 'com.microsoft.FusedGemm', ['a', 'b', 'c'], attributes, 'float32');
}
