/** Random graphs: what the native backend makes of them, passes and all, is what the reference computes without any. */
import test from 'ava';
import fc from 'fast-check';
import { cpuInfo, InferenceSession } from 'octensor';
import { magnitudeOf } from '#lib/cli/difference.js';
import { type Family, randomGraphs } from '../support/random-graph.js';
import { expectSame } from '../support/same.js';

const quick = process.env.OCTENSOR_PARITY === 'quick';
const isas = cpuInfo().isa.slice(0, process.env.OCTENSOR_PARITY_ISA === 'best' ? 1 : undefined);

const agree = test.macro(async (t, families: readonly Family[], numRuns: number) => {
  await fc.assert(
    fc.asyncProperty(randomGraphs({ families }), async ({ graph, feeds, seed }) => {
      const reference = await InferenceSession.create(graph, { backend: 'reference' });
      const expected = reference.runSync(feeds);
      // What cancels out keeps the rounding of the large numbers it came from.
      const values = await reference.intermediates(feeds);
      const largest = Math.max(...[...values.values()].map(({ tensor }) => magnitudeOf(tensor)));
      for (const isa of isas) {
        const session = await InferenceSession.create(graph, { backend: 'native', isa, threads: 1 + (seed & 1) });
        expectSame(t, await session.run(feeds), expected, isa, largest);
        await session.release();
      }
    }),
    { numRuns: quick ? Math.ceil(numRuns / 10) : numRuns },
  );
  t.pass();
});

test('of int8 values', agree, ['int8'], 300);
test('of uint8 values', agree, ['uint8'], 200);
test('of real numbers', agree, ['float32'], 150);
test('of all of them', agree, ['int8', 'uint8', 'float32'], 150);
