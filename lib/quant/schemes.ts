/** How a model is quantized: what callers may choose, checked, and the presets that are known by name. */
import { invalid } from '../errors.js';

export const rangeMethods = ['minmax', 'ema', 'percentile', 'mse', 'entropy'] as const;
export type RangeMethod = (typeof rangeMethods)[number];
export type WeightGranularity = 'per-channel' | 'per-tensor' | { readonly bucket: number };

export interface ActivationOptions {
  readonly method?: RangeMethod;
  readonly dtype?: 'uint8' | 'int8';
  readonly symmetric?: boolean;
  /** Of `percentile`: how much of all values a range covers, in percent. */
  readonly percentile?: number;
}

export interface WeightOptions {
  readonly granularity?: WeightGranularity;
  readonly symmetric?: boolean;
  readonly bits?: 8 | 4;
  readonly dtype?: 'int8' | 'uint8';
  /** Rounds up or down at random, in proportion, instead of to the nearest (Krishnamoorthi 2018, 2.3). */
  readonly stochastic?: boolean;
}

export interface Scheme {
  readonly activations: Required<ActivationOptions>;
  readonly weights: Required<WeightOptions>;
  /** Whether Softmax, Logistic and Tanh have the ranges of TFLite's specification, and Concat one scale for all that it reads. */
  readonly fixedOutputs: boolean;
}

const activations = { method: 'minmax', dtype: 'uint8', symmetric: false, percentile: 99.999 } as const;
const weights = { granularity: 'per-channel', symmetric: true, bits: 8, dtype: 'int8', stochastic: false } as const;

export const schemeNames = ['default', 'tflite', 'onnxruntime', 'per-tensor', 'symmetric'] as const;
export type SchemeName = (typeof schemeNames)[number];

/** One line each. */
export const schemes: Readonly<Record<SchemeName, Scheme>> = {
  /** Affine uint8 activations, symmetric int8 weights per channel, int32 biases. */
  default: { activations, weights, fixedOutputs: false },
  /** The TFLite quantization specification: int8 activations, fixed ranges of Softmax, Logistic and Tanh. */
  tflite: { activations: { ...activations, dtype: 'int8' }, weights, fixedOutputs: true },
  /** ONNX Runtime's defaults: weights per tensor. */
  onnxruntime: { activations, weights: { ...weights, granularity: 'per-tensor' }, fixedOutputs: false },
  /** Affine uint8 weights for a whole tensor: the whitepaper's table 2, on which MobileNets collapse (Krishnamoorthi 2018). */
  'per-tensor': {
    activations,
    weights: { ...weights, granularity: 'per-tensor', symmetric: false, dtype: 'uint8' },
    fixedOutputs: false,
  },
  symmetric: { activations: { ...activations, dtype: 'int8', symmetric: true }, weights, fixedOutputs: false },
};

/** The scheme that the options describe. ERR_OPTION for what is no choice. */
export function schemeOf(
  name: SchemeName,
  { activations: a = {}, weights: w = {} }: { readonly activations?: ActivationOptions; readonly weights?: WeightOptions },
): Scheme {
  const base = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (base === undefined) throw invalid('ERR_OPTION', 'scheme', `one of ${schemeNames.join(', ')}`, name);
  const scheme: Scheme = {
    activations: { ...base.activations, ...defined(a) },
    weights: { ...base.weights, ...defined(w) },
    fixedOutputs: base.fixedOutputs,
  };
  checkScheme(scheme);
  return scheme;
}

function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function checkScheme({ activations: a, weights: w }: Scheme): void {
  expectOneOf('activations.method', a.method, rangeMethods);
  expectOneOf('activations.dtype', a.dtype, ['uint8', 'int8']);
  expectOneOf('activations.symmetric', a.symmetric, [true, false]);
  if (!(a.percentile > 50 && a.percentile <= 100)) {
    throw invalid('ERR_OPTION', 'activations.percentile', 'a number above 50, up to 100', a.percentile);
  }
  expectOneOf('weights.symmetric', w.symmetric, [true, false]);
  expectOneOf('weights.stochastic', w.stochastic, [true, false]);
  expectOneOf('weights.bits', w.bits, [8, 4]);
  expectOneOf('weights.dtype', w.dtype, ['int8', 'uint8']);
  const { granularity } = w;
  const isBucket = typeof granularity === 'object' && Number.isInteger(granularity.bucket) && granularity.bucket > 0;
  if (!isBucket) expectOneOf('weights.granularity', granularity as string, ['per-channel', 'per-tensor']);
}

function expectOneOf<T>(name: string, value: T, allowed: readonly T[]): void {
  if (!allowed.includes(value)) throw invalid('ERR_OPTION', name, `one of ${allowed.join(', ')}`, value);
}
