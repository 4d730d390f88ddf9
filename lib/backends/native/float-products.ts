/** Operators of float32 that multiply what is computed: products of matrices, attention, layer normalization. */
import { type HeadAttentionAttributes, maskDims } from '../../ops/head-attention.js';
import type { LayerNormAttributes } from '../../ops/layer-norm.js';
import type { MatMulAttributes } from '../../ops/matmul.js';
import type { Operand } from '../../ops/op.js';
import { activationBounds } from '../../ops/output-stage.js';
import { broadcastStrides, normalizeAxis, product, sameShape } from '../../ops/shapes.js';
import { mergeBroadcast } from './float-elementwise.js';
import { defineLowering, type Lowerings } from './lowering.js';

export const floatProductLowerings: Lowerings = {
  MatMul: defineLowering<MatMulAttributes>((step, context) => {
    const [a, b, bias] = step.inputs as readonly [Operand, Operand, Operand?];
    const [y] = step.outputs as readonly [Operand];
    const { activation, transposeA, transposeB } = step.attributes;
    const isPlain = a.type === 'float32' && !transposeA && bias === undefined;
    if (!isPlain || a.dims.length < 2 || b.dims.length < 2 || a.dims.includes(0)) return undefined;
    const [m, n] = y.dims.slice(-2) as [number, number];
    const [aBatches, bBatches, batches] = [a, b, y].map(({ dims }) => dims.slice(0, -2)) as [number[], number[], number[]];
    const merged = mergeBroadcast(batches, broadcastStrides(aBatches, batches), broadcastStrides(bBatches, batches));
    const fields = {
      ...{ a: context.place(a), b: context.place(b), y: context.place(y) },
      ...{ m, k: a.dims.at(-1)!, n, aCount: product(aBatches), bCount: product(bBatches), transposed: Number(transposeB) },
      ...{ batchDims: merged.dims, aStrides: merged.aStrides, bStrides: merged.bStrides },
      bounds: Float32Array.from(activationBounds[activation]),
    };
    return [{ kind: 'float-matmul', fields }];
  }),

  HeadAttention: defineLowering<HeadAttentionAttributes>((step, context) => {
    const [q, k, v, mask] = step.inputs as readonly [Operand, Operand, Operand, Operand?];
    const [y] = step.outputs as readonly [Operand];
    const [batches, queries, heads, depth] = q.dims as readonly [number, number, number, number];
    const [, keys, , valueDepth] = v.dims as readonly [number, number, number, number];
    const { scale, isDivided } = step.attributes;
    if (keys === 0 || depth === 0 || !(scale > 0)) return undefined;
    const places = { q: context.place(q), k: context.place(k), v: context.place(v), y: context.place(y) };
    const sizes = { batches, heads, queries, keys, depth, valueDepth };
    const added = mask && { mask: context.place(mask), maskDims: Int32Array.from(maskDims(mask.dims)) };
    return [{ kind: 'float-attention', fields: { ...places, ...sizes, ...added, beta: isDivided ? 1 / scale : scale } }];
  }),

  LayerNorm: defineLowering<LayerNormAttributes>((step, context) => {
    const [x, scale, bias] = step.inputs as readonly [Operand, Operand, Operand?];
    const { epsilon, center } = step.attributes;
    const normalized = x.dims.slice(normalizeAxis(step, step.attributes.axis, x.dims.length));
    const isRow = ({ dims, type }: Operand) => type === 'float32' && sameShape(dims, normalized);
    if (x.type !== 'float32' || step.outputs.length > 1 || !isRow(scale) || (bias !== undefined && !isRow(bias)))
      return undefined;
    const length = product(normalized);
    if (!(epsilon >= 0) || length === 0) return undefined;
    const fields = {
      ...{ x: context.place(x), scale: context.place(scale), y: context.place(step.outputs[0]!) },
      ...(bias !== undefined && { bias: context.place(bias) }),
      ...{ rows: product(x.dims) / length, length, epsilon, center: Number(center) },
    };
    return [{ kind: 'float-layer-norm', fields }];
  }),
};
