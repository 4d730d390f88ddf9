/** Which of our operators the element-wise operators of ONNX become, and what is refused. */
import test from 'ava';
import { type DataType, InferenceSession, loadModel, Tensor } from 'octensor';
import { TensorProto_DataType as Type } from '#lib/formats/onnx/schema/onnx_pb.js';
import { encodeOnnxModel, type OnnxAttribute } from '../support/onnx-model.js';
import { rejectsCode } from '../support/throws-async.js';

interface Options {
  readonly opset?: number;
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly outputs?: Readonly<Record<string, DataType>>;
  /** Scalars: float32, or bool. */
  readonly constants?: Readonly<Record<string, number | boolean>>;
}

/** A model of one node, `Op_0`, whose inputs are float32 vectors of 3, or constants; '' is an absent one. */
function model(op: string, inputs: readonly string[], { constants = {}, outputs = { y: 'float32' }, ...more }: Options = {}) {
  const fed = inputs.filter((name) => name !== '' && !(name in constants));
  return encodeOnnxModel({
    feeds: Object.fromEntries(fed.map((name) => [name, new Tensor('float32', [0, 0, 0])])),
    constants: Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, scalar(value)])),
    nodes: [{ op, inputs, outputs: Object.keys(outputs), attributes: more.attributes ?? {} }],
    outputs,
    opset: more.opset ?? 17,
  });
}

function scalar(value: number | boolean): Tensor {
  return typeof value === 'boolean' ? new Tensor('bool', [value], []) : new Tensor('float32', [value], []);
}

/** `Op(attribute=value, ...)` of each node. */
async function lowered(...args: Parameters<typeof model>): Promise<string> {
  const { nodes } = await loadModel(model(...args));
  return nodes
    .map(({ op, attributes }) => {
      const list = Object.entries(attributes).map(
        ([name, value]) => `${name}=${typeof value === 'number' ? Math.fround(value) : value}`,
      );
      return list.length === 0 ? op : `${op}(${list.join(', ')})`;
    })
    .join(' ');
}

test('Clip is an activation where its bounds are one’s', async (t) => {
  const clip = (constants: Readonly<Record<string, number | boolean>>, ...bounds: string[]) =>
    lowered('Clip', ['x', ...bounds], { constants });
  t.is(await clip({ min: 0 }, 'min'), 'Relu');
  t.is(await clip({ min: 0, max: 6 }, 'min', 'max'), 'Relu6');
  t.is(await clip({ min: -1, max: 1 }, 'min', 'max'), 'ReluN1To1');
  t.is(await clip({ min: 0, max: 5 }, 'min', 'max'), 'Clip(min=0, max=5)');
  t.is(await clip({ max: 2 }, '', 'max'), 'Clip(max=2)');
  t.is(await clip({ min: -Infinity, max: Infinity }, 'min', 'max'), 'Identity');
  t.is(await clip({}), 'Identity');
  t.is(await clip({ min: NaN }, 'min'), 'Maximum');
  t.is(await clip({}, 'min', 'max'), 'Maximum Minimum');
  t.is(await clip({ min: 0 }, 'min', 'max'), 'Maximum Minimum');
  t.is(await clip({}, '', 'max'), 'Minimum');
  t.is(await lowered('Clip', ['x'], { opset: 10, attributes: { min: { float: 0 }, max: { float: 6 } } }), 'Relu6');
  t.is(await lowered('Clip', ['x'], { opset: 10, attributes: { min: { float: -2 } } }), 'Clip(min=-2)');
  await rejectsCode(t, clip({ training: true }, 'training'), 'ERR_MODEL_FORMAT', '"Clip_0"', 'bool');
});

test('what has no operator of its own', async (t) => {
  t.is(await lowered('Elu', ['x']), 'Elu');
  t.is(await lowered('Elu', ['x'], { attributes: { alpha: { float: 0.5 } } }), 'Selu(alpha=0.5, gamma=1)');
  t.is(await lowered('com.microsoft.QuickGelu', ['x']), `Swish(alpha=${Math.fround(1.702)})`);
  t.is(await lowered('com.microsoft.FastGelu', ['x', 'bias']), 'Add Gelu(approximate=tanh)');
  t.is(await lowered('Sum', ['a', 'b', 'c']), 'Add Add');
  t.is(await lowered('Max', ['a']), 'Identity');
  t.is(await lowered('Mean', ['a', 'b']), 'Add Div');
  t.is(await lowered('Mod', ['a', 'b'], { attributes: { fmod: 1 } }), 'Fmod');
  t.is(await lowered('Cast', ['x'], { attributes: { to: Type.FLOAT } }), 'Cast(to=float32)');
  t.is(await lowered('CastLike', ['x', 'like']), 'Cast(to=float32)');
});

test('Pow of a scalar 2 is Square', async (t) => {
  const bytes = (value: number) => model('Pow', ['x', 'e'], { constants: { e: value } });
  t.deepEqual(
    (await loadModel(bytes(2))).nodes.map(({ op }) => op),
    ['Square'],
  );
  t.deepEqual(
    (await loadModel(bytes(3))).nodes.map(({ op }) => op),
    ['Pow'],
  );
});

test('Dropout in inference is the identity, and its mask true', async (t) => {
  const session = await InferenceSession.create(model('Dropout', ['x'], { outputs: { y: 'float32', mask: 'bool' } }), {
    backend: 'reference',
  });
  const { y, mask } = session.runSync({ x: new Tensor('float32', [1, NaN, -3]) });
  t.deepEqual([...(y!.data as Float32Array)], [1, NaN, -3]);
  t.deepEqual([mask!.type, ...(mask!.data as Uint8Array)], ['bool', 1, 1, 1]);
  const training = (ratio: number) => lowered('Dropout', ['x', 'ratio', 'training'], { constants: { ratio, training: true } });
  t.is(await training(0), 'Identity');
  await rejectsCode(t, training(0.25), 'ERR_UNSUPPORTED_OP', '_0"', 'Dropout', '0.25');
});

test('what is not supported names node and operator', async (t) => {
  const cast = (to: Type) => lowered('Cast', ['x'], { attributes: { to } });
  await rejectsCode(t, cast(Type.STRING), 'ERR_UNSUPPORTED_OP', '_0"', 'Cast', 'strings');
  await rejectsCode(t, cast(Type.BFLOAT16), 'ERR_UNSUPPORTED_OP', '_0"', 'Cast', 'BFLOAT16');
  await rejectsCode(t, cast(99 as Type), 'ERR_MODEL_FORMAT', '_0"', 'Cast', '99');
  const shift = lowered('BitShift', ['a', 'b'], { attributes: { direction: 'UP' } });
  await rejectsCode(t, shift, 'ERR_UNSUPPORTED_OP', '_0"', 'BitShift', 'LEFT', 'UP');
  await rejectsCode(t, lowered('Add', ['a']), 'ERR_MODEL_FORMAT', '_0"', 'Add', 'input 1');
  await rejectsCode(t, lowered('Max', []), 'ERR_MODEL_FORMAT', '_0"', 'Max', 'input 0');
});
