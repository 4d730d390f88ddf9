/** Ends environments while runs are under way in the background: workers by `terminate`, then the process by `exit`. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { InferenceSession } from 'octensor';
import { layers, picture } from './layers.js';

for (let round = 0; round < 10; round++) {
  const worker = new Worker(new URL('./session-worker.js', import.meta.url));
  await once(worker, 'message');
  await new Promise((resolve) => setTimeout(resolve, round));
  await worker.terminate();
}
const session = await InferenceSession.create(layers(20, 28, 64), { backend: 'native' });
const feeds = { v0: picture(28, 64) };
await session.run(feeds);
for (let i = 0; i < 4; i++) void session.run(feeds);
setImmediate(() => process.exit(7));
