/** A valid ONNX file with a little of everything: quantized and float values, shapes, branches, loops, a function. */
import { Tensor } from 'octensor';
import { graph, int, ints, node, onnxModel, real, tensor, value } from './onnx-file.js';

const floats = (...data: readonly number[]) => new Tensor('float32', data);
const scalar = (data: number) => new Tensor('float32', [data], []);
const integers = (...data: readonly number[]) => new Tensor('int64', data.map(BigInt));
const byte = (data: number) => new Tensor('uint8', [data], []);

const body = {
  input: [value('i', 'int64', []), value('going', 'bool', []), value('total', 'float32')],
  node: [node('more = Add total step'), node('still = Identity going'), node('seen = ReduceSum more', int('keepdims', 0))],
  output: [value('still', 'bool', []), value('more'), value('seen')],
};

const branch = (op: string) => ({ node: [node(`z = ${op} sum`)], output: [value('z')] });

export const smallOnnxModel = onnxModel({
  inputs: [value('x', 'float32', ['batch', 2, 4, 4])],
  outputs: [value('y', 'float32', ['batch', 48]), value('seen', 'float32', [3])],
  initializers: {
    w: new Tensor(
      'float32',
      Array.from({ length: 6 }, (_, i) => i - 2),
      [3, 2, 1, 1],
    ),
    b: floats(1, -1, 0.5),
    s: scalar(0.125),
    z: byte(128),
    step: floats(0.25),
    rest: integers(-1),
    rounds: new Tensor('int64', [3n], []),
  },
  nodes: [
    node('xq = QuantizeLinear x s z'),
    node('xd = DequantizeLinear xq s z'),
    node('c = Conv xd w b', ints('kernel_shape', 1, 1)),
    node('r = Relu c'),
    node('rq = QuantizeLinear r s z'),
    node('rd = DequantizeLinear rq s z'),
    node('p = MaxPool rd', ints('kernel_shape', 3, 3), ints('pads', 1, 1, 1, 1)),
    node('shape = Shape p', int('end', 1)),
    node('flat = Concat shape rest', int('axis', 0)),
    node('f = Reshape p flat'),
    node('k = Constant', tensor('value', scalar(0.5))),
    node('h = test.Scale f', real('by', 2)),
    node('sum = Mul h k'),
    node('size = Size sum'),
    node('isLarge = Greater size rounds'),
    node('branched = If isLarge', graph('then_branch', branch('Relu')), graph('else_branch', branch('Abs'))),
    node('y seen = Loop rounds - branched', graph('body', body)),
  ],
  model: {
    opsetImport: [{ version: 17n }, { domain: 'test', version: 1n }],
    functions: [
      {
        name: 'Scale',
        domain: 'test',
        opsetImport: [{ version: 17n }],
        input: ['a'],
        output: ['b'],
        attribute: ['by'],
        node: [
          { ...node('factor = Constant'), attribute: [{ name: 'value_float', refAttrName: 'by', type: 1 }] },
          node('b = Mul a factor'),
        ],
      },
    ],
    producerName: 'octensor',
    metadataProps: [{ key: 'made', value: 'for tests' }],
  },
});
