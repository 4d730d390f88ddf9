/**
 * Rfft2d: the two-dimensional Fourier transform of real images. x[..., h, w], fftLength = [H, W] (powers of two, as in TFLite)
 * -> [..., H, W/2 + 1, 2], real and imaginary part last. The image is cut, or padded with zeros, to H by W; of the columns, the
 * upper half is left out, being the conjugate of the lower. Computed in float64, stored as float32.
 */
import { caseGraph } from './cases.js';
import { fft, type Twiddles, twiddles } from './fft.js';
import { defineOp, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, product, shapeText } from './shapes.js';
import { constantIntegers, outputTensor } from './storage.js';

export const rfft2d = defineOp<object>({
  name: 'Rfft2d',
  inputs: [2, 2],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const { node } = context;
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32']);
    if (x.dims.length < 2) throw nodeError('ERR_SHAPE', node, `expected an image, got shape ${shapeText(x.dims)}`);
    const [height, width] = fftLength(context);
    const dims = [...x.dims.slice(0, -2), height, (width >> 1) + 1, 2];
    checkedSize(node, dims);
    return [{ type: 'float32', dims }];
  },
  run(context) {
    const { dims } = requiredInput(context, 0);
    const x = context.data[0]!.data as Float32Array;
    const [height, width] = fftLength(context);
    const [h, w] = dims.slice(-2) as [number, number];
    const images = product(dims.slice(0, -2));
    const columns = (width >> 1) + 1;
    const data = new Float32Array(images * height * columns * 2);
    const rowRoots = twiddles(width);
    const columnRoots = twiddles(height);
    for (let image = 0; image < images; image++) {
      const re = new Float64Array(height * width);
      const im = new Float64Array(height * width);
      for (let i = 0; i < Math.min(h, height); i++) {
        const start = (image * h + i) * w;
        re.set(x.subarray(start, start + Math.min(w, width)), i * width);
      }
      transform(re, im, rowRoots, columnRoots);
      let position = image * height * columns * 2;
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < columns; j++) {
          data[position++] = re[i * width + j]!;
          data[position++] = im[i * width + j]!;
        }
      }
    }
    return [outputTensor(context, 0, data)];
  },
  *cases() {
    const shapes = [
      { dims: [3, 1, 16], length: [1, 16] },
      { dims: [1, 12], length: [1, 16] },
      { dims: [2, 4, 8], length: [4, 8] },
      { dims: [5, 3], length: [2, 2] },
      { dims: [1, 1], length: [1, 1] },
    ] as const;
    for (const { dims, length } of shapes) {
      const output = [...dims.slice(0, -2), length[0], (length[1] >> 1) + 1, 2];
      yield caseGraph({
        op: 'Rfft2d',
        inputs: [
          { type: 'float32', dims },
          { type: 'int32', dims: [2], constant: length },
        ],
        outputs: [{ type: 'float32', dims: output }],
      });
    }
  },
});

/** What the image is cut or padded to. */
export function fftLength(context: NodeContext<object>): readonly [height: number, width: number] {
  const operand = requiredInput(context, 1);
  const lengths = constantIntegers(context, operand);
  const [height, width] = lengths;
  const isPowerOfTwo = (n: number | undefined) => n !== undefined && n >= 1 && n <= 2 ** 30 && Number.isInteger(Math.log2(n));
  if (lengths.length !== 2 || !isPowerOfTwo(height) || !isPowerOfTwo(width)) {
    throw nodeError('ERR_SHAPE', context.node, `expected two powers of two for ${operand.name}, got ${shapeText(lengths)}`);
  }
  return [height!, width!];
}

/** Of a whole image in place: all rows, then all columns. */
function transform(re: Float64Array, im: Float64Array, rowRoots: Twiddles, columnRoots: Twiddles): void {
  const { size: width } = rowRoots;
  const { size: height } = columnRoots;
  for (let i = 0; i < height; i++) {
    fft(re.subarray(i * width, (i + 1) * width), im.subarray(i * width, (i + 1) * width), rowRoots);
  }
  if (height === 1) return;
  const columnRe = new Float64Array(height);
  const columnIm = new Float64Array(height);
  for (let j = 0; j <= width >> 1; j++) {
    for (let i = 0; i < height; i++) {
      columnRe[i] = re[i * width + j]!;
      columnIm[i] = im[i * width + j]!;
    }
    fft(columnRe, columnIm, columnRoots);
    for (let i = 0; i < height; i++) {
      re[i * width + j] = columnRe[i]!;
      im[i * width + j] = columnIm[i]!;
    }
  }
}
