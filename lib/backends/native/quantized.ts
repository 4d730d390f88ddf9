/** What steps on 8-bit tensors are told about them: native/ops/quantized_fields.h. */
import type { Operand, TensorQParams } from '../../ops/op.js';
import type { TypedArray } from '../../typed-array.js';

export type Quantized = TensorQParams & { readonly dtype: 'int8' | 'uint8' };
export type Three<T> = readonly [a: T, b: T, y: T];

/** Undefined unless all are 8-bit values, quantized as a whole. */
export function quantizedOf(operands: Three<Operand>): Three<Quantized> | undefined {
  const values = operands.flatMap(({ type, qparams }): Quantized[] => {
    if (qparams === undefined || typeof qparams.scale !== 'number' || typeof qparams.zeroPoint !== 'number') return [];
    const { dtype, scale, zeroPoint } = qparams;
    return dtype === type && (dtype === 'int8' || dtype === 'uint8') ? [{ dtype, scale, zeroPoint }] : [];
  });
  return values.length === 3 ? (values as unknown as Three<Quantized>) : undefined;
}

/** `bounds`: of the output, inclusive. Names begin with the prefix, if there is one. */
export function quantizedFields(
  prefix: string,
  values: Three<Quantized>,
  bounds: readonly [number, number],
): Readonly<Record<string, TypedArray>> {
  const name = (field: string) => (prefix === '' ? field : prefix + field.charAt(0).toUpperCase() + field.slice(1));
  return {
    [name('signed')]: Int32Array.from(values, ({ dtype }) => Number(dtype === 'int8')),
    [name('zeroPoints')]: Int32Array.from(values, ({ zeroPoint }) => zeroPoint),
    [name('bounds')]: Int32Array.from(bounds),
  };
}
