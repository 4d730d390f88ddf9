/** How `quantize` takes batches from an iterable: one at a time, no longer than it wants them, and telling when it does not. */
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { quantize, Tensor } from 'octensor';
import type { Graph } from '#lib/graph/graph.js';
import { caseGraph } from '#lib/ops/cases.js';
import { normals } from '../support/normals.js';

const graph: Graph = caseGraph({
  op: 'FullyConnected',
  inputs: [
    { type: 'float32', dims: [2, 8] },
    { type: 'float32', dims: [4, 8], constant: [...normals(32, 1)] },
  ],
  outputs: [{ type: 'float32', dims: [2, 4] }],
}).graph;
const feeds = (seed: number) => ({ x0: new Tensor('float32', normals(16, seed), [2, 8]) });

test('a batch is asked for when the one before it was run', async (t) => {
  let [asked, done, underWay] = [0, 0, 0];
  async function* source() {
    for (; asked < 12; asked++) {
      t.is(done, asked);
      t.is(++underWay, 1);
      await setTimeout(1);
      underWay--;
      yield feeds(asked);
    }
  }
  await quantize(graph, {
    calibration: source(),
    onProgress: ({ phase, done: count }) => {
      if (phase === 'calibrate') done = count;
    },
  });
  t.deepEqual([asked, done], [12, 12]);
});

test('a tensor may be filled again for the next batch, also where batches are looked at twice', async (t) => {
  const options = { biasCorrection: true, equalize: true } as const;
  const own = [1, 2, 3].map(feeds);
  function* reused() {
    const data = new Float32Array(16);
    for (const { x0 } of own) {
      data.set(x0.data);
      yield { x0: new Tensor('float32', data, [2, 8]) };
    }
    data.fill(NaN);
  }
  const [a, b] = [
    await quantize(graph, { ...options, calibration: own }),
    await quantize(graph, { ...options, calibration: reused() }),
  ];
  t.deepEqual(b.ranges, a.ranges);
  t.deepEqual([...b.graph.constants.values()], [...a.graph.constants.values()]);
});

test('a source is closed where something goes wrong, and not where it is over', async (t) => {
  const closed: string[] = [];
  async function* source(name: string, batches: readonly object[]) {
    let isOver = false;
    try {
      yield* batches as Record<string, Tensor>[];
      isOver = true;
    } finally {
      closed.push(`${name} ${isOver ? 'is over' : 'is left'}`);
    }
  }
  await quantize(graph, { calibration: source('a good one', [feeds(1), feeds(2)]) });
  const wrong = { x0: new Tensor('float32', [1], [1]) };
  await t.throwsAsync(quantize(graph, { calibration: source('a wrong one', [feeds(1), wrong, feeds(2)]) }), {
    code: 'ERR_SHAPE',
  });
  await t.throwsAsync(quantize(graph, { calibration: source('no feeds', [7 as never]) }), { code: 'ERR_OPTION' });
  const controller = new AbortController();
  const stopping = () => controller.abort();
  await t.throwsAsync(
    quantize(graph, {
      calibration: source('one aborted', [feeds(1), feeds(2)]),
      signal: controller.signal,
      onProgress: stopping,
    }),
    { code: 'ERR_ABORTED' },
  );
  await setTimeout(1);
  t.deepEqual(closed, ['a good one is over', 'a wrong one is left', 'no feeds is left', 'one aborted is left']);
});

test('an error of the source is the caller’s own', async (t) => {
  async function* source() {
    yield feeds(1);
    throw new TypeError('no such file');
  }
  await t.throwsAsync(quantize(graph, { calibration: source() }), { instanceOf: TypeError, message: 'no such file' });
});

test('a signal ends the wait for a batch that does not come', async (t) => {
  for (const first of [[], [feeds(1)]]) {
    const controller = new AbortController();
    async function* source() {
      yield* first;
      controller.abort(new Error('enough'));
      await new Promise(() => {});
    }
    const error = await t.throwsAsync(quantize(graph, { calibration: source(), signal: controller.signal }), {
      code: 'ERR_ABORTED',
    });
    t.is((error!.cause as Error).message, 'enough');
  }
});

test('a signal that was given before takes no batch', async (t) => {
  let taken = 0;
  function* source() {
    taken++;
    yield feeds(1);
  }
  await t.throwsAsync(quantize(graph, { calibration: source(), signal: AbortSignal.abort() }), { code: 'ERR_ABORTED' });
  t.is(taken, 0);
});

test('a signal ends later rounds, too', async (t) => {
  for (const phase of ['calibrate', 'equalize', 'calibrate again', 'adaround']) {
    const controller = new AbortController();
    let last = '';
    const seen = new Set<string>();
    const onProgress = ({ phase: own }: { readonly phase: string }) => {
      last = own;
      seen.add(own);
      if (own === phase) controller.abort();
    };
    const calibration = [1, 2, 3].map(feeds);
    const options = { calibration, equalize: true, adaround: true, signal: controller.signal, onProgress } as const;
    const result = await quantize(graph, options).catch((error: unknown) => error);
    t.is((result as { code?: string }).code, seen.has(phase) ? 'ERR_ABORTED' : undefined, phase);
    if (!seen.has(phase)) continue; // nothing to equalize in one layer
    t.is(last, phase);
  }
});
