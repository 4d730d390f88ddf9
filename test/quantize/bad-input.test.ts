/** Data and models that leave little or nothing to quantize: a typed error that names where, or the behaviour that is documented. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Graph, InferenceSession, type QuantizeOptions, quantize, saveModel, Tensor } from 'octensor';
import type { Node, Value } from '#lib/graph/graph.js';
import { rangeMethods } from '#lib/quant/schemes.js';
import { normals } from '../support/normals.js';

const [inputs, channels] = [8, 6];
const [rows, weightCount] = [4, inputs * channels];

interface Layers {
  readonly weights?: Float32Array;
  readonly bias?: Float32Array;
  /** Of what stands between the two layers. */
  readonly activation?: string;
  /** Of the first layer's rows; by default 4. */
  readonly batch?: number | null;
}

/** x [rows, 8] -> first: FullyConnected to 6 -> activation -> second: FullyConnected to 6. */
function network({ weights = normals(weightCount, 1), bias, activation = 'Relu', batch = rows }: Layers = {}): Graph {
  const constants = new Map([
    ['w', new Tensor('float32', weights, [channels, inputs])],
    ['b', new Tensor('float32', bias ?? new Float32Array(channels), [channels])],
    ['w2', new Tensor('float32', normals(channels * channels, 2), [channels, channels])],
  ]);
  const layer = (name: string, op: string, given: readonly string[], output: string): Node => ({
    name,
    op,
    attributes: {},
    inputs: given,
    outputs: [output],
  });
  const value = (name: string, width: number): [string, Value] => [name, { name, type: 'float32', dims: [batch, width] }];
  const values = new Map([value('x', inputs), value('sums', channels), value('hidden', channels), value('y', channels)]);
  for (const [name, { dims }] of constants) values.set(name, { name, type: 'float32', dims });
  const nodes = [
    layer('first', 'FullyConnected', ['x', 'w', 'b'], 'sums'),
    layer('between', activation, ['sums'], 'hidden'),
    layer('second', 'FullyConnected', ['hidden', 'w2'], 'y'),
  ];
  return {
    name: 'layers',
    numerics: 'onnx',
    inputs: ['x'],
    outputs: ['y'],
    values,
    constants,
    states: [],
    nodes,
    metadata: {},
  };
}

const feeds = (data: Float32Array, count = rows) => ({ x: new Tensor('float32', data, [count, inputs]) });
const ordinary = [3, 4, 5].map((seed) => feeds(normals(rows * inputs, seed)));

async function outputOf(graph: Graph, given: Record<string, Tensor>): Promise<Float32Array> {
  const session = await InferenceSession.create(graph);
  const { y } = await session.run(given);
  await session.release();
  return y!.data as Float32Array;
}

/** Largest difference of the outputs over the largest output; also that all parameters are numbers, and scales above 0. */
async function lossOf(float: Graph, options: QuantizeOptions, given: Record<string, Tensor>): Promise<number> {
  const { graph } = await quantize(float, options);
  for (const { name, qparams } of graph.values.values()) {
    if (qparams === undefined) continue;
    const scales = typeof qparams.scale === 'number' ? [qparams.scale] : [...qparams.scale];
    if (!scales.every((scale) => scale > 0 && scale < Infinity)) throw new Error(`${name}: scales ${scales}`);
  }
  const [expected, actual] = [await outputOf(float, given), await outputOf(graph, given)];
  const largest = expected.reduce((most, y) => Math.max(most, Math.abs(y)), 2 ** -100);
  return expected.reduce((most, y, i) => Math.max(most, Math.abs(y - actual[i]!)), 0) / largest;
}

const refused = test.macro(async (t, make: () => Promise<unknown>, code: string, message: RegExp) => {
  await t.throwsAsync(make, { code, message });
});

async function* none(): AsyncGenerator<Record<string, Tensor>> {}
test(
  'no batch, asynchronously',
  refused,
  () => quantize(network(), { calibration: none() }),
  'ERR_OPTION',
  /at least one batch/,
);
for (const bad of [undefined, null, 7]) {
  test(
    `a batch that is ${bad}`,
    refused,
    () => quantize(network(), { calibration: [bad as never] }),
    'ERR_OPTION',
    /calibration.*object of tensors/,
  );
}
test(
  'an input that is missing',
  refused,
  () => quantize(network(), { calibration: [{ z: ordinary[0]!.x }] }),
  'ERR_OPTION',
  /x/,
);
test(
  'a later batch of another shape',
  refused,
  () => quantize(network({ batch: null }), { calibration: [ordinary[0]!, feeds(normals(inputs, 9), 1)] }),
  'ERR_SHAPE',
  /x/,
);
test(
  'another type',
  refused,
  () => quantize(network(), { calibration: [{ x: new Tensor('int8', new Int8Array(rows * inputs), [rows, inputs]) }] }),
  'ERR_DTYPE',
  /x/,
);

for (const method of rangeMethods) {
  const options = (calibration: Iterable<Record<string, Tensor>>) => ({ calibration, activations: { method } });

  for (const bad of [NaN, Infinity, -Infinity]) {
    test(
      `${method}: ${bad} in an input names it`,
      refused,
      () => quantize(network(), options([ordinary[0]!, feeds(normals(rows * inputs, 6).with(13, bad))])),
      'ERR_QUANTIZATION',
      /^input "x": .*finite/,
    );
  }

  test(`${method}: what overflows inside names its layer`, async (t) => {
    const huge = network({ weights: new Float32Array(weightCount).fill(1e38) });
    const error = await t.throwsAsync(() => quantize(huge, options([feeds(new Float32Array(rows * inputs).fill(1e30))])), {
      code: 'ERR_QUANTIZATION',
      message: /^node "(first|between)" \((FullyConnected|Relu)\), "(sums|hidden)": .*finite/,
    });
    t.regex((error as { node?: string }).node!, /^(first|between)$/);
  });

  test(`${method}: NaN that begins inside names its layer`, async (t) => {
    // The logarithm of what is below 0
    await t.throwsAsync(() => quantize(network({ activation: 'Log' }), options(ordinary)), {
      code: 'ERR_QUANTIZATION',
      message: /^node "between" \(Log\), "hidden": .*finite/,
    });
  });

  test(`${method}: one value everywhere`, async (t) => {
    for (const value of [0, 3, -3, 1e-30, 1e30]) {
      const same = feeds(new Float32Array(rows * inputs).fill(value));
      const loss = await lossOf(network(), options([same, same]), same);
      t.true(loss <= 0.05, `${value}: ${loss}`);
    }
  });

  test(`${method}: activations that are all negative`, async (t) => {
    const below = network({ bias: new Float32Array(channels).fill(-50), activation: 'Identity' });
    const { ranges } = await quantize(below, options(ordinary));
    t.true(ranges.get('sums')!.max < 0);
    const loss = await lossOf(below, options(ordinary), ordinary[0]!);
    t.true(loss <= 0.1, String(loss));
    const inputsBelow = [1, 2].map((seed) => feeds(normals(rows * inputs, seed).map((x) => -10 - Math.abs(x))));
    t.true((await lossOf(network(), options(inputsBelow), inputsBelow[0]!)) <= 0.1);
  });

  test(`${method}: nothing but zeros behind a Relu`, async (t) => {
    const dead = network({ bias: new Float32Array(channels).fill(-100) });
    t.is(await lossOf(dead, options(ordinary), ordinary[0]!), 0);
  });
}

const emptyChannels = network({ weights: normals(weightCount, 1).map((w, i) => (i < 2 * inputs ? 0 : w)) });
for (const [title, options] of Object.entries({
  static: { calibration: ordinary },
  'static, per tensor': { calibration: ordinary, scheme: 'per-tensor' },
  weights: { mode: 'weights' },
  'weights, buckets': { mode: 'weights', weights: { granularity: { bucket: 4 } } },
  'weights, without sign': { mode: 'weights', weights: { dtype: 'uint8', symmetric: false } },
  dynamic: { mode: 'dynamic' },
  AdaRound: { calibration: ordinary, adaround: true },
  equalized: { calibration: ordinary, equalize: true },
  'corrected biases': { calibration: ordinary, biasCorrection: true },
} as const satisfies Record<string, QuantizeOptions>)) {
  test(`${title}: channels whose weights are all 0`, async (t) => {
    const loss = await lossOf(emptyChannels, options, ordinary[0]!);
    t.true(loss <= 0.03, String(loss));
  });

  test(`${title}: weights that are all 0`, async (t) => {
    t.is(await lossOf(network({ weights: new Float32Array(weightCount) }), options, ordinary[0]!), 0);
  });

  test(
    `${title}: a model that is quantized already`,
    refused,
    async () => quantize((await quantize(network(), { calibration: ordinary })).graph, options),
    'ERR_QUANTIZATION',
    /already: "[^"]+" is u?int8/,
  );

  test(`${title}: the same bytes for the same seed`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'octensor-'));
    const bytes: Buffer[] = [];
    for (const name of ['a', 'b']) {
      const { graph } = await quantize(network(), { ...options, seed: 11 });
      await saveModel(graph, join(folder, name));
      bytes.push(readFileSync(join(folder, name)));
    }
    t.true(bytes[0]!.equals(bytes[1]!));
  });
}

test('another seed rounds at random in another way', async (t) => {
  const codes = async (seed: number) => {
    const { graph } = await quantize(network(), { calibration: ordinary, weights: { stochastic: true }, seed });
    return [...graph.constants.values()].filter(({ type }) => type === 'int8').map(({ data }) => data);
  };
  t.deepEqual(await codes(1), await codes(1));
  t.notDeepEqual(await codes(1), await codes(2));
});
