/** What quantizers to uniform grids have in common: groups, codes, export. A quantizer adds its parameters and its gradient. */
import { reshape, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { invalid } from '../../errors.js';
import type { QParams } from '../../quant/qparams.js';
import { type Groups, groupsOf } from './groups.js';
import type { Levels } from './levels.js';
import type {
  Applied,
  ApplyContext,
  Grid,
  Quantizer,
  QuantizerName,
  QuantizerOptions,
  QuantizerWeight,
  WeightValues,
} from './quantizer.js';
import { fromCodes, type GridParameters, snap, toCodes } from './snap.js';

/** x is what `Groups.split` gives, and weights and results with a value per group broadcast over it. */
export interface UniformQuantizer {
  readonly name: QuantizerName;
  readonly options: QuantizerOptions;
  readonly shape: readonly (number | null)[];
  readonly levels: Levels;
  /** Shapes follow from the groups. */
  readonly weights?: readonly Omit<QuantizerWeight, 'shape'>[];
  initialize?(x: Tensor, groups: Groups): WeightValues;
  /** x is given for weights alone, where the grid follows from them. */
  parameters(weights: WeightValues, x: Tensor | undefined, groups: Groups): GridParameters;
  forward(x: Tensor, weights: WeightValues, groups: Groups, context: ApplyContext): Tensor;
  /** New values of moving state, which `forward` then uses. */
  updates?(x: Tensor, weights: WeightValues, groups: Groups): WeightValues;
  /** Codes of x, where they are more than x rounded. */
  codes?(x: Tensor, parameters: GridParameters, groups: Groups): Tensor;
}

export function uniform(spec: UniformQuantizer): Quantizer {
  const { name, options, levels } = spec;
  const groups = groupsOf(options, spec.shape);
  const weights: readonly QuantizerWeight[] = (spec.weights ?? []).map((weight) => ({ ...weight, shape: groups.shape }));
  const broadcast = (values: WeightValues) => reshaped(values, groups.broadcast);
  const needsData = weights.length === 0;

  const parametersOf = (values: WeightValues, x: Tensor | undefined): GridParameters => {
    if (needsData && x === undefined) throw invalid('ERR_OPTION', `grid of ${name}`, 'the weights as second argument', x);
    return spec.parameters(broadcast(values), x, groups);
  };
  const codesOf = (x: Tensor, parameters: GridParameters): Tensor =>
    spec.codes === undefined ? toCodes(x, parameters, levels) : spec.codes(x, parameters, groups);

  return {
    name,
    options,
    weights,
    initialize(x) {
      checkFinite(x, name);
      return tidy(() =>
        spec.initialize === undefined ? {} : reshaped(spec.initialize(groups.split(x), groups), groups.shape),
      );
    },
    apply(x, values, context): Applied {
      const split = groups.split(x);
      let used = broadcast(values);
      const moved = context.training ? spec.updates?.(split, used, groups) : undefined;
      if (moved !== undefined) used = { ...used, ...moved };
      const y = groups.join(spec.forward(split, used, groups, context));
      return moved === undefined ? { y } : { y, updates: reshaped(moved, groups.shape) };
    },
    hardApply: (x, values) =>
      tidy(() => {
        const split = groups.split(x);
        const parameters = parametersOf(values, split);
        if (spec.codes === undefined) return groups.join(snap(split, parameters, levels));
        return groups.join(fromCodes(codesOf(split, parameters), parameters));
      }),
    codes: (x, values) =>
      tidy(() => {
        const split = groups.split(x);
        return groups.join(codesOf(split, parametersOf(values, split)));
      }),
    grid(values, x) {
      const { scale, zeroPoint } = tidy(() => {
        const { scale, zeroPoint } = parametersOf(values, x === undefined ? undefined : groups.split(x));
        return { scale: scale.clone(), zeroPoint: zeroPoint.clone() };
      });
      const grid = gridOf(
        { ...options, axis: options.axis ?? spec.shape.length - 1 },
        levels,
        groups,
        scale.dataSync() as Float32Array,
        zeroPoint.dataSync() as Float32Array,
      );
      scale.dispose();
      zeroPoint.dispose();
      return grid;
    },
  };
}

function reshaped(values: WeightValues, shape: readonly number[]): WeightValues {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, reshape(value, [...shape])]));
}

function gridOf(
  { bits, axis }: QuantizerOptions,
  { dtype, qmin, qmax, step }: Levels,
  { shape, bucket }: Groups,
  scales: Float32Array,
  zeros: Float32Array,
): Grid {
  if (shape.length === 0) {
    const qparams: QParams = { dtype, scale: scales[0]!, zeroPoint: zeros[0]! };
    return { kind: 'uniform', bits, qparams, qmin, qmax, step };
  }
  const zeroOf = (i: number) => zeros[zeros.length === 1 ? 0 : i]!;
  if (bucket === undefined) {
    const isOne = zeros.every((zero) => zero === zeros[0]);
    const zeroPoint = isOne ? zeros[0]! : Int32Array.from(zeros);
    const qparams: QParams = { dtype, scale: Float32Array.from(scales), zeroPoint, axis: axis! };
    return { kind: 'uniform', bits, qparams, qmin, qmax, step };
  }
  return {
    kind: 'bucket',
    bits,
    dtype,
    blockSize: bucket.size,
    dims: bucket.dims,
    axis: bucket.axis,
    scaleDims: [shape[0]!, shape[1]!],
    scales: Float32Array.from(scales),
    zeroPoints: dtype === 'int8' ? Int8Array.from(scales, (_, i) => zeroOf(i)) : Uint8Array.from(scales, (_, i) => zeroOf(i)),
    qmin,
    qmax,
    step,
  };
}

/** Scales that are found in NaN or infinity would spread through a whole model. */
export function checkFinite(x: Tensor, name: string): void {
  for (const value of x.dataSync()) {
    if (!Number.isFinite(value)) throw invalid('ERR_QUANTIZATION', `data for ${name}`, 'finite numbers', value);
  }
}
