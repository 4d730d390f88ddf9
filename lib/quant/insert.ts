/**
 * A float graph with quantization spelled out: each value that is quantized goes through a Quantize and a Dequantize, weights and
 * biases are integers behind a Dequantize. Which of that becomes integer arithmetic is what fusing makes of it, here as in files.
 */
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { ActivationParameters } from './parameters.js';
import type { Placement, Target } from './place.js';
import type { QParams } from './qparams.js';
import type { QuantizedWeights } from './weights.js';

/** Integers for constants of targets: their weights, and given those and what their input is quantized as, their bias. */
export interface ConstantQuantizer {
  /** Where `room` is given, with scales at which int32 holds that bias. */
  weights(name: string, axis: number, room?: { readonly bias: string; readonly x: QParams }): QuantizedWeights;
  bias(name: string, x: QParams, weights: QParams): QuantizedWeights;
}

export function insertQuantizers(
  graph: Graph,
  { targets, quantized, groupOf, isWide }: Placement,
  { narrow, wide }: ActivationParameters,
  constantsOf: ConstantQuantizer,
): Graph {
  const nodes: Node[] = [];
  const values = new Map<string, Value>(graph.values);
  const constants = new Map(graph.constants);
  const fresh = uniqueNames([...graph.values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  const renamed = new Map<string, string>();
  const isOutput = new Set(graph.outputs);
  const narrowByGroup = new Map([...narrow].map(([name, qparams]) => [groupOf(name), qparams]));
  const wideByGroup = new Map([...wide].map(([name, qparams]) => [groupOf(name), qparams]));
  const parametersOf = (name: string): QParams => (isWide(name) ? wide : narrow).get(name)!;
  /** Of int16 values, what nodes read that are computed in 8 bits. */
  const narrowed = new Map<string, string>();

  /** Adds what quantizes `source`; what is then read is `target`. */
  const quantize = (source: string, target: string, qparams: QParams): void => {
    const integers = fresh(`${target}/quantized`);
    values.set(integers, { name: integers, type: qparams.dtype, ...dimsOf(values, target), qparams });
    const quantizer = { name: fresh(`${target}/Quantize`), op: 'Quantize', attributes: { to: qparams.dtype } };
    nodes.push({ ...quantizer, inputs: [source], outputs: [integers] });
    nodes.push({
      name: fresh(`${target}/Dequantize`),
      op: 'Dequantize',
      attributes: {},
      inputs: [integers],
      outputs: [target],
    });
  };
  const constant = (name: string, { data, qparams }: QuantizedWeights, dims: readonly number[]): string => {
    const integers = fresh(`${name}/quantized`);
    const real = fresh(`${name}/dequantized`);
    constants.set(integers, new Tensor<DataType>(qparams.dtype, data as TensorData<DataType>, dims));
    values.set(integers, { name: integers, type: qparams.dtype, dims, qparams });
    values.set(real, { name: real, type: 'float32', dims });
    nodes.push({ name: fresh(`${name}/Dequantize`), op: 'Dequantize', attributes: {}, inputs: [integers], outputs: [real] });
    return real;
  };

  for (const name of quantized) {
    const isGiven = graph.inputs.includes(name) || graph.constants.has(name);
    if (!isGiven) continue;
    const target = fresh(`${name}/dequantized`);
    quantize(name, target, parametersOf(name));
    renamed.set(name, target);
  }
  const byNode = new Map(targets.map((target) => [target.node, target]));
  for (const node of graph.nodes) {
    const target = byNode.get(node);
    const inputs = node.inputs.map((name, i) => {
      const read = renamed.get(name) ?? name;
      return target !== undefined && readsNarrow(target, name, i) ? narrowOf(name, read) : read;
    });
    if (target?.weights !== undefined) {
      const { form, weights, bias } = target;
      const { input, axis } = form.weights!;
      const x = (target.isWide ? wideByGroup : narrowByGroup).get(groupOf(target.inputs[0]!));
      const room = target.isWide && bias !== undefined && x !== undefined ? { bias, x } : undefined;
      const integers = constantsOf.weights(weights, axis(node), room);
      inputs[input] = constant(weights, integers, graph.constants.get(weights)!.dims);
      if (bias !== undefined && x !== undefined) {
        inputs[form.bias!] = constant(bias, constantsOf.bias(bias, x, integers.qparams), graph.constants.get(bias)!.dims);
      }
    }
    const outputs = node.outputs.map((name) => {
      if (!quantized.has(name)) return name;
      // What reads the value reads what the integers mean; an output of the graph keeps its name for that
      const raw = isOutput.has(name) ? fresh(`${name}/float`) : name;
      if (raw === name) renamed.set(name, fresh(`${name}/dequantized`));
      return raw;
    });
    nodes.push({ ...node, inputs, outputs });
    for (const [i, name] of node.outputs.entries()) {
      if (quantized.has(name)) quantize(outputs[i]!, isOutput.has(name) ? name : renamed.get(name)!, parametersOf(name));
    }
  }
  return { ...graph, nodes, values, constants };

  function readsNarrow(target: Target, name: string, index: number): boolean {
    return !target.isWide && index !== target.form.bias && name !== target.weights && isWide(name);
  }

  function narrowOf(name: string, read: string): string {
    const known = narrowed.get(name);
    if (known !== undefined) return known;
    const target = fresh(`${name}/narrow`);
    quantize(read, target, narrowByGroup.get(groupOf(name))!);
    narrowed.set(name, target);
    return target;
  }
}

function dimsOf(values: ReadonlyMap<string, Value>, name: string): Pick<Value, 'dims'> | undefined {
  const dims = values.get(name)?.dims;
  return dims === undefined ? undefined : { dims };
}
