/**
 * Sums of products, which convolutions and matrix products share: operands with their zero points taken away, sums that begin
 * with the bias, and the way from a sum to an output.
 *
 *     quantized:  y = clamp(requantize(bias + Σ (x - zx)·(w - zw), M) + zy),   M = sx·sw / sy
 *     float:      y = clamp(bias + Σ x·w), summed in float64, rounded to float32 once
 *     hybrid:     float x is quantized as it comes, see hybrid.ts
 *
 * Integer sums are int32 and wrap. Where x or y is int16 (`onnx` numerics alone, zero point 0) they are exact: x has 15 bits and a
 * sign, w 8 or 9, and a double holds sums of up to 2^29 of such products. The output stage is the same: float32 of the sum, rounded
 * once. TFLite's quantization specification; Jacob et al. 2017, section 2.2.
 */
import type { Node } from '../graph/graph.js';
import { fixedPointLimit } from '../quant/requant.js';
import type { DataType, Tensor } from '../tensor.js';
import { hybridProducts } from './hybrid.js';
import { expectType, type NodeContext, nodeError, type Operand, perTensor, type RunContext, requiredInput } from './op.js';
import { type Activation, activationBounds, quantizedBounds, type Requantizer, requantizer } from './output-stage.js';
import { checkedSize, product } from './shapes.js';
import { allocate, outputTensor } from './storage.js';
import {
  centered,
  centeredWeights,
  checkedMultiplier,
  checkWeights,
  type WeightLayout,
  type WeightQParams,
  weightQParams,
} from './weights.js';

export interface ProductLayout extends WeightLayout {
  readonly kind: 'convolution' | 'matrix';
  readonly activation: Activation;
  /** Of hybrid matrix products. */
  readonly asymmetricInputs?: boolean;
}

interface Store {
  readonly y: Tensor;
  /** Writes the sums as `channels` outputs from `offset` on, and sets them back to the bias. */
  readonly store: (offset: number, batch: number) => void;
}

export interface IntegerProducts extends Store {
  readonly kind: 'integer';
  readonly x: Int16Array;
  readonly w: Int16Array;
  readonly sums: Int32Array;
}

/** Of float32, or of integers whose sums int32 would not hold. */
interface RealProducts extends Store {
  readonly kind: 'real';
  readonly x: Float32Array | Int16Array;
  readonly w: Float32Array | Int16Array;
  readonly sums: Float64Array;
}

export type Products = IntegerProducts | RealProducts;

/** The type of a result: that of the input, or where one of the two is int16, any of these. */
export const productTypes = ['input', 'int8', 'uint8', 'int16'] as const;
export type ProductType = (typeof productTypes)[number];

/** Checks types, quantization and bias of inputs 0 to 2 (x, w, bias?); returns the output's type. */
export function checkProducts<A>(context: NodeContext<A>, layout: WeightLayout, to: ProductType = 'input'): DataType {
  const { node, inputs } = context;
  const [x, w, bias] = [requiredInput(context, 0), requiredInput(context, 1), inputs[2]];
  const type = checkWide(context, x, to);
  expectType(context, w, x.type === 'float32' ? ['float32', 'int8'] : ['int8', 'uint8']);
  if (w.type !== 'float32') checkWeights(context, w, layout);
  if (bias !== undefined) {
    expectType(context, bias, [x.type === 'float32' ? 'float32' : 'int32']);
    if (checkedSize(node, bias.dims) !== layout.channels) {
      throw nodeError('ERR_SHAPE', node, `expected a bias of ${layout.channels} elements, got [${bias.dims.join(', ')}]`);
    }
  }
  return type;
}

/** The type of a quantized x, and of what becomes of it. */
export function checkWide<A>(context: NodeContext<A>, x: Operand, to: ProductType): DataType {
  const isOnnx = context.numerics === 'onnx';
  expectType(context, x, ['float32', 'int8', 'uint8', ...(isOnnx ? (['int16'] as const) : [])]);
  if (x.type === 'float32') {
    if (to === 'input') return x.type;
    throw nodeError('ERR_DTYPE', context.node, `expected a quantized input for a result of ${to}, got float32`);
  }
  const { zeroPoint } = perTensor(context, x);
  if (x.type === 'int16' && zeroPoint !== 0) {
    throw nodeError('ERR_QUANTIZATION', context.node, `expected zero point 0 for ${x.name} of int16, got ${zeroPoint}`);
  }
  if (to === 'input' || to === x.type) return x.type;
  if (isOnnx && (x.type === 'int16' || to === 'int16')) return to;
  throw nodeError('ERR_DTYPE', context.node, `expected a result of ${x.type}, got ${to}, with ${context.numerics} numerics`);
}

/** Whether sums are exact rather than int32. */
export function isWideProduct({ inputs, outputs }: Pick<RunContext<unknown>, 'inputs' | 'outputs'>): boolean {
  return inputs[0]!.type === 'int16' || outputs[0]!.type === 'int16';
}

/** Before anything is added; `batches` divide x evenly. */
export function prepareProducts<A>(context: RunContext<A>, layout: ProductLayout, batches: number): Products {
  const [x, w] = [context.data[0]!, context.data[1]!];
  if (x.type !== 'float32') return isWideProduct(context) ? wideProducts(context, layout) : quantizedProducts(context, layout);
  return w.type === 'float32' ? realProducts(context, layout) : hybridProducts(context, layout, batches);
}

/** sums[c] += Σ x[xAt + i] · w[wAt + c·wStep + i], for `count` channels from `first` on; i < length. */
export function addRows(
  products: Products,
  xAt: number,
  wAt: number,
  wStep: number,
  length: number,
  first: number,
  count: number,
): void {
  if (products.kind === 'integer') addIntegerRows(products, xAt, wAt, wStep, length, first, count);
  else addRealRows(products, xAt, wAt, wStep, length, first, count);
}

function addIntegerRows(
  { x, w, sums }: IntegerProducts,
  xAt: number,
  wAt: number,
  wStep: number,
  length: number,
  first: number,
  count: number,
): void {
  for (let c = 0; c < count; c++) {
    const row = wAt + c * wStep;
    let sum = 0;
    for (let i = 0; i < length; i++) sum = (sum + Math.imul(x[xAt + i]!, w[row + i]!)) | 0;
    sums[first + c] = sums[first + c]! + sum;
  }
}

function addRealRows(
  { x, w, sums }: RealProducts,
  xAt: number,
  wAt: number,
  wStep: number,
  length: number,
  first: number,
  count: number,
): void {
  for (let c = 0; c < count; c++) {
    const row = wAt + c * wStep;
    let sum = 0;
    for (let i = 0; i < length; i++) sum += x[xAt + i]! * w[row + i]!;
    sums[first + c] = sums[first + c]! + sum;
  }
}

/** sums[c·multiplier + m] += x[xAt + c] · w[wAt + c·multiplier + m], for `channels` input channels. */
export function addTap(products: Products, xAt: number, wAt: number, channels: number, multiplier: number): void {
  if (products.kind === 'integer') addIntegerTap(products, xAt, wAt, channels, multiplier);
  else addRealTap(products, xAt, wAt, channels, multiplier);
}

function addIntegerTap({ x, w, sums }: IntegerProducts, xAt: number, wAt: number, channels: number, multiplier: number): void {
  for (let c = 0, out = 0; c < channels; c++) {
    const value = x[xAt + c]!;
    for (const end = out + multiplier; out < end; out++) sums[out] = (sums[out]! + Math.imul(value, w[wAt + out]!)) | 0;
  }
}

function addRealTap({ x, w, sums }: RealProducts, xAt: number, wAt: number, channels: number, multiplier: number): void {
  for (let c = 0, out = 0; c < channels; c++) {
    const value = x[xAt + c]!;
    for (const end = out + multiplier; out < end; out++) sums[out] = sums[out]! + value * w[wAt + out]!;
  }
}

function quantizedProducts<A>(context: RunContext<A>, layout: ProductLayout): IntegerProducts {
  const { x, w, bias, requantizers } = quantizedOperands(context, layout);
  return { kind: 'integer', x, w, ...requantized(context, requantizers, bias, Int32Array.from(bias)) };
}

function wideProducts<A>(context: RunContext<A>, layout: ProductLayout): RealProducts {
  const { x, w, bias, requantizers } = quantizedOperands(context, layout);
  return { kind: 'real', x, w, ...requantized(context, requantizers, bias, Float64Array.from(bias)) };
}

function quantizedOperands<A>(context: RunContext<A>, layout: ProductLayout) {
  const { numerics, inputs, outputs, data } = context;
  const [x, y] = [perTensor(context, inputs[0]!), perTensor(context, outputs[0]!)];
  const weights = weightQParams(context, inputs[1]!, layout);
  const bounds = quantizedBounds(layout.activation, y, numerics);
  const multipliers = multipliersOf(context, layout, weights);
  return {
    x: centered(data[0]!, x.zeroPoint),
    w: centeredWeights(data[1]!, weights.zeroPoints, layout),
    bias: (data[2]?.data as Int32Array | undefined) ?? new Int32Array(layout.channels),
    requantizers: Array.from(multipliers, (multiplier) => requantizer(multiplier, y, bounds, numerics)),
  };
}

/** `sums` begin as the bias. */
function requantized<A, S extends Int32Array | Float64Array>(
  context: RunContext<A>,
  requantizers: readonly Requantizer[],
  bias: Int32Array,
  sums: S,
): Store & { readonly sums: S } {
  const { type, dims } = context.outputs[0]!;
  const out = allocate(type, product(dims)) as Int8Array | Uint8Array | Int16Array;
  const store = (offset: number) => {
    for (let c = 0; c < sums.length; c++) out[offset + c] = requantizers[c]!(sums[c]!);
    sums.set(bias);
  };
  return { sums, y: outputTensor(context, 0, out), store };
}

/**
 * sx·sw / sy for each channel. Where TFLite has one multiplier for all channels (legacy uint8, matrix products) it multiplies
 * sx and sw in float32 and divides in float64; where it has one per channel, and for all int8 convolutions, all is float64.
 */
export function multipliersOf<A>(
  context: NodeContext<A> & Pick<RunContext<A>, 'outputs'>,
  { kind }: Pick<ProductLayout, 'kind'>,
  { perChannel, scales }: WeightQParams,
): Float64Array {
  const { node, numerics, inputs, outputs } = context;
  const [x, y] = [perTensor(context, inputs[0]!), perTensor(context, outputs[0]!)];
  const inFloat32 = !perChannel && (kind === 'matrix' || inputs[0]!.type === 'uint8');
  return quotients(node, scales, x.scale, y.scale, numerics === 'onnx' ? 'all' : inFloat32 ? 'product' : 'none');
}

/** A function of its own: the loop is compiled while a session is made, which takes as long as what stands around it. */
function quotients(
  node: Node,
  scales: Float32Array,
  xScale: number,
  yScale: number,
  inFloat32: 'all' | 'product' | 'none',
): Float64Array {
  const result = new Float64Array(scales.length);
  for (let i = 0; i < scales.length; i++) {
    const exact = xScale * scales[i]!;
    let quotient = exact / yScale;
    if (inFloat32 === 'all') quotient = Math.fround(Math.fround(exact) / yScale);
    else if (inFloat32 === 'product') quotient = Math.fround(exact) / yScale;
    result[i] = quotient > 0 && quotient < fixedPointLimit ? quotient : checkedMultiplier(node, quotient);
  }
  return result;
}

function realProducts<A>(context: RunContext<A>, { channels, activation }: ProductLayout): RealProducts {
  const { outputs, data } = context;
  const [low, high] = activationBounds[activation];
  const bias = Float64Array.from((data[2]?.data as Float32Array | undefined) ?? new Float32Array(channels));
  const sums = bias.slice();
  const out = new Float32Array(product(outputs[0]!.dims));
  const store = (offset: number) => {
    for (let c = 0; c < channels; c++) out[offset + c] = Math.min(Math.max(sums[c]!, low), high);
    sums.set(bias);
  };
  const [x, w] = [data[0]!.data as Float32Array, data[1]!.data as Float32Array];
  return { kind: 'real', x, w, sums, y: outputTensor(context, 0, out), store };
}
