/** Conv, ConvTranspose, ConvInteger. */
import type { Attributes } from '../../../graph/graph.js';
import type { QParams } from '../../../quant/qparams.js';
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { fromNhwc, quantizeAs, readWindow, spatialRank, toNhwc, windowAttributes } from './images.js';
import { convolutionWeights, kernelOf } from './kernels.js';

export const convolutionRules: Rules = {
  Conv: (node, graph) => convolution(node, graph, { x: node.required(0), w: 1, bias: node.input(2), output: node.outputs[0]! }),
  ConvTranspose: transposed,
  ConvInteger(node, graph) {
    const { rank, sums } = integerConvolution(node, graph, [0, 1, 2, 3]);
    fromNhwc(node, graph, sums, rank, node.outputs[0]!);
  },
};

export interface Convolution {
  /** Names; x has its quantization parameters, if it is quantized. */
  readonly x: string;
  readonly bias: string;
  readonly output: string;
  /** The index of the weights among the node's inputs. */
  readonly w: number;
  readonly quantization?: { readonly weights: QParams; readonly output: QParams };
  readonly activation?: 'none' | 'relu';
}

export function convolution(node: OnnxNode, graph: Lowering, options: Convolution): void {
  const { x, w, bias, output, quantization, activation = 'none' } = options;
  const kernel = kernelOf(node, graph, w);
  const { rank, groups, isDepthwise } = kernel;
  const weights = convolutionWeights(node, graph, node.required(w), kernel, quantization?.weights);
  const attributes = { ...windowAttributes(node, rank), groups, activation };
  const op = isDepthwise ? 'DepthwiseConv2D' : 'Conv2D';
  const [images] = graph.add(node, op, attributes, [toNhwc(node, graph, x, rank), weights, bias]);
  quantizeAs(node, graph, images, quantization?.output);
  fromNhwc(node, graph, images, rank, output);
}

/** Sums of products of integers, with the channels last. `operands`: indices of x, w and their zero points. */
export function integerConvolution(node: OnnxNode, graph: Lowering, operands: readonly [number, number, number, number]) {
  const [x, w, xZeroPoint, wZeroPoint] = operands;
  const kernel = kernelOf(node, graph, w);
  const { rank, groups } = kernel;
  const weights = convolutionWeights(node, graph, node.required(w), { ...kernel, isDepthwise: false });
  const images = toNhwc(node, graph, node.required(x), rank);
  const inputs = [images, weights, node.input(xZeroPoint), node.input(wZeroPoint)];
  const [sums] = graph.add(node, 'ConvInteger', { ...windowAttributes(node, rank), groups }, inputs);
  return { rank, sums };
}

function transposed(node: OnnxNode, graph: Lowering): void {
  const dims = graph.dimsOf(node.required(1));
  const rank = spatialRank(node, dims === undefined ? node.ints('kernel_shape').length : dims.length - 2);
  const groups = node.int('group', 1);
  const pair = (values: readonly number[], otherwise: number) => (rank === 2 ? values : [otherwise, ...values]);
  const outputPadding = pair(sized(node, 'output_padding', rank, 0), 0);
  const attributes = { ...transposedWindow(node, rank), groups, outputPadding, anySize: true };
  const inputs = [toNhwc(node, graph, node.required(0), rank), transposedWeights(node, graph, rank, groups), node.input(2)];
  const [images] = graph.add(node, 'TransposeConv2D', attributes, inputs);
  fromNhwc(node, graph, images, rank, node.outputs[0]!);
}

/** A given size of the output takes the place of the padding, of which an odd one comes before unless it is SAME_UPPER. */
function transposedWindow(node: OnnxNode, rank: 1 | 2): Attributes {
  const { pads: _, ...window } = windowAttributes(node, rank);
  const shape = node.ints('output_shape', []);
  if (shape.length === 0) return windowAttributes(node, rank);
  const size = shape.slice(-rank); // some files have the batch and the channels as well
  if (size.length !== rank || size.some((dim) => dim < 1)) {
    throw node.error('ERR_MODEL_FORMAT', `attribute output_shape: expected ${rank} sizes, got ${shape.join(', ')}`);
  }
  const [outputHeight, outputWidth] = rank === 2 ? size : [1, ...size];
  const padding = readWindow(node, rank).padding === 'same' ? 'same' : 'same-lower';
  return { ...window, padding, outputHeight: outputHeight!, outputWidth: outputWidth! };
}

/** [C, O / groups, KH, KW] as [O, KH, KW, C / groups]. */
function transposedWeights(node: OnnxNode, graph: Lowering, rank: 1 | 2, groups: number): string {
  let weights = node.required(1);
  const dims = graph.dimsOf(weights);
  if (rank === 1) [weights] = graph.add(node, 'ExpandDims', { axis: 2 }, [weights]);
  if (groups === 1) return graph.add(node, 'Transpose', { perm: [1, 2, 3, 0] }, [weights])[0];
  if (dims === undefined || !dims.every((dim) => typeof dim === 'number')) {
    throw node.error('ERR_UNSUPPORTED_OP', 'expected weights of a known shape where there are groups, got computed ones');
  }
  const [depth, channels, ...kernel] = (rank === 2 ? dims : [dims[0]!, dims[1]!, 1, dims[2]!]) as number[];
  const groupDepth = depth! / groups;
  if (!Number.isInteger(groupDepth) || groups < 1) {
    throw node.error('ERR_MODEL_FORMAT', `expected groups that divide ${depth} input channels, got ${groups}`);
  }
  const [split] = graph.add(node, 'Reshape', { shape: [groups, groupDepth, channels!, ...kernel] }, [weights]);
  const [ordered] = graph.add(node, 'Transpose', { perm: [0, 2, 3, 4, 1] }, [split]);
  return graph.add(node, 'Reshape', { shape: [groups * channels!, ...kernel, groupDepth] }, [ordered])[0];
}

function sized(node: OnnxNode, name: string, length: number, otherwise: number): readonly number[] {
  const values = node.ints(name, new Array<number>(length).fill(otherwise));
  if (values.length === length) return values;
  throw node.error('ERR_MODEL_FORMAT', `attribute ${name}: expected ${length} integers, got ${values.length}`);
}
