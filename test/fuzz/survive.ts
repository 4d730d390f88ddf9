/**
 * Damaged models, through everything that a user's call goes through: import, planning, compiling, a run. What comes out is a
 * typed error, or the same results on both backends; never a crash, a hang or memory without bound.
 *
 * OCTENSOR_FUZZ_SECONDS: how long each test goes on (2 by default); OCTENSOR_FUZZ_SEED: where it starts.
 */
import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, OctensorError, type Tensor } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import { differenceOf } from '#lib/cli/difference.js';
import { randomTensor } from '#lib/cli/operands.js';
import { FoldBudget } from '#lib/ops/fold.js';
import type { OutputShape } from '#lib/ops/op.js';
import { NeedsData } from '#lib/ops/storage.js';
import { optimize } from '#lib/passes/index.js';
import { inferSteps } from '#lib/plan/infer.js';
import { makePlan } from '#lib/plan/plan.js';
import { type ResolvedNode, resolveGraph } from '#lib/plan/resolve.js';
import { isDeclared, specializeGraph } from '#lib/plan/specialize.js';
import { Random } from '../support/random.js';

const seconds = Number(process.env.OCTENSOR_FUZZ_SECONDS ?? 2);
const firstSeed = Number(process.env.OCTENSOR_FUZZ_SEED ?? 1);

/** A model may well be large: only small ones are worth running here. */
const maxMacs = 2e6;
const maxBytes = 2 ** 24;
const maxElements = 2 ** 20;
const maxSteps = 2000;

export const fuzzTest = tryAddon() === undefined ? test.serial.skip : test.serial;

/** How real numbers that the backends computed are compared; by default as kernels promise. */
export type Difference = (actual: Tensor, expected: Tensor) => string | undefined;

type Feeds = Readonly<Record<string, Tensor>>;

/** Random ones, where sizes that the graph leaves open are small; undefined for inputs that are large or strings. */
function feedsOf(graph: Graph, random: Random): Feeds | undefined {
  const sizes = new Map<string, number>();
  const feeds: Record<string, Tensor> = {};
  for (const name of graph.inputs) {
    const { type, dims = [] } = graph.values.get(name)!;
    const known = dims.map((dim) => {
      if (typeof dim === 'number') return dim;
      const size = random.integer(1, 3);
      if (dim === null) return size;
      if (!sizes.has(dim)) sizes.set(dim, size);
      return sizes.get(dim)!;
    });
    if (type === 'string' || known.reduce((product, dim) => product * dim, 1) > maxElements) return undefined;
    feeds[name] = randomTensor(type, known);
  }
  return feeds;
}

/** Where nothing is planned, what is computed is weighed before it is. */
class Limit extends FoldBudget {
  #left = maxElements;

  override allows(outputs: readonly OutputShape[], macs: number): boolean {
    for (const { dims } of outputs) this.#left -= dims.reduce((product, dim) => product * dim, 1);
    if (this.#left < 0 || macs > maxMacs) throw new OctensorError('ERR_SHAPE', 'too large to be worth running');
    return true;
  }
}

/** Throws what a session would. */
function isSmall(graph: Graph, nodes: readonly ResolvedNode[], feeds: Feeds): boolean {
  const inputs = new Map(Object.entries(feeds));
  try {
    const { steps, memory } = makePlan(graph, nodes, new Map([...inputs].map(([name, { dims }]) => [name, dims])));
    return steps.reduce((sum, step) => sum + step.macs, 0) <= maxMacs && memory.peakBytes <= maxBytes;
  } catch (error) {
    if (error instanceof NeedsData) return isQuick(graph, nodes, inputs);
    throw error;
  }
}

function isQuick(graph: Graph, nodes: readonly ResolvedNode[], feeds: ReadonlyMap<string, Tensor>): boolean {
  const steps = inferSteps(graph, nodes, feeds, new Limit());
  for (let count = 0; count < maxSteps; count++) if (steps.next().done) return true;
  return false;
}

type Outcome = { readonly results: Feeds } | { readonly error: OctensorError };

async function outcomeOf(graph: Graph, feeds: Feeds, backend: 'native' | 'reference'): Promise<Outcome> {
  try {
    const session = await InferenceSession.create(graph, { backend, threads: 2 });
    try {
      return { results: session.runSync(feeds) };
    } finally {
      await session.release();
    }
  } catch (error) {
    if (error instanceof OctensorError) return { error };
    throw error;
  }
}

/** The nodes that a session keeps: what nobody reads does not run, and fails for no data. */
function lessOf(graph: Graph, feeds: Feeds): Graph {
  if (isDeclared(graph)) return optimize(graph).graph;
  const dims = new Map(Object.entries(feeds).map(([name, tensor]) => [name, tensor.dims]));
  return optimize(specializeGraph(graph, resolveGraph(graph), dims)).graph;
}

/** Whether the model ran. Fails the test where the backends disagree or an error is not typed. */
async function survives(
  t: ExecutionContext,
  load: () => Promise<Graph>,
  random: Random,
  difference: Difference,
  what: string,
): Promise<boolean> {
  try {
    const graph = await load();
    const nodes = resolveGraph(graph);
    const feeds = feedsOf(graph, random);
    if (feeds === undefined || !isSmall(graph, nodes, feeds)) return false;
    const native = await outcomeOf(graph, feeds, 'native');
    let reference = await outcomeOf(graph, feeds, 'reference');
    if ('error' in reference && !('error' in native)) reference = await outcomeOf(lessOf(graph, feeds), feeds, 'reference');
    if ('error' in reference || 'error' in native) {
      const [r, n] = [reference, native].map((outcome) => ('error' in outcome ? outcome.error.message : 'results'));
      if ('error' in reference !== 'error' in native) t.fail(`${what}: reference: ${r}; native: ${n}`);
      return false;
    }
    for (const [name, expected] of Object.entries(reference.results)) {
      const found = difference(native.results[name]!, expected);
      if (found !== undefined) t.fail(`${what}: ${name}: ${found}`);
    }
    return true;
  } catch (error) {
    if (!(error instanceof OctensorError)) t.fail(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
    return false;
  }
}

export async function fuzz(
  t: ExecutionContext,
  make: (random: Random) => () => Promise<Graph>,
  difference: Difference = differenceOf,
): Promise<void> {
  t.timeout(seconds * 1000 + 120_000);
  const end = performance.now() + seconds * 1000;
  const before = process.memoryUsage.rss();
  let [seed, ran] = [firstSeed, 0];
  for (; performance.now() < end; seed++) {
    const random = new Random(seed);
    if (await survives(t, make(random), random, difference, `seed ${seed}`)) ran++;
  }
  t.log(`${seed - firstSeed} models, ${ran} of them ran`);
  t.true(ran > 0, 'none of the damaged models ran: the damage is too great to test anything but the checks');
  const mebibytes = (process.memoryUsage.rss() - before) / 2 ** 20;
  t.true(mebibytes < 2048, `grew by ${mebibytes.toFixed(0)} MiB`);
}
