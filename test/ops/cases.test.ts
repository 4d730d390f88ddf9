/** Every case of every operator: a valid graph, whose results have the inferred shapes and are the same through a session. */
import test from 'ava';
import { InferenceSession } from 'octensor';
import { verifyGraph } from '#lib/graph/verify.js';
import { ops } from '#lib/ops/index.js';
import { elements, runCase } from '../support/run-case.js';

test('operators are listed under their names', (t) => {
  for (const [name, op] of ops) t.is(op.name, name);
});

/** Never run themselves: the nodes of a branch or round take their place. */
const controlFlow: ReadonlySet<string> = new Set(['If', 'Loop']);

for (const op of ops.values()) {
  test(op.name, async (t) => {
    const names = new Set<string>();
    for (const opCase of op.cases()) {
      const { name, graph, feeds } = opCase;
      t.false(names.has(name), `two cases are called ${name}`);
      names.add(name);
      verifyGraph(graph, ops);
      const before = elements(Object.values(feeds));
      const expected = controlFlow.has(op.name) ? undefined : runCase(t, op, opCase);
      t.deepEqual(elements(Object.values(feeds)), before, `${name} changes its inputs`);

      const session = await InferenceSession.create(graph, { backend: 'reference' });
      const results = await session.run(feeds);
      const outputs = graph.nodes[0]!.outputs;
      if (expected !== undefined) {
        t.deepEqual(
          elements(graph.outputs.map((output) => results[output]!)),
          elements(graph.outputs.map((output) => expected[outputs.indexOf(output)]!)),
          name,
        );
      }
      session.resetStates();
      t.deepEqual(session.runSync(feeds), results, name);
      await session.release();
    }
    t.true(names.size > 0, 'no cases');
  });
}
