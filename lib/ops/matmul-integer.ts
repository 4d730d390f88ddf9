/**
 * MatMulInteger: a[..., M, K], b[..., K, N], zero points of a's rows? and of b's columns? -> int32[..., M, N]
 *
 *     y[m, n] = Σ (a[m, k] - za[m]) · (b[k, n] - zb[n])
 *
 * a and b are of 8 bits, with or without a sign. Zero points are one, or one for each row or column (the same for all matrices that
 * are broadcast, or [..., M, 1] and [..., 1, N] for each of them). ONNX's MatMulInteger.
 */
import { caseGraph } from './cases.js';
import { byteTypes, checkIntegerProducts, zeroPointsOf } from './integer-products.js';
import { forEachProduct, inferMatrixProduct, matrixProduct, type Transposed } from './matrix.js';
import { defineOp, requiredInput } from './op.js';
import { product } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export const notTransposed: Transposed = { transposeA: false, transposeB: false };

export const matmulInteger = defineOp<Record<string, never>>({
  name: 'MatMulInteger',
  inputs: [2, 4],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const { k, n, dims } = inferMatrixProduct(context, notTransposed);
    const rows = product(requiredInput(context, 0).dims) / Math.max(k, 1);
    const matrices = product(requiredInput(context, 1).dims.slice(0, -2));
    const columns = context.inputs[3]?.dims.length === 1 ? n : n * matrices;
    const ownRows = context.inputs[2]?.dims.length === 1 ? (requiredInput(context, 0).dims.at(-2) ?? 1) : rows;
    checkIntegerProducts(context, [ownRows, columns]);
    return [{ type: 'int32', dims }];
  },
  run(context) {
    const shape = matrixProduct(context, notTransposed);
    const { m, k, n } = shape;
    const y = new Int32Array(product(shape.dims));
    const a = inputData(context, 0) as Int8Array | Uint8Array;
    // Slices of a larger type, so that both signs go through the same loops
    const [first, second] = [Int16Array.from(a), Int16Array.from(inputData(context, 1) as Int8Array)];
    const rowZeros = context.data[2]?.data as Uint8Array | undefined;
    const columnZeros = context.data[3]?.data as Uint8Array | undefined;
    forEachProduct(shape, notTransposed, first, second, ({ rows, rowsAt, columns, columnsAt, to, starts }) => {
      const za = zeroPointsOf(slice(rowZeros, k === 0 ? 0 : starts.a / k, m), m);
      const zb = zeroPointsOf(slice(columnZeros, k === 0 ? 0 : starts.b / k, n), n);
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          const [from, at] = [rowsAt + row * k, columnsAt + column * k];
          let sum = 0;
          for (let i = 0; i < k; i++) {
            sum = (sum + Math.imul(rows[from + i]! - za[row]!, columns[at + i]! - zb[column]!)) | 0;
          }
          y[to + row * n + column] = sum;
        }
      }
    });
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    const op = 'MatMulInteger';
    for (const a of byteTypes) {
      for (const b of byteTypes) {
        const x = { type: a, dims: [4, 9] } as const;
        const w = { type: b, dims: [9, 5], constant: true } as const;
        const outputs = [{ type: 'int32', dims: [4, 5] }] as const;
        yield caseGraph({ op, inputs: [x, w], outputs });
        const za = { type: a, dims: [], constant: [7] } as const;
        const zb = { type: b, dims: [5], constant: [1, 2, 0, 3, 4] } as const;
        yield caseGraph({ op, inputs: [x, w, za, zb], outputs });
        yield caseGraph({ op, inputs: [x, w, { type: a, dims: [1] }, { type: b, dims: [1] }], outputs });
        yield caseGraph({ op, inputs: [x, w, { type: a, dims: [4] }], outputs });
        const batches = [
          { type: a, dims: [2, 3, 4] },
          { type: b, dims: [2, 4, 2] },
        ] as const;
        const batchZeros = [{ type: a, dims: [2, 3, 1] } as const, { type: b, dims: [2, 1, 2] } as const];
        yield caseGraph({ op, inputs: [...batches, ...batchZeros], outputs: [{ type: 'int32', dims: [2, 3, 2] }] });
        const large = [
          { type: a, dims: [3, 11, 37] },
          { type: b, dims: [3, 37, 45] },
          { type: a, dims: [1] },
        ] as const;
        const result = { type: 'int32', dims: [3, 11, 45] } as const;
        yield caseGraph({ op, inputs: large, outputs: [result] });
        yield caseGraph({ op, inputs: [...large, { type: b, dims: [45] }], outputs: [result] });
        yield caseGraph({ op, inputs: [...large, { type: b, dims: [3, 1, 45] }], outputs: [result] });
        const shared = [...batches, { type: a, dims: [3] } as const, { type: b, dims: [2] } as const];
        yield caseGraph({ op, inputs: shared, outputs: [{ type: 'int32', dims: [2, 3, 2] }] });
      }
    }
  },
});

/** Zero points of one matrix, where each has its own. */
function slice(zeros: Uint8Array | undefined, start: number, count: number): Uint8Array | undefined {
  return zeros === undefined || zeros.length <= Math.max(count, 1) ? zeros : zeros.subarray(start, start + count);
}
