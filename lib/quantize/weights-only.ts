/** Weights as integers and everything else as it was: for models that memory is too small for, not time. */
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import { quantizeBuckets } from '../quant/granularity.js';
import { insertQuantizers } from '../quant/insert.js';
import type { Placement, Target } from '../quant/place.js';
import type { Scheme } from '../quant/schemes.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import { constantQuantizer, type Roundings } from './constants.js';

/** Each constant that a target multiplies with is dequantized before it: per channel, or in buckets. */
export function quantizeWeightsOnly(graph: Graph, placement: Placement, scheme: Scheme, roundings?: Roundings): Graph {
  const { granularity } = scheme.weights;
  const targets = placement.targets.filter(({ weights }) => weights !== undefined);
  if (typeof granularity === 'object') return inBuckets(graph, targets, scheme, granularity.bucket);
  // Biases stay float: nothing sums products of integers
  const weightsAlone = targets.map(({ bias: _, ...target }): Target => target);
  const nothing: Placement = { ...placement, targets: weightsAlone, quantized: new Set() };
  return insertQuantizers(graph, nothing, { narrow: new Map(), wide: new Map() }, constantQuantizer(graph, scheme, roundings));
}

function inBuckets(graph: Graph, targets: readonly Target[], { weights: options }: Scheme, bucket: number): Graph {
  const values = new Map<string, Value>(graph.values);
  const constants = new Map(graph.constants);
  const fresh = uniqueNames([...graph.values.keys(), ...graph.nodes.map(({ name }) => name)]);
  const byNode = new Map(targets.map((target) => [target.node, target]));
  const define = (name: string, type: DataType, data: ArrayLike<number>, dims: readonly number[]): string => {
    const own = fresh(name);
    values.set(own, { name: own, type, dims });
    constants.set(own, new Tensor<DataType>(type, data as TensorData<DataType>, dims));
    return own;
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const target = byNode.get(node);
    if (target === undefined) return [node];
    const name = target.weights!;
    const { data, dims } = graph.constants.get(name)!;
    const { input, axis } = target.form.weights!;
    const bucketed = quantizeBuckets(data as Float32Array, dims, bucket, { ...options, axis: axis(node) });
    const codes = define(`${name}/quantized`, options.dtype, bucketed.data, bucketed.dims);
    const scales = define(`${name}/scales`, 'float32', bucketed.scales, bucketed.scaleDims);
    const zeros = define(`${name}/zeros`, options.dtype, bucketed.zeroPoints, bucketed.scaleDims);
    const real = fresh(`${name}/dequantized`);
    values.set(real, { name: real, type: 'float32', dims });
    const isMatrix = String(dims) === String(bucketed.dims);
    const matrix = isMatrix ? real : fresh(`${name}/matrix`);
    values.set(matrix, { name: matrix, type: 'float32', dims: bucketed.dims });
    const attributes = { axis: bucketed.axis, blockSize: bucketed.blockSize };
    return [
      {
        name: fresh(`${name}/Dequantize`),
        op: 'DequantizeLinear',
        attributes,
        inputs: [codes, scales, zeros],
        outputs: [matrix],
      },
      // What runtimes know as a product with weights of 4 bits has nothing in between
      ...(isMatrix ? [] : [reshape(fresh(`${name}/Reshape`), matrix, real, dims)]),
      { ...node, inputs: node.inputs.with(input, real) },
    ];
  });
  return { ...graph, nodes, values, constants };
}

function reshape(name: string, input: string, output: string, dims: readonly number[]): Node {
  return { name, op: 'Reshape', attributes: { shape: [...dims] }, inputs: [input], outputs: [output] };
}
