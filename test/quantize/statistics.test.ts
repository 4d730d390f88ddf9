/** Statistics that a run computes against observers that look at the values themselves: equal to the bit. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { cpuInfo, InferenceSession, Tensor } from 'octensor';
import type { Graph } from '#lib/graph/graph.js';
import { caseGraph } from '#lib/ops/cases.js';
import { finiteExtent } from '#lib/ops/extent.js';
import { countsLength, countValues } from '#lib/ops/histogram.js';
import { makeObserver, type Observer } from '#lib/quant/observers.js';
import { rangeMethods } from '#lib/quant/schemes.js';
import { withStatistics } from '#lib/quantize/statistics.js';
import { normals } from '../support/normals.js';
import { throwsCode } from '../support/throws.js';

const length = 1003;

function statisticGraph(op: 'Extent' | 'Histogram', dims: readonly number[]): Graph {
  const counts = { type: 'int32', dims: [countsLength] } as const;
  const outputs = [{ type: 'float32', dims: [2] } as const, ...(op === 'Histogram' ? [counts] : [])];
  return caseGraph({ op, inputs: [{ type: 'float32', dims }], outputs }).graph;
}

const float = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: -8, max: 8, noNaN: true }) },
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 2 ** -149, -(2 ** -149), 1, -1, 2048, -2048),
);

test('of any elements, on every instruction set', async (t) => {
  for (const isa of cpuInfo().isa) {
    const [extent, histogram] = await Promise.all(
      (['Extent', 'Histogram'] as const).map((op) =>
        InferenceSession.create(statisticGraph(op, [length]), { backend: 'native', isa }),
      ),
    );
    const elements = fc.array(float, { minLength: 1, maxLength: 60 });
    const fault = fc.option(fc.tuple(fc.integer({ min: 0, max: length - 1 }), fc.constantFrom(NaN, Infinity, -Infinity)), {
      freq: 4,
    });
    fc.assert(
      fc.property(elements, fault, (some, broken) => {
        const x = Float32Array.from({ length }, (_, i) => some[i % some.length]!);
        if (broken !== null) x[broken[0]] = broken[1];
        const feeds = { x0: new Tensor('float32', x, [length]) };
        t.deepEqual(extent!.runSync(feeds).y0!.data, finiteExtent(x), isa);
        const { y0, y1 } = histogram!.runSync(feeds);
        const { ends, counts } = countValues(x);
        t.deepEqual([y0!.data, y1!.data], [ends, counts], isa);
        t.is(Number.isNaN(ends[0]), broken !== null);
      }),
      { numRuns: 60 },
    );
  }
});

test('of many elements, whose parts threads share out', async (t) => {
  const x = normals(300_001, 3).map((value, i) => (i % 2 === 0 ? value : Math.max(value, 0)));
  for (const threads of [1, 2, 4]) {
    const session = await InferenceSession.create(statisticGraph('Histogram', [x.length]), { backend: 'native', threads });
    const { ends, counts } = countValues(x);
    const { y0, y1 } = await session.run({ x0: new Tensor('float32', x, [x.length]) });
    t.deepEqual([y0!.data, y1!.data], [ends, counts], `${threads} threads`);
    await session.release();
  }
});

/** x -> Relu -> Tanh, and all three behind one another. */
function chain(): Graph {
  const dims = [7, 50];
  const { graph } = caseGraph({ op: 'Relu', inputs: [{ type: 'float32', dims }], outputs: [{ type: 'float32', dims }] });
  const values = new Map(graph.values);
  values.set('y1', { name: 'y1', type: 'float32', dims });
  values.set('all', { name: 'all', type: 'float32', dims: [7, 150] });
  const nodes = [
    ...graph.nodes,
    { name: 'Tanh', op: 'Tanh', attributes: {}, inputs: ['y0'], outputs: ['y1'] },
    { name: 'Concat', op: 'Concat', attributes: { axis: 1 }, inputs: ['y1', 'x0', 'y0'], outputs: ['all'] },
  ];
  return { ...graph, values, nodes, outputs: ['y1'] };
}

async function rangesOf(t: ExecutionContext, backend: 'native' | 'reference', make: () => Observer) {
  const observers = new Map(['x0', 'y0', 'y1', 'all'].map((name) => [name, make()]));
  const direct = new Map([...observers.keys()].map((name) => [name, make()]));
  const { graph, names, see } = withStatistics(chain(), observers);
  const session = await InferenceSession.create({ ...graph, outputs: [...names, 'y0', 'y1', 'all'] }, { backend });
  for (let i = 0; i < 5; i++) {
    const x0 = new Tensor(
      'float32',
      normals(350, i).map((x) => x * 2 ** (3 - i)),
      [7, 50],
    );
    const results = await session.run({ x0 });
    for (const name of names) see(name, results[name]!);
    for (const [name, observer] of direct) observer.observe((results[name] ?? x0).data as Float32Array);
  }
  await session.release();
  t.false(
    graph.nodes.some(({ inputs }) => inputs[0] === 'all'),
    'what is known of its parts is not computed again',
  );
  for (const [name, observer] of direct) t.deepEqual(observers.get(name)!.range(), observer.range(), `${backend}, ${name}`);
}

for (const method of rangeMethods) {
  for (const symmetric of [false, true]) {
    test(`${method}${symmetric ? ', symmetric' : ''}: observers see the same either way`, async (t) => {
      for (const backend of ['native', 'reference'] as const) {
        await rangesOf(t, backend, () => makeObserver({ method, symmetric, percentile: 99 }));
      }
    });
  }

  test(`${method}: a statistic that is not finite is refused, and nothing of it is taken in`, (t) => {
    const observer = makeObserver({ method, symmetric: false, percentile: 99 });
    observer.observe(Float32Array.of(1, 2, 3));
    const before = observer.range();
    const { ends, counts } = countValues(Float32Array.of(5, NaN));
    throwsCode(t, () => observer.take([{ ends, counts }]), 'ERR_QUANTIZATION', 'finite', 'NaN');
    const nothing = countValues(new Float32Array(0));
    observer.take([nothing]);
    t.deepEqual(observer.range(), before);
  });
}

test('names that are taken are not used again', (t) => {
  const graph = chain();
  const taken = {
    ...graph,
    values: new Map([...graph.values, ['y0 extent', { name: 'y0 extent', type: 'float32' as const }]]),
  };
  const observers = new Map([['y0', makeObserver({ method: 'minmax', symmetric: false, percentile: 99 })]]);
  t.deepEqual(withStatistics(taken, observers).names, ["y0 extent'"]);
});
