/** Whole models in onnxruntime-node, one process for each number of threads. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from '../../graph/graph.js';
import { saveModel } from '../../save.js';
import type { Tensor } from '../../tensor.js';
import type { TimedPeer } from '../session-benchmark.js';
import type { PeerTensors } from './messages.js';
import { OnnxRuntimePeer } from './onnxruntime.js';

/** As the user gave it, and what it became here. */
export interface NamedModel {
  readonly path: string;
  readonly graph: Graph;
}

export interface ModelPeer extends TimedPeer {
  stop(): void;
}

/** An ONNX file is read by the peer itself; of another model it gets what `saveModel` writes. Throws as that does. */
export async function onnxOf({ path, graph }: NamedModel): Promise<string | Uint8Array> {
  if (graph.metadata.format === 'onnx') return path;
  const folder = await mkdtemp(join(tmpdir(), 'octensor-peer-'));
  try {
    const file = join(folder, 'model.onnx');
    await saveModel(graph, file);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Throws ERR_PEER where the peer cannot run the model. */
export async function startModelPeers(
  modulePath: string,
  model: NamedModel,
  feeds: Readonly<Record<string, Tensor>>,
  threads: readonly number[],
): Promise<readonly ModelPeer[]> {
  const workload = { model: await onnxOf(model), feeds: plainFeeds(feeds) };
  const peers: ModelPeer[] = [];
  try {
    for (const count of new Set(threads)) {
      const peer = await OnnxRuntimePeer.start(modulePath, workload, { threads: count, isTimed: true });
      const { name, version } = peer;
      peers.push({ name, version, threads: count, time: () => peer.time(), stop: () => peer.stop() });
    }
  } catch (error) {
    stopPeers(peers);
    throw error;
  }
  return peers;
}

export function stopPeers(peers: readonly ModelPeer[]): void {
  for (const peer of peers) peer.stop();
}

/** Without their class, which the way between processes does not keep. */
export function plainFeeds(feeds: Readonly<Record<string, Tensor>>): PeerTensors {
  return Object.fromEntries(Object.entries(feeds).map(([name, { type, data, dims }]) => [name, { type, data, dims }]));
}
