/** The two sides of a comparison: values by name, from a session or from another implementation. */
import type { Graph } from '../graph/graph.js';
import { InferenceSession, type ValueInfo } from '../session.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { MeasuredValue } from './agreement.js';
import type { PeerTensors } from './peers/messages.js';
import { onnxOf, plainFeeds } from './peers/model-peer.js';
import { withOutputs } from './peers/more-outputs.js';
import { findOnnxRuntime, OnnxRuntimePeer } from './peers/onnxruntime.js';

export type Runner = 'auto' | 'native' | 'reference' | 'onnxruntime';

export interface Side {
  readonly path: string;
  readonly graph: Graph;
  readonly runner: Runner;
  readonly threads: number;
}

export interface LayerValue extends MeasuredValue {
  readonly node: string;
  readonly op: string;
}

export interface SideValues {
  readonly outputs: ReadonlyMap<string, MeasuredValue>;
  /** Of every node; empty unless asked for. The peer's values have no node. */
  readonly layers: ReadonlyMap<string, MeasuredValue | LayerValue>;
}

export type Feeds = Readonly<Record<string, Tensor>>;

export function inputsOf({ inputs, values }: Graph): readonly ValueInfo[] {
  return inputs.map((name) => ({ dims: [], ...values.get(name)! }));
}

/** `layers`: whether all values are asked for, or which; the peer has to be told. */
export async function runSide(side: Side, feeds: Feeds, layers: boolean | ReadonlySet<string>): Promise<SideValues> {
  const { runner } = side;
  if (runner !== 'onnxruntime') return runSession(side, runner, feeds, layers !== false);
  return runPeer(side, feeds, typeof layers === 'boolean' ? new Set() : layers);
}

async function runSession(
  { graph, threads }: Side,
  backend: 'auto' | 'native' | 'reference',
  feeds: Feeds,
  perLayer: boolean,
): Promise<SideValues> {
  const session = await InferenceSession.create(graph, { backend, ...(backend !== 'reference' && { threads }) });
  try {
    const results = await session.run(feeds);
    const outputs = new Map(
      session.outputs.map(({ name, qparams }) => [name, { tensor: results[name]!, qparams }] as [string, MeasuredValue]),
    );
    return { outputs, layers: perLayer ? await session.intermediates(feeds) : new Map() };
  } finally {
    await session.release();
  }
}

async function runPeer(side: Side, feeds: Feeds, layers: ReadonlySet<string>): Promise<SideValues> {
  const { graph, threads } = side;
  const modulePath = findOnnxRuntime();
  const model = await onnxOf(side);
  const run = async (shown: string | Uint8Array): Promise<PeerTensors> => {
    const workload = { model: shown, feeds: plainFeeds(feeds) };
    const peer = await OnnxRuntimePeer.start(modulePath, workload, { threads, isTimed: false });
    peer.stop();
    return peer.outputs;
  };
  const valuesOf = (tensors: PeerTensors) =>
    new Map(
      Object.entries(tensors).map(([name, { type, data, dims }]): [string, MeasuredValue] => [
        name,
        { tensor: new Tensor<DataType>(type, data as TensorData<DataType>, dims), qparams: graph.values.get(name)?.qparams },
      ]),
    );
  // Outputs in between keep the peer from merging nodes, which changes its roundings: so only values that the other side has are asked
  // for, not those between the nodes that we merge too; and the outputs that count are of a run without.
  return {
    outputs: valuesOf(await run(model)),
    layers: layers.size > 0 ? valuesOf(await run(await withOutputs(model, layers))) : new Map(),
  };
}
