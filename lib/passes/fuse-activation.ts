/**
 * Relu, Relu6 and ReluN1To1 into the operator before them, which clamps its results anyway. Exact for floats: clamping to bounds
 * that float32 has commutes with rounding to it. Exact for 8 bits where the Relu is nothing but a clamp of integers: its table
 * says so, and that takes equal quantization before and after it.
 */
import type { Node, Value } from '../graph/graph.js';
import { type Activation, activationBounds, activations, quantizedBounds } from '../ops/output-stage.js';
import type { Numerics } from '../quant/requant.js';
import { byteTable, isByte } from './byte-table.js';
import { Edit, sameQParams } from './edit.js';
import type { Pass } from './pass.js';

const clamps: Readonly<Record<string, Activation>> = { Relu: 'relu', Relu6: 'relu6', ReluN1To1: 'relu-n1-to-1' };

/** Operators that clamp their results to `activation`'s bounds and do nothing to them after that. */
const clamping: ReadonlySet<string> = new Set([
  'Conv2D',
  'DepthwiseConv2D',
  'TransposeConv2D',
  'FullyConnected',
  'MatMul',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'AveragePool2D',
  'MaxPool2D',
]);

export const fuseActivation: Pass = {
  name: 'fuse-activation',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      const own = clamps[node.op];
      const source = own === undefined ? undefined : edit.producer(node.inputs[0]!);
      if (own === undefined || source === undefined || !clamping.has(source.op) || !edit.isReadOnce(node.inputs[0]!)) continue;
      const activation = intersection((source.attributes.activation ?? 'none') as Activation, own);
      const [x, y] = [edit.value(node.inputs[0]!), edit.value(node.outputs[0]!)];
      if (activation === undefined || !isClamp(node, own, x, y, graph.numerics) || !edit.claim(node, source)) continue;
      edit.replace(source, { ...source, attributes: { ...source.attributes, activation }, outputs: node.outputs });
      edit.replace(node);
    }
    return edit.finish();
  },
};

/** The activation that is both, if there is one. */
function intersection(a: Activation, b: Activation): Activation | undefined {
  const low = Math.max(activationBounds[a][0], activationBounds[b][0]);
  const high = Math.min(activationBounds[a][1], activationBounds[b][1]);
  return activations.find((name) => activationBounds[name][0] === low && activationBounds[name][1] === high);
}

/** Whether the node clamps to the bounds that the operator before it would clamp to. */
function isClamp(node: Node, activation: Activation, x: Value, y: Value, numerics: Numerics): boolean {
  if (x.type === 'float32') return y.type === 'float32';
  if (!isByte(x) || y.qparams === undefined || !sameQParams(x.qparams, y.qparams)) return false;
  const { dtype, scale, zeroPoint } = y.qparams;
  const bounds = { dtype, scale: scale as number, zeroPoint: zeroPoint as number };
  const [min, max] = quantizedBounds(activation, bounds, numerics);
  const table = byteTable(node, x, y, numerics);
  if (table === undefined) return false;
  const integer = (byte: number) => (x.type === 'int8' ? (byte << 24) >> 24 : byte);
  return Array.from(table).every((value, byte) => value === Math.min(Math.max(integer(byte), min), max));
}
