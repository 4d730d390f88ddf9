/**
 * MatMul: a[..., M, K], b[..., K, N], bias[N]? -> y[..., M, N], with NumPy's rules for vectors and for the dimensions before the
 * last two; `transposeA` and `transposeB` exchange the last two of an operand of two or more first.
 *
 *     quantized:  y = clamp(requantize(bias + Σ (a - za)·(b - zb), M) + zy),   M = sa·sb / sy
 *                 sums are exact where a or y is int16 (accumulate.ts)
 *     to float32: y = clamp(f32(f32(bias + Σ (a - za)·(b - zb)) · f32(sa·sb))), of quantized operands
 *     float:      y = clamp(bias + Σ a·b), summed in float64, rounded once
 *     integers:   wrap around
 *
 * Of quantized operands, b may have a scale and a zero point for each of its N columns. ONNX's MatMul and QLinearMatMul.
 */
import type { DataType } from '../tensor.js';
import { checkWide, isWideProduct, multipliersOf, type ProductType, productTypes } from './accumulate.js';
import { isQuantized } from './elementwise.js';
import { matmulCases } from './matmul-cases.js';
import { forEachProduct, inferMatrixProduct, type MatrixProduct, matrixProduct, type Transposed } from './matrix.js';
import {
  defineOp,
  expectType,
  type NodeContext,
  nodeError,
  type Operand,
  perTensor,
  type RunContext,
  requiredInput,
} from './op.js';
import { type Activation, activationBounds, activations, quantizedBounds, requantizer } from './output-stage.js';
import { product } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';
import { centered, checkWeights, type WeightLayout, weightQParams } from './weights.js';

export interface MatMulAttributes extends Transposed {
  readonly activation: Activation;
  /** Of quantized operands: the type of the result. */
  readonly to: ProductType | 'float32';
}

const plainTypes = ['float32', 'float64', 'int32', 'uint32', 'int64', 'uint64'] as const;
const byteTypes = ['int8', 'uint8'] as const;

export const matmul = defineOp<MatMulAttributes>({
  name: 'MatMul',
  inputs: [2, 3],
  outputs: [1, 1],
  parse: (attributes) => ({
    activation: attributes.oneOf('activation', activations, 'none'),
    transposeA: attributes.boolean('transposeA', false),
    transposeB: attributes.boolean('transposeB', false),
    to: attributes.oneOf('to', [...productTypes, 'float32'], 'input'),
  }),

  infer(context) {
    const [a, b] = [requiredInput(context, 0), requiredInput(context, 1)];
    expectType(context, a, [...plainTypes, ...byteTypes, 'int16']);
    expectType(context, b, isQuantized(a.type) ? byteTypes : [a.type]);
    const { n, dims } = inferMatrixProduct(context, context.attributes);
    const { to } = context.attributes;
    let { type } = a;
    if (isQuantized(type)) {
      type = checkWide(context, a, to === 'float32' ? 'input' : to);
      checkWeights(context, b, columnLayout(b, n, context.attributes));
    }
    checkBias(context, isQuantized(a.type) ? 'int32' : a.type, n);
    return [{ type: isQuantized(a.type) && to === 'float32' ? 'float32' : type, dims }];
  },

  run(context) {
    const shape = matrixProduct(context, context.attributes);
    const y = allocate(context.outputs[0]!.type, product(shape.dims));
    const { type } = context.inputs[0]!;
    if (isQuantized(type)) multiplyQuantized(context, shape, y as Int8Array);
    else if (type === 'int64' || type === 'uint64') multiplyLong(context, shape, y as BigInt64Array);
    else if (type === 'int32' || type === 'uint32') multiplyIntegers(context, shape, y as Int32Array);
    else multiplyReal(context, shape, y as Float32Array);
    return [outputTensor(context, 0, y)];
  },

  cases: matmulCases,
});

/** Columns of b are the output's channels. */
export function columnLayout({ dims }: Operand, n: number, { transposeB }: Transposed): WeightLayout {
  return { channels: n, axis: dims.length < 2 ? 0 : dims.length - (transposeB ? 2 : 1) };
}

function checkBias<A>(context: NodeContext<A>, type: DataType, n: number): void {
  const bias = context.inputs[2];
  if (bias === undefined) return;
  expectType(context, bias, [type]);
  if (bias.dims.length === 1 && bias.dims[0] === n) return;
  throw nodeError('ERR_SHAPE', context.node, `expected a bias of ${n} elements, got [${bias.dims.join(', ')}]`);
}

function multiplyQuantized(context: RunContext<MatMulAttributes>, shape: MatrixProduct, y: Int8Array | Float32Array): void {
  const { m, k, n } = shape;
  const b = requiredInput(context, 1);
  const layout = columnLayout(b, n, context.attributes);
  const { zeroPoints } = weightQParams(context, b, layout);
  const finish = outputStages(context, layout);
  const bias = (context.data[2]?.data as Int32Array | undefined) ?? new Int32Array(n);
  const first = centered(context.data[0]!, perTensor(context, requiredInput(context, 0)).zeroPoint);
  // Columns are contiguous when they are multiplied: their zero points are taken away there
  const second = Int16Array.from(inputData(context, 1) as Int8Array);
  const sumOf = isWideProduct(context) ? exactSum : int32Sum;
  forEachProduct(shape, context.attributes, first, second, ({ rows, rowsAt, columns, columnsAt, to }) => {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        const [from, at, zeroPoint] = [rowsAt + row * k, columnsAt + column * k, zeroPoints[column]!];
        y[to + row * n + column] = finish[column]!(sumOf(bias[column]!, rows, from, columns, at, k, zeroPoint));
      }
    }
  });
}

/** sum + Σ a[from + i] · (b[at + i] - zeroPoint), i < k, modulo 2^32. */
function int32Sum(sum: number, a: Int16Array, from: number, b: Int16Array, at: number, k: number, zeroPoint: number): number {
  let result = sum;
  for (let i = 0; i < k; i++) result = (result + Math.imul(a[from + i]!, b[at + i]! - zeroPoint)) | 0;
  return result;
}

/** The same, as it is. */
function exactSum(sum: number, a: Int16Array, from: number, b: Int16Array, at: number, k: number, zeroPoint: number): number {
  let result = sum;
  for (let i = 0; i < k; i++) result += a[from + i]! * (b[at + i]! - zeroPoint);
  return result;
}

/** From a sum to the output, for each column. */
function outputStages(context: RunContext<MatMulAttributes>, layout: WeightLayout): readonly ((sum: number) => number)[] {
  const { numerics, attributes, inputs, outputs } = context;
  const weights = weightQParams(context, inputs[1]!, layout);
  if (attributes.to === 'float32') {
    const [low, high] = activationBounds[attributes.activation];
    return Array.from(floatScales(context, weights.scales), (scale) => {
      return (sum: number) => Math.min(Math.max(Math.fround(Math.fround(sum) * scale), low), high);
    });
  }
  const y = perTensor(context, outputs[0]!);
  const bounds = quantizedBounds(attributes.activation, y, numerics);
  const multipliers = multipliersOf(context, { kind: 'matrix' }, weights);
  return Array.from(multipliers, (multiplier) => requantizer(multiplier, y, bounds, numerics));
}

/** f32(sa·sb) for each column. */
export function floatScales<A>(context: NodeContext<A>, scales: Float32Array): Float32Array {
  const { scale } = perTensor(context, requiredInput(context, 0));
  return scales.map((own) => own * Math.fround(scale));
}

function multiplyReal(context: RunContext<MatMulAttributes>, shape: MatrixProduct, y: Float32Array): void {
  const { m, k, n } = shape;
  const [low, high] = activationBounds[context.attributes.activation];
  const bias = (context.data[2]?.data as Float32Array | undefined) ?? new Float32Array(n);
  const [a, b] = [inputData(context, 0), inputData(context, 1)] as [Float32Array, Float32Array];
  forEachProduct(shape, context.attributes, a, b, ({ rows, rowsAt, columns, columnsAt, to }) => {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        const [from, at] = [rowsAt + row * k, columnsAt + column * k];
        let sum = bias[column]!;
        for (let i = 0; i < k; i++) sum += rows[from + i]! * columns[at + i]!;
        y[to + row * n + column] = Math.min(Math.max(sum, low), high);
      }
    }
  });
}

/** 32-bit integers: modulo 2^32, which is the same for both signs. */
function multiplyIntegers(context: RunContext<MatMulAttributes>, shape: MatrixProduct, y: Int32Array | Uint32Array): void {
  const { m, k, n } = shape;
  const clamp = plainClamp(context);
  const bias = (context.data[2]?.data as Int32Array | undefined) ?? new Int32Array(n);
  const [a, b] = [inputData(context, 0), inputData(context, 1)] as [Int32Array, Int32Array];
  forEachProduct(shape, context.attributes, a, b, ({ rows, rowsAt, columns, columnsAt, to }) => {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        const [from, at] = [rowsAt + row * k, columnsAt + column * k];
        let sum = bias[column]! | 0;
        for (let i = 0; i < k; i++) sum = (sum + Math.imul(rows[from + i]!, columns[at + i]!)) | 0;
        const place = to + row * n + column;
        y[place] = sum; // wraps into the type first
        y[place] = clamp(y[place]!);
      }
    }
  });
}

function plainClamp({ attributes }: RunContext<MatMulAttributes>): (x: number) => number {
  const [low, high] = activationBounds[attributes.activation];
  return (x) => Math.min(Math.max(x, low), high);
}

function multiplyLong(context: RunContext<MatMulAttributes>, shape: MatrixProduct, y: BigInt64Array | BigUint64Array): void {
  const { m, k, n } = shape;
  const clamp = plainClamp(context);
  const bias = context.data[2]?.data as BigInt64Array | undefined;
  const [a, b] = [inputData(context, 0), inputData(context, 1)] as [BigInt64Array, BigInt64Array];
  forEachProduct(shape, context.attributes, a, b, ({ rows, rowsAt, columns, columnsAt, to }) => {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        const [from, at, place] = [rowsAt + row * k, columnsAt + column * k, to + row * n + column];
        y[place] = bias?.[column] ?? 0n;
        for (let i = 0; i < k; i++) y[place] = y[place]! + rows[from + i]! * columns[at + i]!;
        // Bounds are small: only what is not kept has to be exact as a number
        const clamped = clamp(Number(y[place]));
        if (clamped !== Number(y[place])) y[place] = BigInt(clamped);
      }
    }
  });
}
