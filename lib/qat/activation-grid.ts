/** Grids of activations as 8-bit integers. */
import { OctensorError } from '../errors.js';
import type { QParams } from '../quant/qparams.js';
import type { Grid } from './quantizers/quantizer.js';

/** Parameters of activations; all of one scale. */
export type ActivationParameters = QParams & { readonly dtype: 'uint8'; readonly scale: number; readonly zeroPoint: number };

/**
 * A Quantize by each of `steps`, the last of which is what the integers mean from then on.
 *
 * A grid of fewer than 256 levels has to be clamped to, and what a Quantize clamps to are the ends of its type. So the codes are moved to the
 * upper end, 240 to 255 of 4 bits: what is above saturates. If values below the grid are possible, a second Quantize
 * of the same scale moves the codes to the lower end, and what is below saturates there. Both are exact, here and elsewhere, and
 * behind a ReLU, whose values have no other side, one is enough.
 */
export interface ActivationGrid {
  readonly steps: readonly ActivationParameters[];
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
  const top = at(255 - levels + zero);
  const isOneSided = levels === 255 || (!signed && zero === 0);
  return { steps: isOneSided ? [top] : [top, at(zero)] };
}
