/** Bucketed weights as com.microsoft.MatMulNBits reads them. */
import { OctensorError } from '#lib/errors.js';
import type { BucketedWeights } from '#lib/quant/granularity.js';

/**
 * Of weights with N output channels and K inputs, in B = ceil(K / blockSize) blocks of a channel:
 *
 *     data        [N, B, blockSize · bits / 8]   codes without sign; of 4 bits, two in a byte, the first in its lower half
 *     scales      [N · B]
 *     zeroPoints  [N · ceil(B · bits / 8)]       packed as codes are; missing where all are 2^(bits - 1), which is the default
 */
export interface PackedBuckets {
  readonly n: number;
  readonly k: number;
  readonly bits: 8 | 4;
  readonly blockSize: number;
  readonly data: Uint8Array;
  readonly dataDims: readonly [number, number, number];
  readonly scales: Float32Array;
  readonly zeroPoints?: Uint8Array;
}

/** ERR_QUANTIZATION for blocks that the operator does not have: they are powers of two from 16 on. Past K are zero points. */
export function packBuckets({
  dims,
  axis,
  blockSize,
  bits,
  data,
  scaleDims,
  scales,
  zeroPoints,
}: BucketedWeights): PackedBuckets {
  if (blockSize < 16 || blockSize > 2 ** 20 || (blockSize & (blockSize - 1)) !== 0) {
    throw new OctensorError(
      'ERR_QUANTIZATION',
      `bucket: expected a power of two from 16 to 2^20 for MatMulNBits, got ${blockSize}`,
    );
  }
  const [n, k] = axis === 1 ? dims : [dims[1], dims[0]];
  const blocks = scaleDims[axis];
  // Signed codes are moved so that the lowest is 0
  const offset = data instanceof Int8Array ? 2 ** (bits - 1) : 0;
  const at = (channel: number, index: number, count: number) => (axis === 1 ? channel * count + index : index * n + channel);
  const blockBytes = (blockSize * bits) / 8;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const packed = new Uint8Array(n * blocks * blockBytes);
  const packedZeros = new Uint8Array(n * zeroBytes);
  const ordered = new Float32Array(n * blocks);
  const put = (bytes: Uint8Array, start: number, index: number, code: number) => {
    bytes[start + Math.floor((index * bits) / 8)]! |= code << ((index * bits) % 8);
  };
  let isDefault = true;
  for (let channel = 0; channel < n; channel++) {
    for (let block = 0; block < blocks; block++) {
      const own = at(channel, block, blocks);
      const zero = zeroPoints[own]! + offset;
      isDefault &&= zero === 2 ** (bits - 1);
      ordered[channel * blocks + block] = scales[own]!;
      put(packedZeros, channel * zeroBytes, block, zero);
      for (let index = block * blockSize; index < (block + 1) * blockSize; index++) {
        put(packed, channel * blocks * blockBytes, index, index < k ? data[at(channel, index, k)]! + offset : zero);
      }
    }
  }
  return {
    n,
    k,
    bits,
    blockSize,
    data: packed,
    dataDims: [n, blocks, blockBytes],
    scales: ordered,
    ...(!isDefault && { zeroPoints: packedZeros }),
  };
}
