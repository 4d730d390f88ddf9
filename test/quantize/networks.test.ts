import test from 'ava';
import { InferenceSession, Tensor } from 'octensor';
import { agreementOf } from '#lib/cli/agreement.js';
import { randomTensor } from '#lib/cli/operands.js';

interface Network {
  readonly parameters: number;
  readonly macs: number;
  readonly output: { readonly dims: readonly number[] };
  readonly layers: readonly {
    readonly output: { readonly dims: readonly number[]; readonly min: number; readonly max: number };
  }[];
}

interface Model {
  readonly length: number;
  finish(): Buffer;
}

const folder = new URL('../../../bench/networks/', import.meta.url);
const { networks, variants, transformerBlock } = (await import(new URL('index.mjs', folder).href)) as {
  readonly networks: Readonly<Record<string, () => Network>>;
  readonly variants: Readonly<Record<string, (network: Network) => Model>>;
  readonly transformerBlock: (options: { width: number; sequence: number; isQuantized?: boolean }) => Model;
};

const mebi = 2 ** 20;
const mega = 1e6;

/** As published: the size of the float weights, and 10^9 multiply-accumulates, with as many digits as are given. */
const published: Readonly<Record<string, readonly [megabytes: number, unit: number, gigaMacs: number, digits: number]>> = {
  alexnet: [233, mebi, 0.7, 1],
  'vgg-16': [528, mebi, 15.5, 1],
  'vgg-19': [548, mebi, 19.6, 1],
  'resnet-50': [98, mebi, 3.9, 1],
  'resnet-50-v1.5': [98, mebi, 4.1, 1],
  'resnet-101': [170, mebi, 7.6, 1],
  'resnet-152': [230, mebi, 11.3, 1],
  googlenet: [27, mebi, 1.6, 1],
  'inception-v3': [91, mebi, 6, 0],
  'mobilenet-v1': [17, mega, 0.57, 2],
  'mobilenet-v2': [14, mega, 0.3, 2],
  'squeezenet-1.0': [4.8, mebi, 0.82, 2],
  'squeezenet-1.1': [4.7, mebi, 0.35, 2],
};

test('every network is checked against what was published', (t) => {
  t.deepEqual(Object.keys(networks), Object.keys(published));
});

for (const [name, [megabytes, unit, gigaMacs, digits]] of Object.entries(published)) {
  test(`${name}: ${megabytes} MB and ${gigaMacs} GFLOPs, a thousand classes`, (t) => {
    const network = networks[name]!();
    // Normalization is folded into biases, which leaves out half a percent.
    const relative = (4 * network.parameters) / unit / megabytes;
    t.true(relative > 0.985 && relative < 1.01, `${(4 * network.parameters) / unit} MB`);
    t.is(Number((network.macs / 1e9).toFixed(digits)), gigaMacs);
    t.deepEqual(network.output.dims, [1000]);
    for (const { output } of network.layers) t.true(output.min <= 0 && output.max > 0 && output.dims.every((dim) => dim > 0));
  });
}

test('a model has as many bytes as was said before they were made', (t) => {
  for (const make of Object.values(variants)) {
    const model = make(networks['squeezenet-1.1']!());
    const bytes = model.finish();
    t.is(bytes.length, model.length);
    t.true(make(networks['squeezenet-1.1']!()).finish().equals(bytes));
  }
});

async function outputOf(model: Model, input: Tensor): Promise<Tensor> {
  const session = await InferenceSession.create(model.finish());
  const { output } = await session.run({ input });
  await session.release();
  return output!;
}

const decibels = (actual: Tensor, expected: Tensor) => agreementOf({ tensor: actual }, { tensor: expected })!.sqnrDb;

test('a quantized network computes what the float one does: its ranges fit', async (t) => {
  const input = randomTensor('float32', [1, 3, 224, 224]);
  const { float, ...quantized } = variants;
  const expected = await outputOf(float!(networks['squeezenet-1.1']!()), input);
  for (const [name, make] of Object.entries(quantized)) {
    const sqnr = decibels(await outputOf(make(networks['squeezenet-1.1']!()), input), expected);
    t.true(sqnr > 20, `${name}: ${sqnr} dB`);
  }
});

test('a dynamically quantized block of a transformer computes what the float one does', async (t) => {
  const input = new Tensor(
    'float32',
    Float32Array.from({ length: 5 * 128 }, (_, i) => Math.sin(i * i)),
    [1, 5, 128],
  );
  const [quantized, float] = [true, false].map((isQuantized) => transformerBlock({ width: 128, sequence: 5, isQuantized }));
  const output = await outputOf(quantized!, input);
  t.deepEqual(output.dims, [1, 5, 128]);
  t.true(decibels(output, await outputOf(float!, input)) > 30);
});
