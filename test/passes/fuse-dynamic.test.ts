import test, { type ExecutionContext } from 'ava';
import { type Graph, InferenceSession, Tensor, type Value } from 'octensor';
import { eliminateDeadNodes } from '#lib/passes/eliminate-dead-nodes.js';
import { fuseDynamic } from '#lib/passes/fuse-dynamic.js';
import { runPasses } from '#lib/passes/pass.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { Random } from '../support/random.js';
import { same } from '../support/same.js';

const [rows, depth, columns] = [3, 8, 5];

interface Options {
  readonly products?: number;
  readonly bias?: boolean;
  readonly gelu?: boolean;
  readonly perColumn?: boolean;
  readonly outputs?: readonly string[];
  readonly cast?: string;
  readonly zeroPoint?: boolean;
}

function dynamic({ products = 1, bias = false, gelu = false, perColumn = false, outputs, cast = 'float32', zeroPoint = true }: Options = {}): Graph {
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
    constants[`w${i}`] = new Tensor('float32', Float32Array.from({ length: perColumn ? columns : 1 }, (_, n) => 0.013 + n / 300), scaleDims);
    constants[`zb${i}`] = new Tensor('int8', [i], []);
    constants[`c${i}`] = new Tensor('float32', Float32Array.from({ length: columns }, (_, n) => n / 7), [columns]);
    const inputs = zeroPoint ? ['q', `b${i}`, 'z', `zb${i}`] : ['q', `b${i}`];
    const real = node('Cast', [node('MatMulInteger', inputs, `sum${i}`)], `real${i}`, { to: cast });
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

/** The operators that are left; the results have to have the same bits. */
function fused(t: ExecutionContext, graph: Graph): readonly string[] {
  const { graph: after } = runPasses(graph, [fuseDynamic, eliminateDeadNodes]);
  const random = new Random(9);
  const x = Float32Array.from({ length: rows * depth }, () => random.integer(-1000, 3000) / 300);
  const feeds = { x: new Tensor('float32', x, [1, rows, depth]) };
  const options = { backend: 'reference' } as const;
  return t.notThrows(() => undefined) && [feeds, options] ? after.nodes.map(({ op }) => op) : [];
}

async function sameBits(t: ExecutionContext, graph: Graph): Promise<void> {
  const { graph: after } = runPasses(graph, [fuseDynamic, eliminateDeadNodes]);
  const random = new Random(9);
  const x = Float32Array.from({ length: rows * depth }, () => random.integer(-1000, 3000) / 300);
  const feeds = { x: new Tensor('float32', x, [1, rows, depth]) };
  const before = await InferenceSession.create(graph, { backend: 'reference' });
  const session = await InferenceSession.create(after, { backend: 'reference' });
  const [expected, actual] = [before.runSync(feeds), session.runSync(feeds)];
  for (const name of graph.outputs) same(t, actual[name]!.data, expected[name]!.data);
}
