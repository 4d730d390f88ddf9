import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, Tensor, type Value } from 'octensor';
import { eliminateDeadNodes } from '#lib/passes/eliminate-dead-nodes.js';
import { fuseDynamic } from '#lib/passes/fuse-dynamic.js';
import { runPasses } from '#lib/passes/pass.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { Random } from '../support/random.js';

const [rows, depth, columns] = [3, 8, 5];

interface Options {
  readonly products?: number;
  readonly bias?: boolean;
  readonly gelu?: boolean;
  readonly perColumn?: boolean;
  readonly outputs?: readonly string[];
  readonly zeroPoint?: boolean;
}

function dynamic({
  products = 1,
  bias = false,
  gelu = false,
  perColumn = false,
  outputs,
  zeroPoint = true,
}: Options = {}): Graph {
  const random = new Random(5);
  const values: Value[] = [float('x', [1, rows, depth]), float('s', [])];
  values.push({ name: 'q', type: 'uint8', dims: [1, rows, depth] }, { name: 'z', type: 'uint8', dims: [] });
  const nodes: NodeSketch[] = [{ op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 's', 'z'] }];
  const constants: Record<string, Tensor> = {};
  const ends: string[] = [];
  const node = (op: string, inputs: readonly string[], output: string, attributes = {}) => {
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  for (let i = 0; i < products; i++) {
    const scaleDims = perColumn ? [columns] : [];
    const data = Int8Array.from({ length: depth * columns }, () => random.integer(-128, 127));
    constants[`b${i}`] = new Tensor('int8', data, [depth, columns]);
    constants[`w${i}`] = new Tensor(
      'float32',
      Float32Array.from({ length: perColumn ? columns : 1 }, (_, n) => 0.013 + n / 300),
      scaleDims,
    );
    constants[`zb${i}`] = new Tensor('int8', [i], []);
    constants[`c${i}`] = new Tensor(
      'float32',
      Float32Array.from({ length: columns }, (_, n) => n / 7),
      [columns],
    );
    const inputs = zeroPoint ? ['q', `b${i}`, 'z', `zb${i}`] : ['q', `b${i}`, 'z'];
    const real = node('Cast', [node('MatMulInteger', inputs, `sum${i}`)], `real${i}`, { to: 'float32' });
    let last = node('Mul', [real, node('Mul', ['s', `w${i}`], `scale${i}`)], `y${i}`);
    values.push({ name: `sum${i}`, type: 'int32', dims: [1, rows, columns] }, float(`scale${i}`, scaleDims));
    if (bias) last = node('Add', [`c${i}`, last], `biased${i}`);
    if (gelu) last = node('ErfGelu', [last], `gelu${i}`, { form: 'divided' });
    for (const name of [`real${i}`, `y${i}`, `biased${i}`, `gelu${i}`]) values.push(float(name, [1, rows, columns]));
    ends.push(last);
  }
  for (const [name, { type, dims }] of Object.entries(constants)) values.push({ name, type, dims });
  return graphOf({ values, inputs: ['x'], outputs: outputs ?? ends, nodes, constants });
}

/** The operators that are left; what they compute has to have the same bits. */
async function fused(t: ExecutionContext, graph: Graph): Promise<readonly string[]> {
  const { graph: after } = runPasses(graph, [fuseDynamic, eliminateDeadNodes]);
  const random = new Random(9);
  const x = Float32Array.from({ length: rows * depth }, () => random.integer(-1000, 3000) / 300);
  const feeds = { x: new Tensor('float32', x, [1, rows, depth]) };
  const [expected, actual] = await Promise.all(
    [graph, after].map(async (each) => (await InferenceSession.create(each, { backend: 'reference' })).runSync(feeds)),
  );
  for (const name of graph.outputs) {
    const [a, b] = [actual, expected].map((results) => new Uint8Array((results![name]!.data as Float32Array).buffer));
    t.deepEqual(a, b, name);
  }
  return after.nodes.map(({ op, outputs }) => (op === 'DynamicMatMul' ? `${op} ${outputs.length}` : op));
}

test('the chain becomes one operator, with or without zero points of the weights, scales per column and a bias', async (t) => {
  for (const zeroPoint of [true, false]) {
    for (const perColumn of [true, false]) {
      for (const bias of [true, false]) {
        t.deepEqual(await fused(t, dynamic({ zeroPoint, perColumn, bias })), ['DynamicMatMul 1']);
      }
    }
  }
});

test('an activation after it becomes part of it', async (t) => {
  t.deepEqual(await fused(t, dynamic({ bias: true, gelu: true })), ['DynamicMatMul 1']);
  t.deepEqual(await fused(t, dynamic({ gelu: true })), ['DynamicMatMul 1']);
});

test('up to four products of one x share an operator', async (t) => {
  t.deepEqual(await fused(t, dynamic({ products: 3, bias: true })), ['DynamicMatMul 3']);
  t.deepEqual(await fused(t, dynamic({ products: 6, bias: true, gelu: true })), ['DynamicMatMul 4', 'DynamicMatMul 2']);
});

test('what somebody else reads stays', async (t) => {
  const chain = ['DynamicQuantizeLinear', 'MatMulInteger', 'Cast', 'Mul', 'Mul'];
  t.deepEqual(await fused(t, dynamic({ outputs: ['y0', 'sum0'] })), chain);
  t.deepEqual(await fused(t, dynamic({ outputs: ['y0', 'real0'] })), chain);
  t.deepEqual(await fused(t, dynamic({ bias: true, outputs: ['y0', 'biased0'] })), ['DynamicMatMul 1', 'Add']);
  t.deepEqual(await fused(t, dynamic({ bias: true, gelu: true, outputs: ['biased0', 'gelu0'] })), [
    'DynamicMatMul 1',
    'ErfGelu',
  ]);
  t.deepEqual(await fused(t, dynamic({ outputs: ['y0', 'q'] })), ['DynamicQuantizeLinear', 'DynamicMatMul 1']);
});

test('a bias that is no vector of columns stays an addition', async (t) => {
  const graph = dynamic({ bias: true });
  const constants = new Map([
    ...graph.constants,
    ['c0', new Tensor('float32', new Float32Array(rows * columns).fill(2), [rows, columns])],
  ]);
  const values = new Map([...graph.values, ['c0', float('c0', [rows, columns])]]);
  t.deepEqual(await fused(t, { ...graph, constants, values }), ['DynamicMatMul 1', 'Add']);
});
