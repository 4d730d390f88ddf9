/** Fourier transforms of float32: native/ops/float_fourier.cc. */
import { twiddles } from '../../ops/fft.js';
import { fftLength } from '../../ops/rfft2d.js';
import { product } from '../../ops/shapes.js';
import { defineLowering, type Lowerings } from './lowering.js';

export const floatFourierLowerings: Lowerings = {
  /** Of rows by themselves, as audio has them; images stay with the reference. */
  Rfft2d: defineLowering<object>((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    const [height, size] = fftLength(step);
    const [h, length] = x.dims.slice(-2) as [number, number];
    if (height !== 1 || h !== 1 || x.dims.includes(0)) return undefined;
    const { re, im } = twiddles(size);
    const fields = { rows: product(x.dims) / length, length, size, cosines: re, sines: im };
    return [{ kind: 'float-rfft', fields: { ...fields, x: context.place(x), y: context.place(y) } }];
  }),

  ComplexAbs: defineLowering<object>((step, context) => {
    const [x, y] = [step.inputs[0]!, step.outputs[0]!];
    return [{ kind: 'float-magnitude', fields: { count: product(y.dims), x: context.place(x), y: context.place(y) } }];
  }),
};
