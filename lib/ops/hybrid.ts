/**
 * Float inputs of layers with int8 weights (TFLite's dynamic-range kernels): each batch of x is quantized as it comes, the
 * sums are integers, and y = clamp(sum · sx · sw + bias) in float32, in TFLite's order of operations.
 */
import { roundHalfAway } from '../rounding.js';
import type { IntegerProducts, ProductLayout } from './accumulate.js';
import type { RunContext } from './op.js';
import { activationBounds } from './output-stage.js';
import { product } from './shapes.js';
import { outputTensor } from './storage.js';
import { centeredWeights, weightQParams } from './weights.js';

export function hybridProducts<A>(context: RunContext<A>, layout: ProductLayout, batches: number): IntegerProducts {
  const { inputs, outputs, data } = context;
  const { channels } = layout;
  const { scales, zeroPoints } = weightQParams(context, inputs[1]!, layout);
  const weightScaleFirst = isWeightScaleFirst(layout, scales);
  const rows = quantizeRows(data[0]!.data as Float32Array, batches, isAsymmetric(layout, scales));
  const bias = (data[2]?.data as Float32Array | undefined) ?? new Float32Array(channels);
  const [low, high] = activationBounds[layout.activation];
  const sums = new Int32Array(channels);
  const out = new Float32Array(product(outputs[0]!.dims));
  const store = (offset: number, batch: number) => {
    const scale = rows.scales[batch]!;
    for (let c = 0; c < channels; c++) {
      const sum = Math.fround(sums[c]!);
      const real = weightScaleFirst ? Math.fround(sum * scales[c]!) * scale : sum * Math.fround(scale * scales[c]!);
      out[offset + c] = Math.min(Math.max(Math.fround(Math.fround(real) + bias[c]!), low), high);
    }
    sums.fill(0);
  };
  const w = centeredWeights(data[1]!, zeroPoints, layout);
  return { kind: 'integer', x: rows.values, w, sums, y: outputTensor(context, 0, out), store };
}

/** Convolutions whose channels' scales differ apply sw before sx. */
export function isWeightScaleFirst({ kind }: ProductLayout, scales: Float32Array): boolean {
  return kind === 'convolution' && scales.some((scale) => scale !== scales[0]);
}

/**
 * Matrix products quantize x symmetrically unless `asymmetricInputs` asks otherwise; convolutions do it asymmetrically where
 * the channels' scales differ.
 */
export function isAsymmetric(layout: ProductLayout, scales: Float32Array): boolean {
  return layout.kind === 'convolution' ? isWeightScaleFirst(layout, scales) : layout.asymmetricInputs === true;
}

interface QuantizedRows {
  /** Zero points taken away. */
  readonly values: Int16Array;
  readonly scales: Float32Array;
}

/**
 * TFLite's SymmetricQuantizeFloats, q = clamp(round(x · 127/max|x|), ±127), or AsymmetricQuantizeFloats. All in float32 except
 * where TFLite has doubles. A row of zeros has scale 1.
 */
export function quantizeRows(x: Float32Array, rows: number, asymmetric: boolean): QuantizedRows {
  const values = new Int16Array(x.length);
  const scales = new Float32Array(rows);
  const length = rows === 0 ? 0 : x.length / rows;
  const quantize = asymmetric ? quantizeAsymmetric : quantizeSymmetric;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * length, (row + 1) * length];
    scales[row] = quantize(x.subarray(from, to), values.subarray(from, to));
  }
  return { values, scales };
}

function quantizeSymmetric(x: Float32Array, values: Int16Array): number {
  const [min, max] = rangeOf(x);
  const range = Math.max(-min, max);
  if (range === 0) return 1;
  const inverse = Math.fround(127 / range);
  for (let i = 0; i < x.length; i++) {
    values[i] = Math.min(Math.max(roundHalfAway(Math.fround(x[i]! * inverse)), -127), 127);
  }
  return range / 127;
}

function quantizeAsymmetric(x: Float32Array, values: Int16Array): number {
  const [min, max] = rangeOf(x);
  if (min === max) return 1;
  const exact = (max - min) / 255;
  // The end of the range at which the zero point is more exact decides.
  const fromMin = 128 + Math.abs(min / exact) < 127 + Math.abs(max / exact);
  const real = fromMin ? -128 - min / exact : 127 - max / exact;
  const zeroPoint = Math.min(Math.max(roundHalfAway(real), -128), 127);
  const scale = Math.fround(exact);
  const inverse = Math.fround(1 / scale);
  for (let i = 0; i < x.length; i++) {
    const quantized = roundHalfAway(Math.fround(zeroPoint + Math.fround(x[i]! * inverse)));
    values[i] = Math.min(Math.max(quantized, -128), 127) - zeroPoint;
  }
  return scale;
}

/** Widened to contain 0. */
function rangeOf(x: Float32Array): readonly [min: number, max: number] {
  let [min, max] = [0, 0];
  for (const value of x) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}
