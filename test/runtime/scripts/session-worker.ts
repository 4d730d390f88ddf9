/** Runs a long network in the background, again and again, after telling that the first run is under way. */
import { parentPort } from 'node:worker_threads';
import { InferenceSession } from 'octensor';
import { layers, picture } from './layers.js';

const session = await InferenceSession.create(layers(20, 28, 64), { backend: 'native', threads: 2 });
const feeds = { v0: picture(28, 64) };
const first = [session.run(feeds), session.run(feeds), session.run(feeds)];
parentPort?.postMessage('running');
await Promise.all(first);
for (;;) await Promise.all([session.run(feeds), session.run(feeds)]);
