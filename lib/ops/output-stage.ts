/** What operators that sum products do with their sums: the real multiplier, the fused activation, and 8 (or 16) bits again. */

import { quantizedRanges } from '../quant/qparams.js';
import {
  addZeroPointAndClamp,
  type FixedPoint,
  type Numerics,
  requantizeOnnx,
  requantizeSingle,
  requantizeTflite,
  toFixedPoint,
} from '../quant/requant.js';
import { roundHalfAway, roundHalfEven } from '../rounding.js';
import type { TensorQParams } from './op.js';

/** Activations that fuse into what comes before them: clamps, with their real bounds. */
export const activationBounds = {
  none: [-Infinity, Infinity],
  relu: [0, Infinity],
  relu6: [0, 6],
  'relu-n1-to-1': [-1, 1],
} as const;
export type Activation = keyof typeof activationBounds;
export const activations = Object.keys(activationBounds) as readonly Activation[];

/**
 * The activation's bounds in the output's integers. TFLite rounds bound / scale half away from zero in float32 (its
 * CalculateActivationRangeQuantized); ONNX Runtime half to even.
 */
export function quantizedBounds(activation: Activation, output: TensorQParams, numerics: Numerics): readonly [number, number] {
  const [qmin, qmax] = quantizedRanges[output.dtype];
  const quantize = (real: number): number => {
    const quotient = Math.fround(real / output.scale);
    return output.zeroPoint + (numerics === 'onnx' ? roundHalfEven(quotient) : roundHalfAway(quotient));
  };
  const [low, high] = activationBounds[activation];
  return [low === -Infinity ? qmin : Math.max(qmin, quantize(low)), high === Infinity ? qmax : Math.min(qmax, quantize(high))];
}

/** From a sum to the output's integer, for one channel. Sums are int32; exact integers of up to 53 bits where int16 comes in or out. */
export type Requantizer = (sum: number) => number;

/** Of int16 outputs, in the place of the ±1024 of 8-bit ones. */
export const wideLimit = 2 ** 17;

/** `multiplier` is the real one: (input scale · weight scale) / output scale, in float64; `onnx` rounds it to float32. */
export function requantizer(
  multiplier: number,
  output: TensorQParams,
  bounds: readonly [number, number],
  numerics: Numerics,
): Requantizer {
  const [min, max] = bounds;
  const { zeroPoint } = output;
  if (numerics === 'onnx') {
    const limit = output.dtype === 'int16' ? wideLimit : undefined;
    return (sum) => addZeroPointAndClamp(requantizeOnnx(sum, multiplier, limit), zeroPoint, min, max);
  }
  const fixed = toFixedPoint(multiplier);
  return (sum) => addZeroPointAndClamp(scaleSum(sum, fixed, numerics), zeroPoint, min, max);
}

/** MultiplyByQuantizedMultiplier: an int32 times a fixed-point number, rounded as the numerics say. */
export function scaleSum(sum: number, fixed: FixedPoint, numerics: 'tflite' | 'single'): number {
  return numerics === 'tflite' ? requantizeTflite(sum, fixed) : requantizeSingle(sum, fixed);
}
