import test from 'ava';
import { mixedPrecision, type Sensitivity } from '#lib/quant/algorithms/mixed-precision.js';
import { Random } from '../support/random.js';
import { throwsCode } from '../support/throws.js';

const layers: readonly Sensitivity[] = [
  { node: 'first', loss: 4, cost: 1 },
  { node: 'wide', loss: 5, cost: 10 },
  { node: 'better', loss: -1, cost: 1 },
  { node: 'last', loss: 2, cost: 1 },
];

test('layers that lose most for their cost stay float until the loss is small enough', (t) => {
  t.deepEqual(mixedPrecision(layers, { loss: 11 }), { float: [], loss: 11, cost: 0 });
  t.deepEqual(mixedPrecision(layers, { loss: 7 }), { float: ['first'], loss: 7, cost: 1 });
  t.deepEqual(mixedPrecision(layers, { loss: 5 }), { float: ['first', 'last'], loss: 5, cost: 2 });
  t.deepEqual(mixedPrecision(layers, { loss: 0 }), { float: ['first', 'wide', 'last'], loss: 0, cost: 12 });
  t.deepEqual(mixedPrecision(layers, { loss: -1 }).float, ['first', 'wide', 'last']);
});

test('what a later choice made superfluous is quantized after all', (t) => {
  const some = [
    { node: 'small', loss: 1, cost: 1 },
    { node: 'large', loss: 9, cost: 10 },
  ];
  t.deepEqual(mixedPrecision(some, { loss: 1 }), { float: ['large'], loss: 1, cost: 10 });
});

test('no more is spent than there is, and a layer that is worth more than all others is not missed', (t) => {
  t.deepEqual(mixedPrecision(layers, { cost: 2 }), { float: ['first', 'last'], loss: 5, cost: 2 });
  t.deepEqual(mixedPrecision(layers, { cost: 0 }), { float: [], loss: 11, cost: 0 });
  const some = [
    { node: 'small', loss: 2, cost: 1 },
    { node: 'large', loss: 9, cost: 10 },
  ];
  t.deepEqual(mixedPrecision(some, { cost: 10 }), { float: ['large'], loss: 2, cost: 10 });
});

test('at least half of what the best choice would save is saved', (t) => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const some = Array.from({ length: 8 }, (_, i) => ({
      node: `n${i}`,
      loss: random.integer(-2, 20),
      cost: random.integer(0, 20),
    }));
    const bound = random.integer(0, 60);
    const saved = (chosen: readonly Sensitivity[]) => chosen.reduce((sum, { loss }) => sum + Math.max(0, loss), 0);
    let best = 0;
    for (let set = 0; set < 256; set++) {
      const chosen = some.filter((_, i) => (set >> i) & 1);
      if (chosen.reduce((sum, { cost }) => sum + cost, 0) <= bound) best = Math.max(best, saved(chosen));
    }
    const { float, loss, cost } = mixedPrecision(some, { cost: bound });
    t.true(cost <= bound);
    t.true(2 * (saved(some) - loss) >= best, `round ${round}`);
    t.is(saved(some.filter(({ node }) => float.includes(node))), saved(some) - loss);
    const target = random.integer(0, 40);
    t.true(mixedPrecision(some, { loss: target }).loss <= target);
  }
});

test('what is no number is an error', (t) => {
  const layer = { node: 'n', loss: 1, cost: 1 };
  throwsCode(t, () => mixedPrecision([{ ...layer, loss: Number.NaN }], { loss: 1 }), 'ERR_QUANTIZATION', 'loss of node n');
  throwsCode(t, () => mixedPrecision([{ ...layer, cost: -1 }], { loss: 1 }), 'ERR_QUANTIZATION', 'cost of node n', '-1');
  throwsCode(t, () => mixedPrecision([layer], { loss: Number.NaN }), 'ERR_OPTION', 'target');
});
