/** Data that an operator cannot take: native code ends the run with the reference's own error, and the session goes on. */
import test from 'ava';
import { type Graph, InferenceSession, OctensorError, Tensor, type Value } from 'octensor';
import { float, graphOf } from '../support/graphs.js';

const feeds = (values: Readonly<Record<string, readonly [Value['type'], readonly number[], readonly number[]]>>) =>
  Object.fromEntries(
    Object.entries(values).map(([name, [type, dims, data]]) => {
      if (type === 'int64') return [name, new Tensor('int64', BigInt64Array.from(data, BigInt), dims)];
      return [name, type === 'int32' ? new Tensor('int32', data, dims) : new Tensor('float32', Float32Array.from(data), dims)];
    }),
  );

interface Problem {
  readonly op: string;
  readonly attributes?: Readonly<Record<string, number>>;
  readonly output: readonly number[];
  readonly good: Readonly<Record<string, readonly [Value['type'], readonly number[], readonly number[]]>>;
  /** Replaces inputs of `good`. */
  readonly bad: Problem['good'];
}

const x = ['float32', [2, 3], [1, 2, 3, 4, 5, 6]] as const;

const problems: readonly Problem[] = [
  { op: 'Gather', output: [2, 3], good: { x, i: ['int64', [2], [0, 1]] }, bad: { i: ['int64', [2], [0, 2]] } },
  { op: 'Gather', output: [1, 3], good: { x, i: ['int32', [1], [-2]] }, bad: { i: ['int32', [1], [-3]] } },
  { op: 'GatherNd', output: [1], good: { x, i: ['int32', [1, 2], [1, 2]] }, bad: { i: ['int32', [1, 2], [1, 3]] } },
  {
    op: 'GatherElements',
    output: [1, 3],
    good: { x, i: ['int64', [1, 3], [0, 1, 0]] },
    bad: { i: ['int64', [1, 3], [0, 9, 0]] },
  },
  {
    op: 'ScatterNd',
    output: [2, 3],
    good: { x, i: ['int64', [1, 1], [1]], u: ['float32', [1, 3], [7, 8, 9]] },
    bad: { i: ['int64', [1, 1], [2]] },
  },
  {
    op: 'ScatterElements',
    output: [2, 3],
    good: { x, i: ['int32', [1, 1], [1]], u: ['float32', [1, 1], [7]] },
    bad: { i: ['int32', [1, 1], [-4]] },
  },
  { op: 'CumSum', output: [2, 3], good: { x, i: ['int32', [], [1]] }, bad: { i: ['int32', [], [2]] } },
];

function graphFor({ op, attributes = {}, output, good }: Problem): Graph {
  const inputs = Object.entries(good);
  const values: Value[] = inputs.map(([name, [type, dims]]) => ({ name, type, dims }));
  const names = inputs.map(([name]) => name);
  const nodes = [{ op, inputs: names, outputs: ['y'], attributes }];
  return graphOf({ values: [...values, float('y', output)], inputs: names, outputs: ['y'], nodes });
}

for (const problem of problems) {
  test(`${problem.op} of ${problem.good.i![0]}`, async (t) => {
    const graph = graphFor(problem);
    const [good, bad] = [feeds(problem.good), feeds({ ...problem.good, ...problem.bad })];
    const reference = await InferenceSession.create(graph, { backend: 'reference' });
    const native = await InferenceSession.create(graph, { backend: 'native' });
    const expected = t.throws(() => reference.runSync(bad), { instanceOf: OctensorError });
    for (let round = 0; round < 2; round++) {
      const errors = [
        t.throws(() => native.runSync(bad), { instanceOf: OctensorError }),
        await t.throwsAsync(native.run(bad), { instanceOf: OctensorError }),
      ];
      for (const error of errors) t.deepEqual([error?.code, error?.message], [expected?.code, expected?.message]);
      t.deepEqual((await native.run(good)).y!.data, reference.runSync(good).y!.data);
    }
    native.runSync(good, { profile: true });
    t.true(native.lastProfile().every(({ kernel }) => kernel !== 'reference'));
  });
}
