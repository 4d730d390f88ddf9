/** What becomes of each kind of layer. */
import { keepsGrid } from './layers/fake-quantize.js';
import type { Step } from './steps.js';

/**
 * - `clamp`: computed with what is before it; nothing is quantized between the two
 * - `function`: of quantized elements, one by one; its result stays float where it is an output of the model
 * - `move`: elements keep their grid
 * - `pool`: of elements that share a grid, rounded to the same one
 * - `mean`: quantized before and after
 */
export type Rule = 'input' | 'norm' | 'clamp' | 'function' | 'move' | 'pool' | 'mean' | 'sum' | 'concat' | 'unknown';

const byKind: Readonly<Record<string, Rule>> = {
  InputLayer: 'input',
  BatchNormalization: 'norm',
  LeakyReLU: 'function',
  PReLU: 'function',
  ELU: 'function',
  ThresholdedReLU: 'function',
  Softmax: 'function',
  AveragePooling1D: 'pool',
  AveragePooling2D: 'pool',
  GlobalMaxPooling1D: 'pool',
  GlobalMaxPooling2D: 'pool',
  // Bilinear; halves of two levels would be ties, which an error in the last bit decides, were the grid the same
  UpSampling2D: 'mean',
  GlobalAveragePooling1D: 'mean',
  GlobalAveragePooling2D: 'mean',
  Add: 'sum',
  Multiply: 'sum',
  Concatenate: 'concat',
};

const clamps: ReadonlySet<unknown> = new Set(['relu', 'relu6']);

export function ruleOf({ kind, layer }: Step): Rule {
  if (keepsGrid(layer)) return 'move';
  if (kind === 'Activation') return clamps.has(layer.getConfig().activation) ? 'clamp' : 'function';
  if (kind === 'ReLU') {
    const { maxValue } = layer.getConfig();
    return maxValue == null || maxValue === 6 ? 'clamp' : 'function';
  }
  return Object.hasOwn(byKind, kind) ? byKind[kind]! : 'unknown';
}

const positive: ReadonlySet<unknown> = new Set(['relu', 'relu6', 'sigmoid', 'softmax', 'hardSigmoid', 'softplus']);

export const isPositive = (activation: unknown): boolean => positive.has(activation);

/** Whether what a layer computes has no values below 0, whatever it reads. */
export function computesPositive({ kind, layer }: Step): boolean {
  if (kind === 'Activation') return isPositive(layer.getConfig().activation);
  return kind === 'ReLU' || kind === 'Softmax' || kind === 'ThresholdedReLU';
}
