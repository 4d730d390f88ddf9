/**
 * Prints by how many MiB the process grew: `runs`: over 10,000 runs; `sessions`: over 200 sessions of 2 MiB of weights. What leaks
 * grows in every round; heaps and the shadows that sanitizers keep of memory grow in some. So it is the smallest growth of four
 * rounds, times four.
 */
import { InferenceSession } from 'octensor';
import { layers, picture } from './layers.js';

declare const gc: () => void; // of --expose-gc: garbage is no leak

function mebibytes(): number {
  gc();
  return process.memoryUsage.rss() / 2 ** 20;
}

async function growth(some: (count: number) => Promise<void>, warmUp: number, count: number): Promise<number> {
  const rounds = 4;
  await some(warmUp);
  let smallest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = mebibytes();
    await some(count / rounds);
    smallest = Math.min(smallest, mebibytes() - before);
  }
  return smallest * rounds;
}

async function runs(): Promise<number> {
  const session = await InferenceSession.create(layers(2, 8, 16), { backend: 'native' });
  const feeds = { v0: picture(8, 16) };
  const some = async (count: number) => {
    for (let i = 0; i < count; i += 10) {
      await Promise.all(Array.from({ length: 5 }, () => session.run(feeds)));
      for (let k = 0; k < 5; k++) session.runSync(feeds);
    }
  };
  return growth(some, 2000, 10_000);
}

async function sessions(): Promise<number> {
  const graph = layers(1, 1, 512);
  const feeds = { v0: picture(1, 512) };
  const some = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const session = await InferenceSession.create(graph, { backend: 'native' });
      await session.run(feeds);
      await session.release();
    }
  };
  return growth(some, 20, 200);
}

console.log(Math.round(await (process.argv[2] === 'runs' ? runs() : sessions())));
