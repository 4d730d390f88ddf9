/** A float graph of a prepared model with its quantization spelled out: what `insertQuantizers` does after training. */
import { OctensorError } from '../errors.js';
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import { integerForms, movesElements } from '../ops/integer-forms.js';
import type { QParams } from '../quant/qparams.js';
import { type QuantizedWeights, quantizeBias } from '../quant/weights.js';
import type { Tensor } from '../tensor.js';
import type { ActivationGrid } from './activation-grid.js';
import type { UniformGrid } from './quantizers/quantizer.js';
import { integerTensor, weightCodes } from './weight-codes.js';

/** What training has found. */
export interface Learned {
  /** By the name of the value that an Identity gives, where a quantizer stood. */
  readonly activations: ReadonlyMap<string, ActivationGrid>;
  /** By the name of a node: products whose weights are integers. */
  readonly weights: ReadonlyMap<string, UniformGrid>;
}

/** The graph's values are declared, and so are those of the result. */
export function spellOut(graph: Graph, { activations, weights }: Learned): Graph {
  const nodes: Node[] = [];
  const values = new Map<string, Value>(graph.values);
  const constants = new Map(graph.constants);
  const fresh = uniqueNames([...graph.values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  /** Of a value on a grid, what its elements are integers of. */
  const grids = new Map<string, QParams>();
  const integers = new Map<string, { readonly real: string; readonly qparams: QParams }>();

  const markers = new Map(
    graph.nodes.flatMap(({ inputs, outputs }) => (activations.has(outputs[0]!) ? [[inputs[0]!, outputs[0]!]] : [])),
  );

  for (const node of graph.nodes) {
    const [output] = node.outputs;
    const grid = activations.get(output!);
    if (grid !== undefined) {
      if (!grids.has(output!)) quantize(node.inputs[0]!, output!, grid);
      continue;
    }
    const marked = markers.get(output!);
    if (node.op === 'Concat' && marked !== undefined) {
      concatenate(node, marked, activations.get(marked)!);
      continue;
    }
    nodes.push(withIntegers(node));
    const shared = grids.get(node.inputs[0]!);
    const keeps = movesElements(node) || node.op === 'Pad';
    if (shared === undefined || !keeps || node.op === 'Concat') continue;
    for (const name of node.outputs) grids.set(name, shared);
  }
  return { ...graph, nodes, values, constants };

  /** What is put together is quantized by the grid of the result, and then only moves. */
  function concatenate(node: Node, target: string, grid: ActivationGrid): void {
    const inputs = node.inputs.map((name, i) => {
      const quantized = fresh(`${target}/${i}`);
      values.set(quantized, { ...values.get(name)!, name: quantized });
      quantize(name, quantized, grid);
      return quantized;
    });
    nodes.push({ ...node, inputs, outputs: [target] });
    grids.set(target, grid.qparams);
  }

  /** `target` is `source` on the grid. */
  function quantize(source: string, target: string, { qparams, clip }: ActivationGrid): void {
    grids.set(target, qparams);
    if (clip === undefined) {
      quantizeOnce(source, target, target, qparams);
      return;
    }
    const [wide, clipped] = [real(`${target}/wide`), real(`${target}/clipped`)];
    quantizeOnce(source, wide, wide, qparams);
    nodes.push({ name: fresh(`${target}/Clip`), op: 'Clip', attributes: { ...clip }, inputs: [wide], outputs: [clipped] });
    quantizeOnce(clipped, target, target, qparams);

    function real(label: string): string {
      const name = fresh(label);
      values.set(name, { ...values.get(target)!, name });
      return name;
    }
  }

  function quantizeOnce(source: string, result: string, label: string, qparams: QParams): void {
    const codes = fresh(`${label}/quantized`);
    values.set(codes, { ...values.get(result)!, name: codes, type: qparams.dtype, qparams });
    const quantizer = { op: 'Quantize', attributes: { to: qparams.dtype }, inputs: [source], outputs: [codes] };
    nodes.push({ name: fresh(`${label}/Quantize`), ...quantizer });
    nodes.push({ name: fresh(`${label}/Dequantize`), op: 'Dequantize', attributes: {}, inputs: [codes], outputs: [result] });
  }

  /** The product with weights and bias of integers behind a Dequantize; any other node as it is. */
  function withIntegers(node: Node): Node {
    const grid = weights.get(node.name);
    const form = integerForms[node.op];
    if (grid === undefined || form?.weights === undefined) return node;
    const inputs = [...node.inputs];
    const name = inputs[form.weights.input]!;
    const own = dequantized(name, (kernel) => weightCodes(kernel, grid, form.weights!.axis(node)));
    inputs[form.weights.input] = own.real;
    const x = grids.get(node.inputs[0]!);
    const bias = form.bias === undefined ? undefined : inputs[form.bias];
    if (x !== undefined && bias !== undefined && bias !== '') {
      const key = `${bias} ${String(x.scale)}`;
      inputs[form.bias!] = dequantized(bias, ({ data }) => quantizeBias(data as Float32Array, x, own.qparams), key).real;
    }
    return { ...node, inputs };
  }

  function dequantized(name: string, codesOf: (constant: Tensor) => QuantizedWeights, key = name) {
    const known = integers.get(key);
    if (known !== undefined) return known;
    const constant = graph.constants.get(name);
    if (constant === undefined) throw new OctensorError('ERR_MODEL_FORMAT', `${name}: expected a constant, got none`);
    const codes = codesOf(constant);
    const { dims } = constant;
    const [stored, real] = [fresh(`${name}/quantized`), fresh(`${name}/dequantized`)];
    constants.set(stored, integerTensor(codes, dims));
    values.set(stored, { name: stored, type: codes.qparams.dtype, dims, qparams: codes.qparams });
    values.set(real, { name: real, type: 'float32', dims });
    nodes.push({ name: fresh(`${name}/Dequantize`), op: 'Dequantize', attributes: {}, inputs: [stored], outputs: [real] });
    const result = { real, qparams: codes.qparams };
    integers.set(key, result);
    return result;
  }
}
