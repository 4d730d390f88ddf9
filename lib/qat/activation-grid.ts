/** Grids of activations as 8-bit integers. */
import { OctensorError } from '../errors.js';
import type { QParams } from '../quant/qparams.js';
import type { Grid } from './quantizers/quantizer.js';

/** Parameters of activations; all of one scale. */
export type ActivationParameters = QParams & { readonly dtype: 'uint8'; readonly scale: number; readonly zeroPoint: number };

/**
 * What activations are quantized by, and where that is not enough, the reals that they are then clipped to.
 *
 * A grid of fewer than 256 levels has to be clamped to, and what a Quantize clamps to are the ends of its type. Behind a ReLU, whose values
 * have no other side, the codes are moved to the upper end, 240 to 255 of 4 bits: what is above saturates. Where values below the
 * grid are possible, too, the codes are at the lower end, where those saturate, and a Clip of the integers does the rest.
 */
export interface ActivationGrid {
  readonly qparams: ActivationParameters;
  readonly clip?: { readonly min: number; readonly max: number };
}

/** `signed`: whether there may be values below 0. ERR_QUANTIZATION, naming the layer, for grids that are no run of integers. */
export function activationGrid(layer: string, grid: Grid, signed: boolean): ActivationGrid {
  if (grid.kind !== 'uniform' || grid.step !== 1 || typeof grid.qparams.scale !== 'number') {
    const what = grid.kind === 'uniform' ? 'an even number of levels about 0' : grid.kind;
    throw new OctensorError(
      'ERR_QUANTIZATION',
      `layer ${layer}: expected activations on a grid with 0 in it, which integers have, got ${what}`,
      { node: layer },
    );
  }
  const { qmin, qmax, qparams } = grid;
  const scale = qparams.scale as number;
  // As distances from the lowest level
  const [levels, zero] = [qmax - qmin, (qparams.zeroPoint as number) - qmin];
  const at = (zeroPoint: number): ActivationParameters => ({ dtype: 'uint8', scale, zeroPoint });
  if (levels === 255 || (!signed && zero === 0)) return { qparams: at(255 - levels + zero) };
  return { qparams: at(zero), clip: { min: Math.fround(-zero * scale), max: Math.fround((levels - zero) * scale) } };
}
