/**
 * SmoothQuant (Xiao, Lin, Seznec, Wu, Demouth and Han 2023, "Accurate and Efficient Post-Training Quantization for Large
 * Language Models", equation 4): activations with a few large channels and weights without share the difficulty out,
 *
 *     (X · diag(s)⁻¹) · (diag(s) · W) = X · W,   s_j = max|X_j|^α / max|W_j|^(1 - α)
 *
 * 1/s goes into the constants that X is made with: those of a LayerNorm, or of a Mul, and of what is added behind them.
 */
import { invalid } from '../../errors.js';
import type { Graph, Node } from '../../graph/graph.js';
import { GraphEdit, isPerChannel, type Place } from './graph-edit.js';
import { type Layer, layerOf } from './layer.js';

export interface Smoothed {
  readonly graph: Graph;
  /** Values that were smoothed, and whose 1/s is in constants that were there before. */
  readonly folded: readonly string[];
  /**
   * Names of nodes Mul by 1/s that were put before the products, where there were no such constants, or something else reads
   * the value too. They pay only if they stay float: an 8-bit Mul would read what was quantized with the large channels in it.
   */
  readonly inserted: readonly string[];
}

/** The least s, as in the paper's code; and the inverse of the largest. */
const least = 1e-5;

/**
 * Of the MatMul and FullyConnected nodes with constant weights. `channelMaxima` has max|X_j| of calibration data, by the name
 * of the value that they read: values that are missing stay as they are. All that read one value have one s. The function is
 * the same but for rounding.
 *
 * Throws ERR_OPTION for an `alpha` that is not from 0 to 1, and ERR_QUANTIZATION for maxima of another length, or that are not
 * finite.
 */
export function smoothQuant(graph: Graph, alpha: number, channelMaxima: ReadonlyMap<string, Float32Array>): Smoothed {
  if (!(alpha >= 0 && alpha <= 1)) throw invalid('ERR_OPTION', 'alpha', 'a number from 0 to 1', alpha);
  const edit = new GraphEdit(graph);
  const [folded, inserted]: [string[], string[]] = [[], []];
  for (const [name, maxima] of channelMaxima) {
    const layers = productsOf(edit, name, maxima.length);
    if (layers.length === 0) continue;
    const scales = scalesOf(name, maxima, layers, alpha);
    if (scales.every((s) => s === 1)) continue;
    for (const layer of layers) edit.setConstant({ node: layer.node, input: 1 }, multiplied(layer, scales), layer.dims);
    const onlyProducts = !edit.isKept(name) && edit.readers(name).length === layers.length;
    const places = onlyProducts ? divisorPlaces(edit, name, scales.length) : undefined;
    if (places === undefined) inserted.push(insertMul(edit, name, layers, scales));
    else {
      for (const place of places) divide(edit, place, scales);
      folded.push(name);
    }
  }
  return { graph: edit.finish(), folded, inserted };
}

function productsOf(edit: GraphEdit, name: string, channels: number): readonly Layer[] {
  return edit.readers(name).flatMap((node) => {
    const layer =
      (node.op === 'MatMul' || node.op === 'FullyConnected') && node.inputs[0] === name && layerOf(edit.graph, node);
    if (!layer || edit.lastDim(name) !== layer.patch) return [];
    if (layer.patch === channels) return [layer];
    throw invalid('ERR_QUANTIZATION', `channel maxima of ${name}`, `${layer.patch} channels`, channels);
  });
}

/** 1 for channels that are 0 on either side. */
function scalesOf(name: string, maxima: Float32Array, layers: readonly Layer[], alpha: number): Float64Array {
  const largest = new Float64Array(maxima.length);
  for (const { weights, outputs, patch, outputStride, patchStride } of layers) {
    for (let o = 0; o < outputs; o++) {
      for (let k = 0; k < patch; k++) {
        const size = Math.abs(weights[o * outputStride + k * patchStride]!);
        if (size > largest[k]!) largest[k] = size;
      }
    }
  }
  return largest.map((w, j) => {
    const x = maxima[j]!;
    if (!(Number.isFinite(x) && x >= 0))
      throw invalid('ERR_QUANTIZATION', `channel maxima of ${name}`, 'finite numbers >= 0', x);
    return w === 0 || x === 0 ? 1 : Math.min(Math.max(x ** alpha / w ** (1 - alpha), least), 1 / least);
  });
}

function multiplied({ weights, outputs, patch, outputStride, patchStride }: Layer, scales: Float64Array): Float32Array {
  const result = new Float32Array(weights.length);
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < patch; k++) {
      const i = o * outputStride + k * patchStride;
      result[i] = weights[i]! * scales[k]!;
    }
  }
  return result;
}

/** Constants which, all divided by s, divide a value that nothing else reads by s. */
function divisorPlaces(edit: GraphEdit, name: string, channels: number): readonly Place[] | undefined {
  const node = edit.producer(name);
  const activation = node?.attributes.activation ?? 'none';
  if (node === undefined || node.outputs[0] !== name || (activation !== 'none' && activation !== 'relu')) return undefined;
  const isConstant = (place: Place): boolean => {
    const constant = edit.constant(place);
    return constant !== undefined && isPerChannel(constant.dims, channels);
  };
  if (node.op === 'LayerNorm') {
    const places = [1, 2].filter((input) => (node.inputs[input] ?? '') !== '').map((input) => ({ node, input }));
    return places.every(isConstant) ? places : undefined;
  }
  const input = [1, 0].find((each) => isConstant({ node, input: each }));
  const through = (value: string | undefined) =>
    value !== undefined && edit.onlyReader(value) === node ? divisorPlaces(edit, value, channels) : undefined;
  if (node.op === 'Relu' || node.op === 'LeakyRelu') return through(node.inputs[0]);
  if (input === undefined) return undefined;
  const place = { node, input };
  if (node.op === 'Mul') return [place];
  const before = node.op === 'Add' || node.op === 'Sub' ? through(node.inputs[1 - input]) : undefined;
  return before && [...before, place];
}

function divide(edit: GraphEdit, place: Place, scales: Float64Array): void {
  const { data, dims } = edit.constant(place)!;
  const channels = scales.length;
  const divided = Float32Array.from(scales, (s, j) => data[data.length === 1 ? 0 : j]! / s);
  edit.setConstant(place, divided, data.length === channels ? dims : [...dims.slice(0, -1), channels]);
}

function insertMul(edit: GraphEdit, name: string, layers: readonly Layer[], scales: Float64Array): string {
  const output = edit.newName(`${name}/smooth`);
  const node: Node = { name: edit.newName(`${name}/Smooth`), op: 'Mul', attributes: {}, inputs: [name, ''], outputs: [output] };
  edit.insertBefore(layers[0]!.node, node, name);
  edit.setConstant(
    { node, input: 1 },
    Float32Array.from(scales, (s) => 1 / s),
  );
  for (const layer of layers) edit.setInput({ node: layer.node, input: 0 }, output);
  return node.name;
}
