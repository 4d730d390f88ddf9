/** Prints by which part of a run's time the event loop stood still at most: of `run`, then of `runSync`. */
import { InferenceSession } from 'octensor';
import { layers, picture } from './layers.js';

const [count, size, channels] = process.argv.slice(2).map(Number) as [number, number, number];
const session = await InferenceSession.create(layers(count, size, channels), { backend: 'native', threads: 1 });
const feeds = { v0: picture(size, channels) };

async function longestPause(run: () => unknown): Promise<number> {
  let last = performance.now();
  let longest = 0;
  let isOver = false;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const start = performance.now();
  await run();
  const time = performance.now() - start;
  isOver = true;
  await new Promise(setImmediate);
  return longest / time;
}

session.runSync(feeds);
// Other processes make pauses too: the least of a few runs is ours.
const runs: number[] = [];
for (let i = 0; i < 5; i++) runs.push(await longestPause(() => session.run(feeds)));
const sync = await longestPause(() => session.runSync(feeds));
console.log(`${Math.min(...runs).toFixed(3)} ${sync.toFixed(3)}`);
