import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, Tensor, type Value } from 'octensor';
import { optimize } from '#lib/passes/index.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { Random } from '../support/random.js';

const [depth, channels, height, width] = [3, 6, 5, 4];

interface Options {
  readonly zeroPoint?: boolean;
  readonly bias?: boolean;
  readonly groups?: number;
  /** Where the result is turned back: before the Cast, after it, or nowhere. */
  readonly back?: 'before' | 'after' | 'never';
  readonly outputs?: readonly string[];
  /** Of the weights' scale. */
  readonly scales?: number;
}

/** What an importer makes of a dynamically quantized convolution with the channels first; `never`: with the channels last. */
function dynamic({ zeroPoint = true, bias = true, groups = 1, back = 'after', outputs, scales = 1 }: Options = {}): Graph {
  const random = new Random(3);
  const isFirst = back !== 'never';
  const x = isFirst ? [1, depth, height, width] : [1, height, width, depth];
  const y = isFirst ? [1, channels, height, width] : [1, height, width, channels];
  const last = [1, height, width, channels];
  const weights = [channels, 3, 3, depth / groups];
  const bytes = Int8Array.from({ length: weights.reduce((a, b) => a * b, 1) }, () => random.integer(-128, 127));
  const constants: Record<string, Tensor> = {
    w: new Tensor('int8', bytes, weights),
    zw: new Tensor('int8', [3], []),
    sw: new Tensor(
      'float32',
      Float32Array.from({ length: scales }, (_, i) => 0.013 + i),
      scales === 1 ? [] : [scales, 1, 1],
    ),
    c: new Tensor(
      'float32',
      Float32Array.from({ length: channels }, (_, i) => i / 7),
      isFirst ? [1, channels, 1, 1] : [channels],
    ),
  };
  const values: Value[] = [float('x', x), float('s', []), { name: 'z', type: 'uint8', dims: [] }];
  const nodes: NodeSketch[] = [{ op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 's', 'z'] }];
  const node = (op: string, inputs: readonly string[], output: Value, attributes = {}) => {
    nodes.push({ op, inputs, outputs: [output.name], attributes });
    values.push(output);
    return output.name;
  };
  values.push({ name: 'q', type: 'uint8', dims: x });
  const q = isFirst
    ? node('Transpose', ['q'], { name: 'turned', type: 'uint8', dims: [1, height, width, depth] }, { perm: [0, 2, 3, 1] })
    : 'q';
  const operands = zeroPoint ? [q, 'w', 'z', 'zw'] : [q, 'w', 'z'];
  let end = node('ConvInteger', operands, { name: 'sum', type: 'int32', dims: last }, { pads: [1, 1, 1, 1], groups });
  const perm = { perm: [0, 3, 1, 2] };
  if (back === 'before') end = node('Transpose', [end], { name: 'back', type: 'int32', dims: y }, perm);
  end = node('Cast', [end], float('real', back === 'after' ? last : y), { to: 'float32' });
  if (back === 'after') end = node('Transpose', [end], float('back', y), perm);
  const scale = node('Mul', ['s', 'sw'], float('scale', constants.sw!.dims));
  end = node('Mul', [end, scale], float('y', y));
  if (bias) end = node('Relu', [node('Add', [end, 'c'], float('biased', y))], float('rectified', y));
  for (const [name, { type, dims }] of Object.entries(constants)) values.push({ name, type, dims });
  return graphOf({ values, inputs: ['x'], outputs: outputs ?? [end], nodes, constants });
}

/** The operators that are left but Transpose; what they compute has to have the same bits, in native code too. */
async function fused(t: ExecutionContext, graph: Graph): Promise<readonly string[]> {
  const { graph: after } = optimize(graph);
  const random = new Random(9);
  const { dims } = graph.values.get('x')!;
  const x = Float32Array.from({ length: depth * height * width }, () => random.integer(-1000, 3000) / 300);
  const feeds = { x: new Tensor('float32', x, dims as readonly number[]) };
  const run = async (each: Graph, backend: 'reference' | 'native') =>
    (await InferenceSession.create(each, { backend })).runSync(feeds);
  const expected = await run(graph, 'reference');
  for (const actual of [await run(after, 'reference'), await run(graph, 'native')]) {
    for (const name of graph.outputs) t.deepEqual(actual[name]!.data, expected[name]!.data, name);
  }
  return after.nodes.map(({ op }) => op).filter((op) => op !== 'Transpose');
}

test('the chain becomes one operator, wherever images are turned', async (t) => {
  for (const back of ['before', 'after', 'never'] as const) {
    for (const zeroPoint of [true, false]) {
      for (const groups of [1, 3]) {
        t.deepEqual(await fused(t, dynamic({ back, zeroPoint, groups, bias: false })), ['DynamicConv']);
      }
    }
  }
});

test('a bias and the activation after it become part of it', async (t) => {
  for (const back of ['before', 'after', 'never'] as const) t.deepEqual(await fused(t, dynamic({ back })), ['DynamicConv']);
});

test('what somebody else reads stays', async (t) => {
  const chain = ['DynamicQuantizeLinear', 'ConvInteger', 'Cast', 'Mul', 'Mul'];
  t.deepEqual(await fused(t, dynamic({ bias: false, outputs: ['y', 'real'] })), chain);
  t.deepEqual(await fused(t, dynamic({ bias: false, outputs: ['y', 'sum'] })), chain);
  t.deepEqual(await fused(t, dynamic({ outputs: ['y', 'rectified'] })), ['DynamicConv', 'Add']);
});

test('scales of another shape stay', async (t) => {
  const kept = await fused(t, dynamic({ bias: false, scales: channels }));
  t.true(kept.includes('ConvInteger'));
});
