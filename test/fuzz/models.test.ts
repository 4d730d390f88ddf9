/**
 * Damaged models, through everything that a user's call goes through: import, planning, compiling, a run. What comes out is a
 * typed error, or the same bits on both backends; never a crash, a hang or memory without bound. The sanitized builds run this
 * too, so that a read or write out of bounds in native code shows.
 *
 * OCTENSOR_FUZZ_SECONDS: how long each test goes on (2 by default); OCTENSOR_FUZZ_SEED: where it starts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, loadModel, OctensorError, type Tensor } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import { differenceOf } from '#lib/cli/difference.js';
import { randomTensor } from '#lib/cli/operands.js';
import { ops } from '#lib/ops/index.js';
import { makePlan } from '#lib/plan/plan.js';
import { resolveGraph } from '#lib/plan/resolve.js';
import { Random } from '../support/random.js';
import { smallModel } from '../support/small-model.js';
import { mutateBytes, mutateGraph } from './mutate.js';

const seconds = Number(process.env.OCTENSOR_FUZZ_SECONDS ?? 2);
const firstSeed = Number(process.env.OCTENSOR_FUZZ_SEED ?? 1);
const data = process.env.OCTENSOR_TEST_DATA;

/** A model may well be large: only small ones are worth running here. */
const maxMacs = 2e6;
const maxBytes = 2 ** 24;

/** The cost of a run; undefined where every dimension is not known. Throws what a session would. */
function costOf(graph: Graph): { macs: number; bytes: number } | undefined {
  const nodes = resolveGraph(graph);
  const dims = graph.inputs.map((name) => [name, graph.values.get(name)!.dims] as const);
  if (!dims.every(([, sizes]) => sizes.every((size) => typeof size === 'number'))) return undefined;
  const { steps, memory } = makePlan(graph, nodes, new Map(dims as readonly (readonly [string, readonly number[]])[]));
  return { macs: steps.reduce((sum, step) => sum + step.macs, 0), bytes: memory.peakBytes };
}

type Outcome = { readonly results: Readonly<Record<string, Tensor>> } | { readonly error: OctensorError };

async function outcomeOf(graph: Graph, feeds: Record<string, Tensor>, backend: 'native' | 'reference'): Promise<Outcome> {
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

/** Whether the model ran. Fails the test where the backends disagree or an error is not typed. */
async function survives(t: ExecutionContext, load: () => Promise<Graph>, what: string): Promise<boolean> {
  try {
    const graph = await load();
    const cost = costOf(graph);
    if (cost === undefined || cost.macs > maxMacs || cost.bytes > maxBytes) return false;
    const feeds = Object.fromEntries(
      graph.inputs.map((name) => {
        const { type, dims } = graph.values.get(name)!;
        return [name, randomTensor(type, dims as readonly number[])];
      }),
    );
    const reference = await outcomeOf(graph, feeds, 'reference');
    const native = await outcomeOf(graph, feeds, 'native');
    if ('error' in reference || 'error' in native) {
      const [r, n] = [reference, native].map((outcome) => ('error' in outcome ? outcome.error.message : 'results'));
      if ('error' in reference !== 'error' in native) t.fail(`${what}: reference: ${r}; native: ${n}`);
      return false;
    }
    for (const [name, expected] of Object.entries(reference.results)) {
      const difference = differenceOf(native.results[name]!, expected);
      if (difference !== undefined) t.fail(`${what}: ${name}: ${difference}`);
    }
    return true;
  } catch (error) {
    if (!(error instanceof OctensorError)) t.fail(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
    return false;
  }
}

async function fuzz(t: ExecutionContext, make: (random: Random) => () => Promise<Graph>): Promise<void> {
  t.timeout(seconds * 1000 + 120_000);
  const end = performance.now() + seconds * 1000;
  const before = process.memoryUsage.rss();
  let [seed, ran] = [firstSeed, 0];
  for (; performance.now() < end; seed++) {
    if (await survives(t, make(new Random(seed)), `seed ${seed}`)) ran++;
  }
  t.log(`${seed - firstSeed} models, ${ran} of them ran`);
  t.true(ran > 0, 'none of the damaged models ran: the damage is too great to test anything but the checks');
  const mebibytes = (process.memoryUsage.rss() - before) / 2 ** 20;
  t.true(mebibytes < 2048, `grew by ${mebibytes.toFixed(0)} MiB`);
}

const fuzzTest = tryAddon() === undefined ? test.serial.skip : test.serial;

fuzzTest('files: a small model', async (t) => {
  await fuzz(t, (random) => () => loadModel(mutateBytes(random, smallModel)));
});

const realModels = [
  'mlperf_tiny/kws_dscnn_int8.tflite',
  'mlperf_tiny/ad01_int8.tflite',
  'mlperf_tiny/sww_int8.tflite',
  'tflm/micro_speech_int8.tflite',
  'tflm/keyword_scrambled_8bit.tflite',
  'tflm/mnist_lstm_int8.tflite',
  'tflm/person_detect_int8.tflite',
  'ai_edge_quantizer/mnist_quantized.tflite',
];
const found = realModels.filter((model) => data !== undefined && existsSync(join(data, 'models/tflite', model)));
if (found.length === 0) {
  test('files: real models', (t) => {
    t.log('skipped: OCTENSOR_TEST_DATA has no models/tflite');
    t.pass();
  });
} else {
  fuzzTest('files: real models', async (t) => {
    const files = found.map((model) => new Uint8Array(readFileSync(join(data!, 'models/tflite', model))));
    await fuzz(t, (random) => () => loadModel(mutateBytes(random, random.pick(files))));
  });
}

fuzzTest('graphs: the cases of every operator', async (t) => {
  const graphs = [...ops.values()].flatMap((op) => [...op.cases()].map(({ graph }) => graph));
  await fuzz(t, (random) => async () => mutateGraph(random, random.pick(graphs)));
});
