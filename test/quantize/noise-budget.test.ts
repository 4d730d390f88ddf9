import test from 'ava';
import { keepFloat, type NoiseSource, quantizeSpare, remainingNoise } from '#lib/quant/algorithms/noise-budget.js';

/** A chain a, b, c with values ab and bc between, and two outputs that noise reaches in different parts. */
const sources: readonly NoiseSource[] = [
  { noise: [1, 0], nodes: ['a'] },
  { noise: [8, 1], nodes: ['a', 'b'] },
  { noise: [2, 1], nodes: ['b', 'c'] },
  { noise: [0, 4], nodes: ['c'] },
];
const costs = new Map([
  ['a', 1],
  ['b', 2],
  ['c', 4],
]);

test('a source is silent once all of its nodes are float', (t) => {
  t.deepEqual(remainingNoise(sources, new Set(), 2), [11, 6]);
  t.deepEqual(remainingNoise(sources, new Set(['a']), 2), [10, 6]);
  t.deepEqual(remainingNoise(sources, new Set(['a', 'b']), 2), [2, 5]);
});

test('nodes are chosen together where only that silences a source', (t) => {
  t.deepEqual([...keepFloat(sources, costs, [3, 10])].sort(), ['a', 'b']);
  t.deepEqual([...keepFloat(sources, costs, [100, 2])], ['c']);
  t.deepEqual([...keepFloat(sources, costs, [0, 0])].sort(), ['a', 'b', 'c']);
});

test('an output without noise does not keep others from their budgets', (t) => {
  const silent = sources.map(({ noise, nodes }) => ({ noise: [...noise, 0], nodes }));
  t.deepEqual([...keepFloat(silent, costs, [3, 10, 0])].sort(), ['a', 'b']);
});

test('what is within the budgets stays quantized, and what was float before stays float', (t) => {
  t.deepEqual([...keepFloat(sources, costs, [11, 6])], []);
  t.deepEqual([...keepFloat(sources, costs, [11, 6], new Set(['c']))], ['c']);
});

test('what greed took and later choices made superfluous is quantized after all', (t) => {
  t.deepEqual([...quantizeSpare(sources, costs, [3, 10], new Set(['a', 'b', 'c']))].sort(), ['a', 'b']);
  t.deepEqual([...quantizeSpare(sources, costs, [0, 0], new Set(['a', 'b', 'c']))].sort(), ['a', 'b', 'c']);
});
