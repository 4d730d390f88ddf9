/** Ways of training with quantizers, one row for each paper. */
import type { WeightGranularity } from '../quant/schemes.js';
import type { QuantizerName, QuantizerOptions } from './quantizers/quantizer.js';

/** What a caller chooses of a quantizer: tensors, axes and signs follow from where it stands. */
export interface QuantizerChoice extends Omit<QuantizerOptions, 'target' | 'axis' | 'signed' | 'bits'> {
  readonly quantizer: QuantizerName;
  /** 1 to 8, or 32: float. */
  readonly bits: number;
}

export interface QatScheme {
  readonly weights: QuantizerChoice;
  readonly activations: QuantizerChoice;
}

const perChannel: WeightGranularity = 'per-channel';
const range = { quantizer: 'ema', bits: 8 } as const;

/**
 * What the first layer's weights, the input, and from the last layer's input on everything is quantized with under 8 bits (Esser et al.
 * 2020, 3; the papers before leave them float, which no integer kernel computes).
 */
export const edges: QatScheme = {
  weights: { quantizer: 'ste', bits: 8, granularity: perChannel, symmetric: true },
  activations: range,
};

export const qatSchemes = {
  /** Krishnamoorthi 2018: symmetric weights per channel, activations by moving averages of their ranges. */
  krishnamoorthi: { weights: edges.weights, activations: range },
  /** The same by whole tensors, which MobileNets need training for (its tables 2 to 4). */
  'krishnamoorthi-per-tensor': { weights: { ...edges.weights, granularity: 'per-tensor' }, activations: range },
  /** Jacob et al. 2018: affine weights of a whole tensor, nudged so that 0 is exact. */
  jacob: { weights: { quantizer: 'nudged', bits: 8, granularity: 'per-tensor', symmetric: false }, activations: range },
  /** Gupta et al. 2015, by Krishnamoorthi 2018, 2.3: weights rounded at random while they are trained. */
  stochastic: { weights: { ...edges.weights, quantizer: 'stochastic' }, activations: range },
  /** Esser et al. 2020, learned step sizes. */
  lsq: {
    weights: { quantizer: 'lsq', bits: 4, granularity: 'per-tensor' },
    activations: { quantizer: 'lsq', bits: 4 },
  },
  /** Bhalgat et al. 2020: learned step sizes and zero points. */
  'lsq+': {
    weights: { quantizer: 'lsq', bits: 4, granularity: 'per-tensor' },
    activations: { quantizer: 'lsq+', bits: 4 },
  },
  /** Choi et al. 2018: learned clipping of activations, weights as DoReFa's. */
  pact: { weights: { quantizer: 'dorefa', bits: 4 }, activations: { quantizer: 'pact', bits: 4 } },
  /** Zhou et al. 2016. */
  dorefa: { weights: { quantizer: 'dorefa', bits: 4 }, activations: { quantizer: 'dorefa', bits: 4 } },
  /** Gong et al. 2019: differentiable soft quantization. */
  dsq: {
    weights: { quantizer: 'dsq', bits: 4, granularity: 'per-tensor' },
    activations: { quantizer: 'dsq', bits: 4 },
  },
  /** Rastegari et al. 2016, Binary-Weight-Networks. */
  bwn: { weights: { quantizer: 'bwn', bits: 1, granularity: perChannel }, activations: { ...range, bits: 32 } },
  /** Rastegari et al. 2016, XNOR-Networks; activations are 0 and 1 (DoReFa's), as behind a ReLU all signs would be the same. */
  xnor: {
    weights: { quantizer: 'xnor', bits: 1, granularity: perChannel },
    activations: { quantizer: 'dorefa', bits: 1 },
  },
  /** Li et al. 2016, Ternary Weight Networks. */
  twn: { weights: { quantizer: 'twn', bits: 2, granularity: perChannel }, activations: { ...range, bits: 32 } },
  /** Han et al. 2016, Deep Compression: a codebook for each layer, whose centroids are trained. */
  'deep-compression': { weights: { quantizer: 'kmeans', bits: 4 }, activations: range },
} as const satisfies Record<string, QatScheme>;

export type QatSchemeName = keyof typeof qatSchemes;
export const qatSchemeNames = Object.keys(qatSchemes) as readonly QatSchemeName[];
