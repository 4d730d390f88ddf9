/**
 * HeadAttention: q[B, M, H, D], k[B, N, H, D], v[B, N, H, E], mask?, all float32, -> y[B, M, H, E]. For each head
 *
 *     scores = q · kᵀ,   weights = softmax(scores / scale + mask) or softmax(scores · scale + mask),   y = weights · v
 *
 * (Vaswani et al. 2017, section 3.2). The mask is broadcast to [B, H, M, N]. Scores, scaled scores, masked scores, weights and y are
 * rounded to float32, as MatMul, Div or Mul, Add, Softmax and MatMul on transposed operands do one after the other.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectRank, expectType, nodeError, type RunContext, requiredInput } from './op.js';
import { broadcastStrides, checkedSize, product, shapeText } from './shapes.js';
import { realSoftmax } from './softmax.js';
import { inputData, outputTensor } from './storage.js';

export interface HeadAttentionAttributes {
  readonly scale: number;
  readonly isDivided: boolean;
}

export const headAttention = defineOp<HeadAttentionAttributes>({
  name: 'HeadAttention',
  inputs: [3, 4],
  outputs: [1, 1],
  parse: (attributes) => ({
    scale: Math.fround(attributes.number('scale', 1)),
    isDivided: attributes.boolean('isDivided', false),
  }),
  infer(context) {
    const operands = [0, 1, 2].map((index) => requiredInput(context, index));
    for (const operand of operands) {
      expectType(context, operand, ['float32']);
      expectRank(context, operand, 4);
      checkedSize(context.node, operand.dims);
    }
    const [q, k, v] = operands.map(({ dims }) => dims) as [readonly number[], readonly number[], readonly number[]];
    const fit = [k[0] === q[0], k[2] === q[2], k[3] === q[3], v[0] === q[0], v[1] === k[1], v[2] === q[2]];
    if (fit.includes(false)) {
      const found = [q, k, v].map(shapeText).join(', ');
      throw nodeError('ERR_SHAPE', context.node, `expected [B, M, H, D], [B, N, H, D] and [B, N, H, E], got ${found}`);
    }
    const mask = context.inputs[3];
    if (mask !== undefined) {
      expectType(context, mask, ['float32']);
      const whole = [q[0]!, q[2]!, q[1]!, k[1]!];
      if (mask.dims.length > 4 || maskDims(mask.dims).some((dim, i) => dim !== 1 && dim !== whole[i])) {
        const found = shapeText(mask.dims);
        throw nodeError('ERR_SHAPE', context.node, `expected a mask that is broadcast to ${shapeText(whole)}, got ${found}`);
      }
    }
    const dims = [q[0]!, q[1]!, q[2]!, v[3]!];
    checkedSize(context.node, dims);
    return [{ type: 'float32', dims }];
  },
  run(context) {
    const [batches, queries, heads] = context.inputs[0]!.dims as readonly [number, number, number];
    const y = new Float32Array(product(context.outputs[0]!.dims));
    for (let batch = 0; batch < batches; batch++) {
      for (let query = 0; query < queries; query++) {
        for (let head = 0; head < heads; head++) attend(context, { batch, query, head }, y);
      }
    }
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    const op = 'HeadAttention';
    for (const [b, m, n, h, d, e] of [
      [1, 5, 5, 2, 4, 4],
      [2, 3, 40, 3, 7, 33],
      [1, 70, 17, 1, 64, 64],
    ] as const) {
      const inputs = [
        [b, m, h, d],
        [b, n, h, d],
        [b, n, h, e],
      ].map((dims) => ({ type: 'float32', dims, range: [-1, 1] }) as const);
      const outputs = [{ type: 'float32', dims: [b, m, h, e] } as const];
      for (const attributes of [{}, { scale: 8, isDivided: true }, { scale: 0.3 }]) {
        yield caseGraph({ op, attributes, inputs, outputs });
      }
      for (const dims of [[b, 1, 1, n], [m, n], [1, h, m, n], [b, h, m, 1], []] as const) {
        const size = dims.reduce<number>((product, dim) => product * dim, 1);
        // Every third score is masked out, by one of the numbers that stand for infinity, or by it where others are left
        const lowest = [-1e4, -3.4e38, dims.at(-1) === n ? -Infinity : -1e9] as const;
        const data = Array.from({ length: size }, (_, i) => (i % 3 === 1 ? lowest[Math.floor(i / 3) % 3]! : (i % 7) / 4));
        const mask = { type: 'float32', dims, data } as const;
        yield caseGraph({ op, attributes: { scale: 8, isDivided: true }, inputs: [...inputs, mask], outputs });
        yield caseGraph({ op, attributes: { scale: 0.3 }, inputs: [...inputs, { ...mask, constant: data }], outputs });
      }
    }
  },
});

/** As four dimensions. */
export function maskDims(dims: readonly number[]): readonly number[] {
  return [...new Array<number>(Math.max(4 - dims.length, 0)).fill(1), ...dims];
}

interface Position {
  readonly batch: number;
  readonly query: number;
  readonly head: number;
}

/** One row of y. */
function attend(context: RunContext<HeadAttentionAttributes>, { batch, query, head }: Position, y: Float32Array): void {
  const { scale, isDivided } = context.attributes;
  const [, queries, heads, depth] = context.inputs[0]!.dims as readonly [number, number, number, number];
  const [, keys, , width] = context.inputs[2]!.dims as readonly [number, number, number, number];
  const [q, k, v] = [0, 1, 2].map((index) => inputData(context, index)) as [Float32Array, Float32Array, Float32Array];
  const start = ((batch * queries + query) * heads + head) * depth;
  const mask = context.data[3]?.data as Float32Array | undefined;
  const steps = mask && broadcastStrides(context.inputs[3]!.dims, [context.inputs[0]!.dims[0]!, heads, queries, keys]);
  const masked = (score: number, key: number): number => {
    if (mask === undefined || steps === undefined) return score;
    return Math.fround(score) + mask[batch * steps[0]! + head * steps[1]! + query * steps[2]! + key * steps[3]!]!;
  };
  const scores = Float32Array.from({ length: keys }, (_, key) => {
    const at = ((batch * keys + key) * heads + head) * depth;
    let sum = 0;
    for (let i = 0; i < depth; i++) sum += q[start + i]! * k[at + i]!;
    return masked(isDivided ? Math.fround(sum) / scale : Math.fround(sum) * scale, key);
  });
  const weights = Float32Array.from(realSoftmax(scores, 1));
  const to = ((batch * queries + query) * heads + head) * width;
  for (let i = 0; i < width; i++) {
    let sum = 0;
    for (let key = 0; key < keys; key++) sum += weights[key]! * v[((batch * keys + key) * heads + head) * width + i]!;
    y[to + i] = sum;
  }
}
