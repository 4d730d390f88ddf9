/** Activations between two layers, as files spell them: quantized they are tables, the same in both backends and from the file. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Graph, InferenceSession, loadModel, quantize, saveModel, Tensor } from 'octensor';
import { agreementOf } from '#lib/cli/agreement.js';
import { float, floats, graphOf, type NodeSketch } from '../support/graphs.js';
import { normals } from '../support/normals.js';

const [rows, width] = [16, 24];
const scalars = { three: 3, six: 6, half: 0.5, one: 1, root: Math.SQRT2, factor: 1.702 };

/** x -> FullyConnected -> `nodes`, from a to b -> FullyConnected -> y, all [16, 24]. */
function network(nodes: readonly NodeSketch[]): Graph {
  const weights = (seed: number) =>
    new Tensor(
      'float32',
      normals(width * width, seed).map((w) => w / 3),
      [width, width],
    );
  const names = ['x', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'y'];
  const constants = {
    w: weights(1),
    v: weights(2),
    ...Object.fromEntries(
      Object.entries(scalars).map(([name, value]) => [name, new Tensor('float32', floats(value).data, [])]),
    ),
  };
  return graphOf({
    values: [
      ...names.map((name) => float(name, [rows, width])),
      ...Object.entries(constants).map(([name, { dims }]) => float(name, dims)),
    ],
    inputs: ['x'],
    outputs: ['y'],
    constants,
    nodes: [
      { op: 'FullyConnected', inputs: ['x', 'w'], outputs: ['a'] },
      ...nodes,
      { op: 'FullyConnected', inputs: ['b', 'v'], outputs: ['y'] },
    ],
  });
}

const step = (op: string, inputs: readonly string[], output: string, attributes: NodeSketch['attributes'] = {}): NodeSketch => {
  return { op, inputs, outputs: [output], attributes };
};

/** What stands between, what becomes of it. */
const activations: Readonly<Record<string, readonly [readonly NodeSketch[], string]>> = {
  Clip: [[step('Clip', ['a'], 'b', { min: -0.7, max: 1.3 })], 'Clip'],
  'Clip from below': [[step('Clip', ['a'], 'b', { min: 0.25 })], 'Clip'],
  Gelu: [[step('Gelu', ['a'], 'b')], 'Gelu'],
  'Gelu by tanh': [[step('Gelu', ['a'], 'b', { approximate: 'tanh' })], 'Gelu'],
  'Gelu in five operators': [
    [
      step('Div', ['a', 'root'], 'c'),
      step('Erf', ['c'], 'd'),
      step('Add', ['d', 'one'], 'e'),
      step('Mul', ['a', 'e'], 'f'),
      step('Mul', ['f', 'half'], 'b'),
    ],
    'Gelu',
  ],
  HardSigmoid: [[step('HardSigmoid', ['a'], 'b', { alpha: 0.25, beta: 0.5 })], 'HardSigmoid'],
  HardSwish: [[step('HardSwish', ['a'], 'b')], 'HardSwish'],
  'HardSwish in four operators': [
    [step('Add', ['a', 'three'], 'c'), step('Relu6', ['c'], 'd'), step('Mul', ['a', 'd'], 'e'), step('Div', ['e', 'six'], 'b')],
    'HardSwish',
  ],
  Logistic: [[step('Logistic', ['a'], 'b')], 'Logistic'],
  Swish: [[step('Swish', ['a'], 'b')], 'Swish'],
  'Swish of another factor': [[step('Swish', ['a'], 'b', { alpha: 1.702 })], 'Swish'],
  'Swish in two operators': [[step('Logistic', ['a'], 'c'), step('Mul', ['a', 'c'], 'b')], 'Swish'],
  'Swish in three operators': [
    [step('Mul', ['a', 'factor'], 'c'), step('Logistic', ['c'], 'd'), step('Mul', ['d', 'a'], 'b')],
    'Swish',
  ],
  Tanh: [[step('Tanh', ['a'], 'b')], 'Tanh'],
};

const feeds = (seed: number) => ({ x: new Tensor('float32', normals(rows * width, seed), [rows, width]) });
const folder = mkdtempSync(join(tmpdir(), 'octensor-activations-'));

async function outputOf(graph: Graph, backend: 'native' | 'reference', numerics?: 'single'): Promise<Tensor> {
  const session = await InferenceSession.create(graph, { backend, ...(numerics && { numerics }) });
  const { y } = await session.run(feeds(9));
  await session.release();
  return y!;
}

for (const [title, [nodes, op]] of Object.entries(activations)) {
  test(`${title}: between 8-bit layers, an 8-bit table`, async (t) => {
    const graph = network(nodes);
    const calibration = [1, 2, 3, 4].map(feeds);
    const { graph: quantized, log } = await quantize(graph, { calibration });
    t.deepEqual(
      log.filter(({ reason }) => reason !== undefined),
      [],
    );
    const operators = quantized.nodes.map((node) => node.op).filter((name) => name !== 'Quantize' && name !== 'Dequantize');
    t.deepEqual(operators, ['FullyConnected', op, 'FullyConnected']);

    const native = await outputOf(quantized, 'native');
    t.deepEqual(native, await outputOf(quantized, 'reference'));
    const path = join(folder, `${title}.onnx`);
    await saveModel(quantized, path);
    const loaded = await loadModel(path);
    t.true(loaded.nodes.some((node) => node.op === op));
    t.deepEqual(await outputOf(loaded, 'native'), native);
    t.deepEqual(await outputOf(loaded, 'reference'), native);
    const { sqnrDb } = agreementOf({ tensor: native }, { tensor: await outputOf(graph, 'native') })!;
    t.true(sqnrDb > 25, `${sqnrDb} dB`);
    // In integers alone, tables are the same; the layers round at other places
    const single = await outputOf(quantized, 'native', 'single');
    t.true(agreementOf({ tensor: single }, { tensor: native })!.sqnrDb > 35);
  });

  test(`${title}: where it stays float, the file gives the same bits`, async (t) => {
    const { graph: quantized } = await quantize(network(nodes), { mode: 'weights' });
    const path = join(folder, `${title} float.onnx`);
    await saveModel(quantized, path);
    t.deepEqual(await outputOf(await loadModel(path), 'native'), await outputOf(quantized, 'native'));
  });
}
