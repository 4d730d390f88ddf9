import test from 'ava';
import { keepPrecise, type NoiseSource, quantizeSpare, remainingNoise } from '#lib/quant/algorithms/noise-budget.js';
import type { Precise } from '#lib/quant/precision.js';

/** A chain a, b, c with values ab and bc between, and two outputs that noise reaches in different parts. */
const sources: readonly NoiseSource[] = [
  { noise: [1, 0], nodes: ['a'], precision: 'float' },
  { noise: [8, 1], nodes: ['a', 'b'], precision: 'float' },
  { noise: [2, 1], nodes: ['b', 'c'], precision: 'float' },
  { noise: [0, 4], nodes: ['c'], precision: 'float' },
];
const costs = new Map([
  ['a', { int16: 0.25, float: 1 }],
  ['b', { int16: 0.5, float: 2 }],
  ['c', { int16: 1, float: 4 }],
]);
const float = (...nodes: readonly string[]): Precise => new Map(nodes.map((node) => [node, 'float']));
const text = (precise: Precise) => [...precise].map(([node, precision]) => `${node}:${precision}`).sort();

test('a source is silent once all of its nodes are float', (t) => {
  t.deepEqual(remainingNoise(sources, new Map(), 2), [11, 6]);
  t.deepEqual(remainingNoise(sources, float('a'), 2), [10, 6]);
  t.deepEqual(remainingNoise(sources, float('a', 'b'), 2), [2, 5]);
});

test('nodes are chosen together where only that silences a source', (t) => {
  t.deepEqual(text(keepPrecise(sources, costs, [3, 10])), ['a:float', 'b:float']);
  t.deepEqual(text(keepPrecise(sources, costs, [100, 2])), ['c:float']);
  t.deepEqual(text(keepPrecise(sources, costs, [0, 0])), ['a:float', 'b:float', 'c:float']);
});

test('an output without noise does not keep others from their budgets', (t) => {
  const silent = sources.map((source) => ({ ...source, noise: [...source.noise, 0] }));
  t.deepEqual(text(keepPrecise(silent, costs, [3, 10, 0])), ['a:float', 'b:float']);
});

test('what is within the budgets stays quantized, and what was float before stays float', (t) => {
  t.deepEqual(text(keepPrecise(sources, costs, [11, 6])), []);
  t.deepEqual(text(keepPrecise(sources, costs, [11, 6], float('c'))), ['c:float']);
});

test('what greed took and later choices made superfluous is quantized after all', (t) => {
  t.deepEqual(text(quantizeSpare(sources, costs, [3, 10], float('a', 'b', 'c'))), ['a:float', 'b:float']);
  t.deepEqual(text(quantizeSpare(sources, costs, [0, 0], float('a', 'b', 'c'))), ['a:float', 'b:float', 'c:float']);
});

/** The noise of values is silenced by int16, that of weights (of a and c) by float alone. */
const mixed = sources.map((source, i): NoiseSource => (i === 1 || i === 2 ? { ...source, precision: 'int16' } : source));

test('int16 is enough for values, and float is what the noise of weights takes', (t) => {
  t.deepEqual(
    remainingNoise(
      mixed,
      new Map([
        ['a', 'int16'],
        ['b', 'int16'],
      ]),
      2,
    ),
    [3, 5],
  );
  t.deepEqual(text(keepPrecise(mixed, costs, [3, 10])), ['a:int16', 'b:int16']);
  t.deepEqual(text(keepPrecise(mixed, costs, [2, 10])), ['a:float', 'b:int16']);
  t.deepEqual(text(keepPrecise(mixed, costs, [0, 0])), ['a:float', 'b:int16', 'c:float']);
});

test('float becomes int16 where that is enough, but nothing less precise than it was', (t) => {
  t.deepEqual(text(quantizeSpare(mixed, costs, [3, 10], float('a', 'b', 'c'))), ['a:int16', 'b:int16']);
  t.deepEqual(text(quantizeSpare(mixed, costs, [3, 10], float('a', 'b'), new Map([['a', 'float']]))), ['a:float', 'b:int16']);
});
