import test from 'ava';
import type { Graph, Value } from 'octensor';
import { Tensor } from 'octensor';
import { runPasses } from '#lib/passes/pass.js';
import { usePlanarDepthwise } from '#lib/passes/planar-depthwise.js';
import { graphOf } from '../support/graphs.js';

interface Options {
  readonly type?: 'uint8' | 'float32';
  readonly channels?: number;
  readonly outputs?: readonly string[];
  /** Outputs of each channel. */
  readonly multiplier?: number;
}

/** Transpose(DepthwiseConv2D(Transpose(x))) on 4 x 5 pixels. */
function graphFor({ type = 'uint8', channels = 3, outputs = ['y'], multiplier = 1 }: Options = {}): Graph {
  const qparams = { dtype: 'uint8', scale: 0.5, zeroPoint: 3 } as const;
  const value = (name: string, dims: readonly number[]): Value => {
    return { name, type, dims, ...(type === 'uint8' && { qparams }) };
  };
  const out = channels * multiplier;
  const planes = [1, channels, 4, 5];
  const w = Array.from({ length: 9 * out }, (_, i) => i);
  return graphOf({
    values: [
      value('x', planes),
      value('xt', [1, 4, 5, channels]),
      value('w', [1, 3, 3, out]),
      value('yt', [1, 4, 5, out]),
      value('y', [1, out, 4, 5]),
    ],
    inputs: ['x'],
    outputs,
    constants: { w: new Tensor(type, type === 'uint8' ? Uint8Array.from(w) : Float32Array.from(w), [1, 3, 3, out]) },
    nodes: [
      { op: 'Transpose', inputs: ['x'], outputs: ['xt'], attributes: { perm: [0, 2, 3, 1] } },
      { op: 'DepthwiseConv2D', inputs: ['xt', 'w'], outputs: ['yt'], attributes: { padding: 'same' } },
      { op: 'Transpose', inputs: ['yt'], outputs: ['y'], attributes: { perm: [0, 3, 1, 2] } },
    ],
  });
}

const opsOf = (graph: Graph) => runPasses(graph, [usePlanarDepthwise]).graph.nodes.map(({ op, inputs }) => [op, ...inputs]);

test('a depthwise convolution between transposes works on planes', (t) => {
  t.deepEqual(opsOf(graphFor()), [['PlanarDepthwiseConv2D', 'x', 'w']]);
});

test('other types, a single channel, several outputs a channel and values that others read stay', (t) => {
  for (const options of [
    { type: 'float32' },
    { channels: 1 },
    { multiplier: 2 },
    { outputs: ['y', 'yt'] },
    { outputs: ['y', 'xt'] },
  ] as const) {
    t.is(opsOf(graphFor(options)).length, 3, JSON.stringify(options));
  }
});
