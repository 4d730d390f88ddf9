import test from 'ava';

interface Network {
  readonly parameters: number;
  readonly macs: number;
  readonly output: { readonly dims: readonly number[] };
  readonly layers: readonly {
    readonly output: { readonly dims: readonly number[]; readonly min: number; readonly max: number };
  }[];
}

const folder = new URL('../../../bench/networks/', import.meta.url);
const { networks, variants } = (await import(new URL('index.mjs', folder).href)) as {
  readonly networks: Readonly<Record<string, () => Network>>;
  readonly variants: Readonly<Record<string, (network: Network) => { readonly length: number; finish(): Buffer }>>;
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
