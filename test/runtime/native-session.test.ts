/** What only shows in a process of its own: pauses of the event loop, memory, and environments that end during a run. */
import test from 'ava';
import { InferenceSession } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import { rejectsCode } from '../support/throws-async.js';
import { runScript } from './child.js';
import { layers, picture } from './scripts/layers.js';

const nativeTest = tryAddon() === undefined ? test.skip : test;

nativeTest('a run of native steps does not hold up the event loop; runSync does', async (t) => {
  const { stdout, stderr, code } = await runScript('event-loop', ['60', '56', '64']);
  t.is(stderr, '');
  t.is(code, 0);
  const [run, runSync] = stdout.split(' ').map(Number) as [number, number];
  t.true(run < 0.25, `the event loop stood still for ${run} of a run`);
  t.true(runSync > 0.9, `the event loop stood still for only ${runSync} of a runSync`);
});

for (const [mode, limit] of [
  ['runs', 12], // of outputs alone, 20 MiB are made and dropped
  ['sessions', 100], // they pack half a GiB in total
] as const) {
  nativeTest(`memory stays flat over many ${mode}`, async (t) => {
    const { stdout, stderr, code } = await runScript('flat-memory', [mode], ['--expose-gc']);
    t.deepEqual({ stderr, code }, { stderr: '', code: 0 });
    t.regex(stdout, /^-?\d+\n$/);
    t.true(Number(stdout) < limit, `grew by ${stdout.trim()} MiB`);
  });
}

nativeTest('environments end while runs are under way', async (t) => {
  t.deepEqual(await runScript('end-in-run'), { code: 7, signal: null, stdout: '', stderr: '' });
});

nativeTest('a process waits for its last run and ends then', async (t) => {
  t.deepEqual(await runScript('runs-end'), { code: 0, signal: null, stdout: 'done\n', stderr: '' });
});

nativeTest('many runs at once each get their own results, on one session and on several', async (t) => {
  const graph = layers(3, 12, 24);
  const reference = await InferenceSession.create(graph, { backend: 'reference' });
  const feeds = Array.from({ length: 6 }, (_, i) => ({ v0: picture(12, 24, i + 1) }));
  const expected = feeds.map((feed) => reference.runSync(feed).v3!.data);
  const sessions = await Promise.all(
    [1, 2, 3].map((threads) => InferenceSession.create(graph, { backend: 'native', threads })),
  );
  const runs = Array.from({ length: 90 }, async (_, i) => {
    const { v3 } = await sessions[i % 3]!.run(feeds[i % 6]!);
    return v3!.data;
  });
  const blocking = sessions.map((session, i) => session.runSync(feeds[i]!).v3!.data); // in between
  for (const [i, data] of (await Promise.all(runs)).entries()) t.deepEqual(data, expected[i % 6]!);
  for (const [i, data] of blocking.entries()) t.deepEqual(data, expected[i]!);
});

nativeTest('a run in the background is cancelled before its next step', async (t) => {
  const session = await InferenceSession.create(layers(400, 28, 64), { backend: 'native', threads: 1 });
  const feeds = { v0: picture(28, 64) };
  const controller = new AbortController();
  const run = session.run(feeds, { signal: controller.signal });
  setTimeout(() => controller.abort(), 2);
  await rejectsCode(t, run, 'ERR_ABORTED', 'aborted before node "node');
  t.is((await session.run(feeds)).v1, undefined);
});

nativeTest('outputs of the caller are filled and returned', async (t) => {
  const session = await InferenceSession.create(layers(2, 6, 8), { backend: 'native' });
  const feeds = { v0: picture(6, 8) };
  const expected = session.runSync(feeds).v2!;
  const mine = picture(6, 8, 7);
  const found = await session.run(feeds, { outputs: { v2: mine } });
  t.is(found.v2, mine);
  t.deepEqual(mine.data, expected.data);
  await rejectsCode(t, session.run(feeds, { outputs: { v2: feeds.v0 } }), 'ERR_SHAPE', 'memory that no feed');
  await rejectsCode(t, session.run(feeds, { outputs: { v2: picture(5, 8) } }), 'ERR_SHAPE', '[1, 6, 6, 8]');
  await rejectsCode(t, session.run(feeds, { outputs: { v9: mine } }), 'ERR_OPTION', 'v2');
});
