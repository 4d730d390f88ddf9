/** Every case of every operator on the native backend: each instruction set, one thread and three, against the reference. */
import test from 'ava';
import { cpuInfo, InferenceSession } from 'octensor';
import { ops } from '#lib/ops/index.js';
import { expectSame } from '../support/same.js';

const isas = cpuInfo().isa.slice(0, process.env.OCTENSOR_PARITY_ISA === 'best' ? 1 : undefined);

for (const op of ops.values()) {
  test(op.name, async (t) => {
    for (const { name, graph, feeds } of op.cases()) {
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
