/**
 * MatMulNBits: weights of 2, 4 or 8 bits, [N, ceil(K / block), block · bits / 8], the lowest bits first, one scale and one zero point
 * for each block of a column: (code - zero point) · scale. The weights are written out as float32.
 */
import { type DataType, Tensor } from '../../../tensor.js';
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export function matmulNBits(node: OnnxNode, graph: Lowering): void {
  if (node.input(4) !== '') throw node.error('ERR_UNSUPPORTED_OP', 'expected blocks in order, got an index of groups');
  const weights = graph.constant(
    node,
    new Tensor<DataType>('float32', realWeights(node, graph), [node.int('N'), node.int('K')]),
  );
  graph.add(node, 'MatMul', { transposeB: true }, [node.required(0), weights, node.input(5)], node.outputs);
}

function realWeights(node: OnnxNode, graph: Lowering): Float32Array {
  const [n, k, bits, block] = [node.int('N'), node.int('K'), node.int('bits', 4), node.int('block_size')];
  if (![2, 4, 8].includes(bits)) throw node.error('ERR_UNSUPPORTED_OP', `attribute bits: expected 2, 4 or 8, got ${bits}`);
  if (!(n >= 1 && k >= 1 && block >= 16) || (block & (block - 1)) !== 0 || block > 2 ** 20) {
    const found = `N ${n}, K ${k} and blocks of ${block}`;
    throw node.error('ERR_MODEL_FORMAT', `expected sizes above 0 and blocks of a power of two from 16 on, got ${found}`);
  }
  const blocks = Math.ceil(k / block);
  const codes = data(node, graph, 1, 'uint8', (n * blocks * block * bits) / 8) as Uint8Array;
  const scales = data(node, graph, 2, 'float32', n * blocks) as Float32Array;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const isReal = graph.typeOf(node.input(3)) === 'float32';
  const zeros =
    node.input(3) === '' ? undefined : data(node, graph, 3, isReal ? 'float32' : 'uint8', n * (isReal ? blocks : zeroBytes));
  const codeAt = (bytes: ArrayLike<number>, start: number, index: number) => {
    return (bytes[start + Math.floor((index * bits) / 8)]! >> ((index * bits) % 8)) & (2 ** bits - 1);
  };
  // As many as there are codes, which are in the file
  const real = new Float32Array(n * k);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < k; column++) {
      const own = Math.floor(column / block);
      const packedZero = () => codeAt(zeros!, row * zeroBytes, own);
      const zero = zeros === undefined ? 2 ** (bits - 1) : isReal ? zeros[row * blocks + own]! : packedZero();
      const code = codeAt(codes, (row * blocks * block * bits) / 8, column);
      real[row * k + column] = Math.fround(code - zero) * scales[row * blocks + own]!;
    }
  }
  return real;
}

/** The elements of a constant input of which there have to be so many. */
function data(
  node: OnnxNode,
  graph: Lowering,
  index: number,
  type: 'uint8' | 'float32',
  size: number,
): Uint8Array | Float32Array {
  const tensor = graph.constantOf(node.required(index));
  if (tensor === undefined) throw node.error('ERR_UNSUPPORTED_OP', `expected a constant input ${index}, got a computed value`);
  if (tensor.type === type && tensor.size === size) return tensor.data as Uint8Array | Float32Array;
  const found = `${tensor.size} of ${tensor.type}`;
  throw node.error('ERR_MODEL_FORMAT', `expected ${size} elements of ${type} for input ${index}, got ${found}`);
}
