/** ONNX Runtime in a process of its own; see onnxruntime.ts. */
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import type { TypedArray } from '../../typed-array.js';
import { asyncTimerOf, fastestOf, type TimeCalls, timeBatch } from '../timing.js';
import type { PeerAnswer, PeerRequest, PeerSetup, PeerTensor, PeerTensors } from './messages.js';

/** As much of onnxruntime-node as is used here; the package is optional, and so are its types. */
interface OnnxRuntime {
  readonly env: { readonly versions: { readonly node?: string } };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => PeerTensor;
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: object): Promise<Session>;
  };
}

interface Session {
  run(feeds: PeerTensors, fetches?: PeerTensors): Promise<PeerTensors>;
}

let time: TimeCalls;
let calls: number;

async function setUp({ modulePath, model, feeds: given, threads, isTimed }: PeerSetup): Promise<PeerAnswer> {
  const { InferenceSession, Tensor, env } = createRequire(import.meta.url)(modulePath) as OnnxRuntime;
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const made = (tensors: PeerTensors, dataOf = ({ data }: PeerTensor) => data) =>
    mapped(tensors, (tensor) => new Tensor(tensor.type, dataOf(tensor), tensor.dims));
  const feeds = made(given);
  // Its tensors have getters, which are not sent
  const outputs = mapped(await session.run(feeds), ({ type, data, dims }) => ({ type, data, dims }));
  const version = env.versions.node ?? 'unknown';
  if (!isTimed) return { version, outputs };

  // A new output each time is the faster form for small ones, a tensor of the caller's that is written again for large ones.
  const isPlain = Object.values(outputs).every(({ type }) => type !== 'string');
  const fetches = isPlain ? made(outputs, ({ data }) => (data as TypedArray).slice()) : undefined;
  const again = fetches === undefined ? [] : [asyncTimerOf(() => session.run(feeds, fetches))];
  ({ time, calls } = await fastestOf([asyncTimerOf(() => session.run(feeds)), ...again]));
  await settle();
  return { version, outputs };
}

function mapped(tensors: PeerTensors, map: (tensor: PeerTensor) => PeerTensor): PeerTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, map(tensor)]));
}

/** ONNX Runtime's helper threads spin for some 50 ms after a run: waits until this process is idle. */
async function settle(): Promise<void> {
  const intervalMs = 5;
  for (let waited = 0; waited < 500; waited += intervalMs) {
    const before = process.cpuUsage();
    await setTimeout(intervalMs);
    const { user, system } = process.cpuUsage(before); // microseconds
    if (user + system < intervalMs * 100) return;
  }
}

async function answer(request: PeerRequest): Promise<PeerAnswer> {
  try {
    if (request !== 'time') return await setUp(request);
    // This process has slept: a batch that is not timed gets it going again. A single call is long enough to do without.
    if (calls > 1) await time(calls);
    const secondsPerCall = await timeBatch(time, calls);
    await settle();
    return { secondsPerCall };
  } catch (error) {
    return { error: String((error as Error | undefined)?.message ?? error) };
  }
}

process.on('message', async (request: PeerRequest) => {
  process.send?.(await answer(request));
});
process.on('disconnect', () => process.exit());
