/**
 * NumPy's rules for products of matrices: a[..., M, K], b[..., K, N] -> y[..., M, N]. A vector a is a row and a vector b a column,
 * whose dimension of 1 the result does not have; the dimensions before are broadcast.
 */
import type { TypedArray } from '../typed-array.js';
import { type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import { broadcast, broadcastStrides, checkedSize, product, shapeText } from './shapes.js';

export interface MatrixProduct {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Of the result. */
  readonly dims: readonly number[];
  /** Of matrices that are multiplied; none where the result has no elements. */
  readonly count: number;
  /** Where the matrices of a product begin, in elements, in the order of the results. */
  startsOf(index: number): Starts;
}

export interface Starts {
  readonly a: number;
  readonly b: number;
}

export interface Transposed {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

interface Matrix {
  readonly batches: readonly number[];
  readonly rows: number;
  readonly columns: number;
}

/** Of inputs 0 and 1. ERR_SHAPE where they do not fit. */
export function inferMatrixProduct<A>(
  context: NodeContext<A>,
  transposed: Transposed,
): Pick<MatrixProduct, 'm' | 'k' | 'n' | 'dims'> {
  const [x, w] = [requiredInput(context, 0), requiredInput(context, 1)];
  const [a, b] = [matrixOf(context, x, transposed.transposeA, true), matrixOf(context, w, transposed.transposeB, false)];
  if (a.columns !== b.rows) {
    const found = `${shapeText(x.dims)} and ${shapeText(w.dims)}`;
    throw nodeError('ERR_SHAPE', context.node, `expected matrices of which one has the other's rows as columns, got ${found}`);
  }
  const rows = x.dims.length === 1 ? [] : [a.rows];
  const columns = w.dims.length === 1 ? [] : [b.columns];
  const dims = [...broadcast(context.node, a.batches, b.batches), ...rows, ...columns];
  checkedSize(context.node, dims);
  return { m: a.rows, k: a.columns, n: b.columns, dims };
}

export function matrixProduct<A>(context: NodeContext<A>, transposed: Transposed): MatrixProduct {
  const inferred = inferMatrixProduct(context, transposed);
  const [x, w] = [requiredInput(context, 0), requiredInput(context, 1)];
  const { m, k, n, dims } = inferred;
  const [a, b] = [x.dims.slice(0, -2), w.dims.slice(0, -2)];
  const batches = broadcast(context.node, a, b);
  const [aSteps, bSteps] = [broadcastStrides(a, batches), broadcastStrides(b, batches)];
  const startsOf = (index: number): Starts => {
    const starts = { a: 0, b: 0 };
    for (let axis = batches.length - 1, rest = index; axis >= 0; axis--) {
      const position = rest % batches[axis]!;
      rest = (rest - position) / batches[axis]!;
      starts.a += position * aSteps[axis]! * m * k;
      starts.b += position * bSteps[axis]! * k * n;
    }
    return starts;
  };
  return { ...inferred, count: product(dims) === 0 ? 0 : product(batches), startsOf };
}

function matrixOf<A>({ node }: NodeContext<A>, { name, dims }: Operand, isTransposed: boolean, isRow: boolean): Matrix {
  checkedSize(node, dims);
  const [length] = dims;
  if (length === undefined) throw nodeError('ERR_SHAPE', node, `expected a vector or matrices for ${name}, got a scalar`);
  if (dims.length === 1) return isRow ? { batches: [], rows: 1, columns: length } : { batches: [], rows: length, columns: 1 };
  const [rows, columns] = dims.slice(-2) as [number, number];
  const batches = dims.slice(0, -2);
  return isTransposed ? { batches, rows: columns, columns: rows } : { batches, rows, columns };
}

/** The matrix at `start` of [columns][rows] elements as [rows][columns]. */
export function transposedMatrix<T extends TypedArray>(data: T, start: number, rows: number, columns: number): T {
  const result = data.slice(start, start + rows * columns) as T;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[row * columns + column] = data[start + column * rows + row]!;
  }
  return result;
}

/** a as [M][K] and b as [N][K], from where they begin; y[M][N] begins at `to`. `starts`: in the operands as they are given. */
export interface Product<T> {
  readonly rows: T;
  readonly rowsAt: number;
  readonly columns: T;
  readonly columnsAt: number;
  readonly to: number;
  readonly starts: Starts;
}

export function forEachProduct<T extends TypedArray>(
  { m, k, n, count, startsOf }: MatrixProduct,
  { transposeA, transposeB }: Transposed,
  a: T,
  b: T,
  multiply: (product: Product<T>) => void,
): void {
  let last: { readonly start: number; readonly columns: T } | undefined;
  for (let index = 0; index < count; index++) {
    const starts = startsOf(index);
    const rows = transposeA ? transposedMatrix(a, starts.a, m, k) : a;
    if (!transposeB && last?.start !== starts.b) last = { start: starts.b, columns: transposedMatrix(b, starts.b, n, k) };
    const columns = transposeB ? b : last!.columns;
    const places = { rowsAt: transposeA ? 0 : starts.a, columnsAt: transposeB ? starts.b : 0, to: index * m * n };
    multiply({ rows, columns, ...places, starts });
  }
}
