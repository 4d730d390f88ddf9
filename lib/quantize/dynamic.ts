/**
 * Matrix products in integers whose activations are quantized as they come, the range of each tensor being found as it runs: the chain
 * DynamicQuantizeLinear, MatMulInteger, Cast, Mul, Add that other tools write too. For transformers, whose ranges vary with the input.
 */
import type { Graph, Node, Value } from '../graph/graph.js';
import { uniqueNames } from '../graph/unique-names.js';
import type { Placement, Target } from '../quant/place.js';
import type { Scheme } from '../quant/schemes.js';
import { quantizeWeights, weightLimits, weightParameters } from '../quant/weights.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';

export interface DynamicallyQuantized {
  readonly graph: Graph;
  /** Of the nodes that could not be. */
  readonly left: readonly { readonly node: string; readonly op: string; readonly reason: string }[];
}

export function quantizeDynamically(graph: Graph, { targets, left }: Placement, scheme: Scheme): DynamicallyQuantized {
  const chain = new Chain(graph, scheme);
  const byNode = new Map(targets.map((target) => [target.node, target]));
  const others = [...left];
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    const target = byNode.get(node);
    if (target === undefined) return [node];
    const reason = whyNot(graph, target);
    if (reason === undefined) return chain.of(target);
    others.push({ node: node.name, op: node.op, reason });
    return [node];
  });
  return { graph: { ...graph, nodes, values: chain.values, constants: chain.constants }, left: others };
}

function whyNot(graph: Graph, { node, weights }: Target): string | undefined {
  if (node.op !== 'MatMul' && node.op !== 'FullyConnected') return 'only matrix products are quantized as they run';
  if (weights === undefined || graph.constants.get(weights)!.dims.length !== 2)
    return 'what it multiplies with is no constant matrix';
  if (node.attributes.transposeA === true) return 'its input is transposed';
  const rank = graph.values.get(node.inputs[0]!)?.dims?.length;
  if (node.op === 'FullyConnected' && rank !== 2) return 'its input is no matrix';
  return (node.attributes.activation ?? 'none') === 'none' ? undefined : 'it clamps its result';
}

class Chain {
  readonly values: Map<string, Value>;
  readonly constants: Map<string, Tensor>;
  readonly #graph: Graph;
  readonly #scheme: Scheme;
  readonly #fresh: (name: string) => string;
  /** Of each input that was quantized: its integers, scale and zero point. */
  readonly #inputs = new Map<string, readonly [string, string, string]>();

  constructor(graph: Graph, scheme: Scheme) {
    this.#graph = graph;
    this.#scheme = scheme;
    this.values = new Map(graph.values);
    this.constants = new Map(graph.constants);
    this.#fresh = uniqueNames([...graph.values.keys(), ...graph.nodes.map(({ name }) => name)]);
  }

  of({ node, form, weights: name, bias }: Target): readonly Node[] {
    const { weights: options } = this.#scheme;
    const given = this.#graph.constants.get(name!)!;
    const isTransposed = form.weights!.axis(node) === 0;
    const [matrix, dims] = isTransposed ? transposed(given) : [given.data as Float32Array, given.dims];
    const qparams = weightParameters(matrix, dims, 1, options);
    const { data } = quantizeWeights(matrix, dims, qparams, weightLimits(options));
    const nodes: Node[] = [];
    const x = node.inputs[0]!;
    let known = this.#inputs.get(x);
    if (known === undefined) {
      known = [this.#fresh(`${x}/quantized`), this.#fresh(`${x}/scale`), this.#fresh(`${x}/zero`)];
      this.#inputs.set(x, known);
      nodes.push(this.#node(`${x}/DynamicQuantizeLinear`, 'DynamicQuantizeLinear', [x], known));
    }
    const [integers, scale, zero] = known;
    const b = this.#constant(`${name}/quantized`, options.dtype, data, dims);
    const scales = typeof qparams.scale === 'number' ? Float32Array.of(qparams.scale) : qparams.scale;
    const bScale = this.#constant(`${name}/scale`, 'float32', scales, typeof qparams.scale === 'number' ? [] : [scales.length]);
    const inputs = [integers, b, zero];
    const { zeroPoint } = qparams;
    if (typeof zeroPoint !== 'number' || zeroPoint !== 0) {
      const zeros = typeof zeroPoint === 'number' ? [zeroPoint] : Array.from(zeroPoint);
      inputs.push(this.#constant(`${name}/zero`, options.dtype, zeros, typeof zeroPoint === 'number' ? [] : [zeros.length]));
    }
    const y = node.outputs[0]!;
    const [sums, reals, factor] = [this.#fresh(`${y}/sums`), this.#fresh(`${y}/reals`), this.#fresh(`${y}/scale`)];
    const product = bias === undefined ? y : this.#fresh(`${y}/product`);
    nodes.push(
      this.#node(node.name, 'MatMulInteger', inputs, [sums]),
      this.#node(`${y}/Cast`, 'Cast', [sums], [reals], { to: 'float32' }),
      this.#node(`${y}/Scale`, 'Mul', [scale, bScale], [factor]),
      this.#node(`${y}/Mul`, 'Mul', [reals, factor], [product]),
    );
    if (bias !== undefined) nodes.push(this.#node(`${y}/Add`, 'Add', [product, bias], [y]));
    return nodes;
  }

  #node(
    name: string,
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Node['attributes'] = {},
  ): Node {
    return { name: this.#fresh(name), op, attributes, inputs, outputs };
  }

  #constant(name: string, type: DataType, data: ArrayLike<number>, dims: readonly number[]): string {
    const own = this.#fresh(name);
    this.values.set(own, { name: own, type, dims });
    this.constants.set(own, new Tensor<DataType>(type, data as TensorData<DataType>, dims));
    return own;
  }
}

function transposed({ data, dims }: Tensor): readonly [Float32Array, readonly number[]] {
  const [rows, columns] = dims as readonly [number, number];
  const source = data as Float32Array;
  const result = new Float32Array(source.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = source[i * columns + j]!;
  return [result, [columns, rows]];
}
