/**
 * DynamicMatMul: x float32[..., K], then for each of up to four products b int8|uint8[K, N], its scale float32[N] or one, its zero
 * point? (b's type)[N] or one, bias? float32[N] -> y float32[..., N] each.
 *
 *     y = f(f32(f32(Σ (q - z) · (b - zb)) · f32(s · sb)) + bias),   q, s, z = DynamicQuantizeLinear(x)
 *
 * To the bit what DynamicQuantizeLinear, MatMulInteger, Cast, Mul and Add compute one after the other, and `activation` after
 * them. x is quantized once for all products.
 */
import { type CaseInput, type CaseValue, caseGraph } from './cases.js';
import { rangeParameters } from './dynamic-quantize-linear.js';
import { quantizer, type Unary } from './elementwise.js';
import { erf } from './erf.js';
import { erfGeluOf } from './erf-gelu.js';
import { byteTypes, zeroPointsOf } from './integer-products.js';
import {
  defineOp,
  expectRank,
  expectType,
  type NodeContext,
  nodeError,
  type OpCase,
  type Operand,
  type OutputShape,
  type RunContext,
  requiredInput,
} from './op.js';
import { checkedSize, product, shapeText } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

/** Gelu, and the two forms of ErfGelu. */
export const dynamicActivations = ['none', 'gelu', 'gelu-divided', 'gelu-multiplied'] as const;

export interface DynamicMatMulAttributes {
  readonly activation: (typeof dynamicActivations)[number];
}

export const maxProducts = 4;
/** Of each product: b, scale, zero point, bias. */
export const inputsPerProduct = 4;

const functions: Readonly<Record<DynamicMatMulAttributes['activation'], Unary>> = {
  none: (x) => x,
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  'gelu-divided': erfGeluOf('divided'),
  'gelu-multiplied': erfGeluOf('multiplied'),
};

export const dynamicMatMul = defineOp<DynamicMatMulAttributes>({
  name: 'DynamicMatMul',
  inputs: [3, 1 + inputsPerProduct * maxProducts],
  outputs: [1, maxProducts],
  parse: (attributes) => ({ activation: attributes.oneOf('activation', dynamicActivations, 'none') }),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32']);
    checkedSize(context.node, x.dims);
    if (x.dims.length === 0) throw nodeError('ERR_SHAPE', context.node, `expected rows for ${x.name}, got a scalar`);
    return context.node.outputs.map((_, i) => inferProduct(context, x.dims, i));
  },
  run(context) {
    const x = inputData(context, 0) as Float32Array;
    const { scale, zeroPoint } = rangeParameters(x);
    const quantize = quantizer({ dtype: 'uint8', scale, zeroPoint }, 'onnx');
    const centered = Int32Array.from(Uint8Array.from(x, quantize), (q) => q - (zeroPoint || 0));
    return context.outputs.map((_, i) => outputTensor(context, i, multiply(context, i, centered, scale)));
  },
  cases,
});

/** Inputs of product `index`. */
export function productInputs<T>(inputs: readonly T[], index: number): readonly (T | undefined)[] {
  return Array.from({ length: inputsPerProduct }, (_, i) => inputs[1 + inputsPerProduct * index + i]);
}

function inferProduct<A>(context: NodeContext<A>, dims: readonly number[], index: number): OutputShape {
  const first = 1 + inputsPerProduct * index;
  const [b, scale] = [requiredInput(context, first), requiredInput(context, first + 1)];
  const [, , zeroPoint, bias] = productInputs(context.inputs, index);
  expectType(context, b, byteTypes);
  expectRank(context, b, 2);
  const [depth, channels] = b.dims as readonly [number, number];
  if (depth !== dims.at(-1)) {
    const found = `${shapeText(dims)} and ${shapeText(b.dims)}`;
    throw nodeError('ERR_SHAPE', context.node, `expected as many rows of ${b.name} as columns of x, got ${found}`);
  }
  expectType(context, scale, ['float32']);
  expectCount(context, scale, channels, 1);
  if (zeroPoint !== undefined) {
    expectType(context, zeroPoint, [b.type]);
    expectCount(context, zeroPoint, channels, 1);
  }
  if (bias !== undefined) {
    expectType(context, bias, ['float32']);
    expectCount(context, bias, channels, channels);
  }
  const shape = [...dims.slice(0, -1), channels];
  checkedSize(context.node, shape);
  return { type: 'float32', dims: shape };
}

function expectCount<A>({ node }: NodeContext<A>, { name, dims }: Operand, ...counts: readonly [number, number]): void {
  const isOne = dims.length === 0 && counts.includes(1);
  if (isOne || (dims.length === 1 && counts.includes(dims[0]!))) return;
  throw nodeError('ERR_SHAPE', node, `expected ${counts[0]} elements for ${name}, got ${shapeText(dims)}`);
}

function multiply(context: RunContext<DynamicMatMulAttributes>, index: number, x: Int32Array, xScale: number): Float32Array {
  const { fround } = Math;
  const [b, scale, zeroPoint, bias] = productInputs(context.data, index).map(
    (tensor) => tensor?.data as Float32Array | undefined,
  );
  const [depth, channels] = context.inputs[1 + inputsPerProduct * index]!.dims as readonly [number, number];
  const zeroPoints = zeroPointsOf(zeroPoint, channels);
  const scales = Float32Array.from({ length: channels }, (_, i) => xScale * (scale![scale!.length === 1 ? 0 : i] as number));
  const f = functions[context.attributes.activation];
  const y = new Float32Array(product(context.outputs[index]!.dims));
  for (let at = 0, row = 0; at < y.length; at += channels, row += depth) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) {
        sum = (sum + Math.imul(x[row + k]!, b![k * channels + channel]! - zeroPoints[channel]!)) | 0;
      }
      const real = fround(fround(sum) * scales[channel]!);
      y[at + channel] = f(bias === undefined ? real : fround(real + bias[channel]!));
    }
  }
  return y;
}

function* cases(): Iterable<OpCase> {
  const op = 'DynamicMatMul';
  const real = (dims: readonly number[]): CaseValue => ({ type: 'float32', dims });
  for (const type of byteTypes) {
    const b = (rows: number, columns: number): CaseInput => ({ type, dims: [rows, columns], constant: true });
    const one = [b(7, 5), { ...real([]), constant: [0.02] }] as const;
    const zeroPoints = type === 'int8' ? ([-4, 5] as const) : ([120, 135] as const);
    const many: readonly CaseInput[] = [
      b(7, 70),
      { ...real([70]), constant: true, range: [0.01, 0.03] },
      { type, dims: [70], constant: true, range: zeroPoints },
      { ...real([70]), constant: true },
    ];
    for (const dims of [[2, 3, 7], [1, 7], [7]]) {
      const y = (columns: number) => real([...dims.slice(0, -1), columns]);
      yield caseGraph({ op, inputs: [real(dims), ...one], outputs: [y(5)] });
      for (const activation of dynamicActivations) {
        yield caseGraph({ op, attributes: { activation }, inputs: [real(dims), ...many], outputs: [y(70)] });
      }
      const inputs = [real(dims), ...one, undefined, undefined, ...many, ...one, { type, dims: [1], constant: [3] } as const];
      yield caseGraph({ op, inputs, outputs: [y(5), y(70), y(5)] });
    }
    const constants = [b(300, 33), { ...real([1]), constant: [0.01] }, { type, dims: [], constant: [7] }] as const;
    for (const range of [
      [1, 3],
      [-5, -0.5],
      [0, 0],
    ] as const) {
      const name = `${op} ${type}, x from ${range.join(' to ')}`;
      yield caseGraph({ op, name, inputs: [{ ...real([20, 300]), range }, ...constants], outputs: [real([20, 33])] });
    }
  }
}
