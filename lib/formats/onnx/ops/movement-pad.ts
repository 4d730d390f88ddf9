/** ONNX's Pad: our Pad where all about it is known and simple, which passes fuse into convolutions; else PadAxes. */
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

/** Before version 11 pads and value are attributes (and the value is a real number). */
export function pad(node: OnnxNode, graph: Lowering): void {
  const x = node.required(0);
  const mode = node.oneOf('mode', ['constant', 'reflect', 'edge', 'wrap'], 'constant');
  const isOld = node.opset < 11;
  const pads = isOld ? node.ints('pads') : knownNumbers(node, graph, 1);
  const value = isOld ? node.float('value', 0) : knownValue(node, graph);
  const hasAxes = !isOld && node.input(3) !== '';
  const isSimple = (mode === 'constant' && Number.isFinite(value)) || mode === 'reflect';
  if (pads !== undefined && !hasAxes && isSimple && pads.length % 2 === 0 && pads.every((count) => count >= 0)) {
    const rank = pads.length / 2;
    const both = Array.from({ length: rank }, (_, i) => [pads[i]!, pads[i + rank]!]).flat();
    graph.add(node, 'Pad', { pads: both, mode, value: mode === 'constant' ? value! : 0 }, [x], node.outputs);
  } else if (isOld) {
    const inputs = [x, graph.literal(node, 'int64', node.ints('pads')), graph.literal(node, 'float32', [value!], [])];
    graph.add(node, 'PadAxes', { mode }, inputs, node.outputs);
  } else graph.add(node, 'PadAxes', { mode }, [x, node.required(1), node.input(2), node.input(3)], node.outputs);
}

function knownNumbers(node: OnnxNode, graph: Lowering, index: number): readonly number[] | undefined {
  return graph.constantOf(node.required(index)) && graph.numbers(node, index);
}

/**
 * The real number to pad with. An integer is none, nor is the 0 that a quantized tensor gets where the node says nothing: integers
 * stand for themselves there, whatever they mean.
 */
function knownValue(node: OnnxNode, graph: Lowering): number | undefined {
  const name = node.input(2);
  if (name === '') return graph.values.get(node.input(0))?.qparams === undefined ? 0 : undefined;
  const tensor = graph.constantOf(name);
  const isReal = tensor?.type === 'float32' || tensor?.type === 'float64';
  return isReal && tensor.size === 1 ? (tensor.data as Float32Array)[0] : undefined;
}
