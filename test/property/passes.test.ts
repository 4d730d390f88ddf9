/** Optimized graphs compute what the graphs did, bit for bit. */
import test from 'ava';
import fc from 'fast-check';
import type { Graph, Tensor } from 'octensor';
import { referenceBackend } from '#lib/backends/reference.js';
import { verifyGraph } from '#lib/graph/verify.js';
import { ops } from '#lib/ops/index.js';
import { optimize, passes } from '#lib/passes/index.js';
import { runPasses } from '#lib/passes/pass.js';
import { makePlan } from '#lib/plan/plan.js';
import { resolveGraph } from '#lib/plan/resolve.js';
import { type RandomGraph, randomGraph, randomGraphs } from '../support/random-graph.js';

function outputsOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Map<string, Buffer> {
  const dims = new Map(Object.entries(feeds).map(([name, tensor]) => [name, tensor.dims]));
  const plan = makePlan(graph, resolveGraph(graph), dims);
  const results = referenceBackend.compile(plan).runSync(new Map(Object.entries(feeds)));
  return new Map(
    graph.outputs.map((name) => {
      const { type, dims: shape, data } = results.get(name)!;
      const { buffer, byteOffset, byteLength } = data as Uint8Array;
      return [`${name}: ${type} [${shape.join()}]`, Buffer.from(buffer, byteOffset, byteLength)];
    }),
  );
}

function isUnchanged({ graph, feeds }: RandomGraph, optimized: Graph): boolean {
  verifyGraph(optimized, ops);
  const [before, after] = [outputsOf(graph, feeds), outputsOf(optimized, feeds)];
  const declared = graph.outputs.every((name) => optimized.values.get(name) === graph.values.get(name));
  return declared && before.size === after.size && [...before].every(([name, bytes]) => after.get(name)?.equals(bytes));
}

test('all passes together keep every output', (t) => {
  fc.assert(
    fc.property(randomGraphs(), (random) => isUnchanged(random, optimize(random.graph).graph)),
    { numRuns: 400 },
  );
  t.pass();
});

for (const pass of passes) {
  test(`${pass.name} keeps every output`, (t) => {
    fc.assert(
      fc.property(randomGraphs({ maxSize: 20 }), (random) => isUnchanged(random, runPasses(random.graph, [pass]).graph)),
      { numRuns: 150 },
    );
    t.pass();
  });
}

test('a graph that was optimized has nothing left to optimize', (t) => {
  fc.assert(
    fc.property(randomGraphs(), ({ graph }) => {
      const { graph: optimized } = optimize(graph);
      const again = optimize(optimized);
      return again.graph === optimized && again.log.length === 0;
    }),
    { numRuns: 100 },
  );
  t.pass();
});

test('random graphs give every pass something to do', (t) => {
  const found = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    for (const { pass } of optimize(randomGraph({ seed, size: 14 }).graph).log) found.add(pass);
  }
  t.deepEqual([...found].sort(), passes.map(({ name }) => name).sort());
});
