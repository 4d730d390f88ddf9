/** Optimized graphs compute what the graphs did: integers to the bit, and real numbers too, but where a pass says otherwise. */
import test from 'ava';
import fc from 'fast-check';
import type { Graph, Tensor } from 'octensor';
import { referenceBackend } from '#lib/backends/reference.js';
import { differenceOf, magnitudeOf } from '#lib/cli/difference.js';
import { verifyGraph } from '#lib/graph/verify.js';
import { ops } from '#lib/ops/index.js';
import { foldBatchNorm } from '#lib/passes/fold-batch-norm.js';
import { fuseSwish } from '#lib/passes/fuse-swish.js';
import { optimize, passes } from '#lib/passes/index.js';
import { runPasses } from '#lib/passes/pass.js';
import { makePlan } from '#lib/plan/plan.js';
import { resolveGraph } from '#lib/plan/resolve.js';
import { type RandomGraph, randomGraph, randomGraphs } from '../support/random-graph.js';

interface Computed {
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Of all real numbers on the way. */
  readonly largest: number;
}

function compute(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Computed {
  const dims = new Map(Object.entries(feeds).map(([name, tensor]) => [name, tensor.dims]));
  const plan = makePlan(graph, resolveGraph(graph), dims);
  let largest = 0;
  const onValues = (_: unknown, values: readonly Tensor[]) => {
    for (const tensor of values) largest = Math.max(largest, magnitudeOf(tensor));
  };
  const outputs = referenceBackend.compile(plan).runSync(new Map(Object.entries(feeds)), { onValues });
  return { outputs, largest };
}

function bytesOf({ type, dims, data }: Tensor): string {
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return `${type} [${dims.join()}] ${Buffer.from(buffer, byteOffset, byteLength).toString('base64')}`;
}

/** These round real numbers in other places: then they may differ by as much as kernels may. */
const rounding: ReadonlySet<string> = new Set([foldBatchNorm.name, fuseSwish.name]);

function isUnchanged({ graph, feeds }: RandomGraph, optimized: Graph, { isExact }: { readonly isExact: boolean }): boolean {
  verifyGraph(optimized, ops);
  const [before, after] = [compute(graph, feeds), compute(optimized, feeds)];
  return graph.outputs.every((name) => {
    if (optimized.values.get(name) !== graph.values.get(name)) return false;
    const [expected, actual] = [before.outputs.get(name)!, after.outputs.get(name)!];
    if (isExact) return bytesOf(expected) === bytesOf(actual);
    return differenceOf(actual, expected, Math.max(before.largest, after.largest)) === undefined;
  });
}

test('all passes together keep every output', (t) => {
  const isKept = (random: RandomGraph) => {
    const { graph, log } = optimize(random.graph);
    return isUnchanged(random, graph, { isExact: log.every(({ pass }) => !rounding.has(pass)) });
  };
  fc.assert(fc.property(randomGraphs(), isKept), { numRuns: 400 });
  t.pass();
});

for (const pass of passes) {
  test(`${pass.name} keeps every output`, (t) => {
    const isKept = (random: RandomGraph) =>
      isUnchanged(random, runPasses(random.graph, [pass]).graph, { isExact: !rounding.has(pass.name) });
    fc.assert(fc.property(randomGraphs({ maxSize: 20 }), isKept), { numRuns: 150 });
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

/** What random graphs are not made of, or seldom: test/passes/ has graphs of their own for them. */
const apart = [
  'fold-batch-norm',
  'fuse-attention',
  'fuse-dynamic',
  'fuse-dynamic-conv',
  'fuse-gelu',
  'fuse-hard-swish',
  'fuse-swish',
  'planar-depthwise',
  'rescale-concat',
  'split-wide-products',
  'transpose-convolution',
];

test('random graphs give every other pass something to do', (t) => {
  const found = new Set<string>(apart);
  for (let seed = 0; seed < 300; seed++) {
    for (const { pass } of optimize(randomGraph({ seed, size: 14 }).graph).log) found.add(pass);
  }
  t.deepEqual([...found].sort(), passes.map(({ name }) => name).sort());
});
