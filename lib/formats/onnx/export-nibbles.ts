/**
 * Weights of 4 bits that are dequantized before they are used, as INT4 and UINT4: half of the bytes. What integer operators multiply stays
 * in bytes, as other runtimes know no products of less, unless the graph says that its weights are packed.
 */
import type { Graph, Node } from '../../graph/graph.js';
import type { Tensor } from '../../tensor.js';
import type { ExportGraph } from './export-graph.js';
import type { OnnxValue } from './export-names.js';

/** The first that have DequantizeLinear for them. */
export const nibbleOpset = 21;

const limits = { int8: [-8, 7], uint8: [0, 15] } as const;

/** Of a graph's metadata, and kept in the file: weights whose codes fit 4 bits are stored so, those of integer operators, too. */
const storageKey = 'octensor.weights';
const packed = 'packed';

export function withPackedWeights(graph: Graph): Graph {
  return { ...graph, metadata: { ...graph.metadata, [storageKey]: packed } };
}

/** Whether the codes and zero points of what a node dequantizes fit 4 bits and would not fit 3: by themselves they have none to tell. */
export function readsNibbles(graph: Pick<Graph, 'constants' | 'values' | 'metadata'>, { op, inputs }: Node): boolean {
  const { constants, values, metadata } = graph;
  if (metadata[storageKey] === packed) {
    return inputs.some((name) => {
      const weights = constants.get(name);
      return weights !== undefined && values.get(name)?.qparams !== undefined && weights.dims.length > 1 && fits(weights);
    });
  }
  if (op !== 'Dequantize' && op !== 'DequantizeLinear') return false;
  const codes = constants.get(inputs[0]!);
  if (codes === undefined || !fits(codes) || !usesAll(codes)) return false;
  if (op === 'DequantizeLinear') {
    const zeros = inputs[2] ?? '';
    const tensor = constants.get(zeros);
    return zeros === '' || (tensor !== undefined && fits(tensor));
  }
  const { zeroPoint = 0 } = values.get(inputs[0]!)?.qparams ?? {};
  const [low, high] = limits[codes.type as 'int8' | 'uint8'];
  return (typeof zeroPoint === 'number' ? [zeroPoint] : [...zeroPoint]).every((zero) => zero >= low && zero <= high);
}

function fits({ type, data }: Tensor): boolean {
  if (type !== 'int8' && type !== 'uint8') return false;
  const [low, high] = limits[type];
  return (data as Int8Array | Uint8Array).every((code: number) => code >= low && code <= high);
}

function usesAll({ type, data }: Tensor): boolean {
  const codes = data as Int8Array;
  return type === 'int8' ? codes.some((code) => code < -4 || code > 3) : codes.some((code) => code > 7);
}

/** Makes the nodes from the `first` on read codes and zero points of 4 bits; those of one constant are written once. */
export class Nibbles {
  readonly #graph: ExportGraph;
  readonly #packed = new Map<OnnxValue, OnnxValue>();

  constructor(graph: ExportGraph) {
    this.#graph = graph;
  }

  packFrom(first: number): void {
    const { nodes } = this.#graph;
    for (let i = first; i < nodes.length; i++) {
      const node = nodes[i]!;
      if (node.opType !== 'DequantizeLinear') continue;
      const [codes, scales, zeros] = node.inputs;
      // A node may read activations and a bias, too
      const isNarrow = codes?.tensor !== undefined && fits(codes.tensor);
      if (!isNarrow || (zeros?.tensor !== undefined && !fits(zeros.tensor))) continue;
      nodes[i] = { ...node, inputs: [this.#pack(codes), scales, ...(zeros === undefined ? [] : [this.#pack(zeros)])] };
    }
  }

  #pack(value: OnnxValue | undefined): OnnxValue | undefined {
    if (value?.tensor === undefined) return value;
    const packed = this.#packed.get(value) ?? this.#graph.initializer(value.name, value.tensor, 'nibbles');
    this.#packed.set(value, packed);
    packed.suggest(value.name, value.priority);
    return packed;
  }
}
