/**
 * Every case of every operator on the native backend: each instruction set, one thread and three, against the reference. With
 * OCTENSOR_PARITY=quick, for emulated CPUs and sanitizers, at most `quickCases` of an operator, not the same on one instruction set as on another.
 */
import test from 'ava';
import { cpuInfo, InferenceSession } from 'octensor';
import { isas as knownIsas } from '#lib/isa.js';
import { ops } from '#lib/ops/index.js';
import { expectSame } from '../support/same.js';

const isas = cpuInfo().isa.slice(0, process.env.OCTENSOR_PARITY_ISA === 'best' ? 1 : undefined);
const quickCases = 24;

function* chosen<T>(cases: Iterable<T>): Iterable<T> {
  const all = [...cases];
  const step = process.env.OCTENSOR_PARITY === 'quick' ? Math.ceil(all.length / quickCases) : 1;
  for (let i = knownIsas.indexOf(isas[0]!) % step; i < all.length; i += step) yield all[i]!;
}

for (const op of ops.values()) {
  test(op.name, async (t) => {
    for (const { name, graph, feeds } of chosen(op.cases())) {
      const reference = await InferenceSession.create(graph, { backend: 'reference' });
      const expected = reference.runSync(feeds);
      for (const isa of isas) {
        for (const threads of [1, 3]) {
          const session = await InferenceSession.create(graph, { backend: 'native', isa, threads });
          expectSame(t, session.runSync(feeds), expected, `${name}, ${isa}, ${threads} threads`);
          if (threads === 3) {
            session.resetStates();
            expectSame(t, await session.run(feeds), expected, `${name}, ${isa}, in the background`);
          }
          await session.release();
        }
      }
    }
    t.pass();
  });
}
