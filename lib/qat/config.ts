/** What a caller asks of `prepare`, checked and complete. */
import { invalid } from '../errors.js';
import type { FoldingSchedule } from './layers/quantized-product.js';
import type { QuantizerConfig } from './layers/quantizer-state.js';
import { quantizerNames } from './quantizers/quantizer.js';
import { edges, type QatScheme, type QatSchemeName, type QuantizerChoice, qatSchemeNames, qatSchemes } from './schemes.js';

/** Of weights and activations: what is not given is the scheme's. 32 bits are float. */
export interface BitChoices {
  readonly weights?: Partial<QuantizerChoice>;
  /** Of a layer: of what it computes, with the activation behind it. */
  readonly activations?: Partial<QuantizerChoice>;
}

/** `scheme`: as all other layers; `float`: not at all; else 8 bits are what these choices start from. */
export type EdgeChoice = 'scheme' | 'float' | BitChoices;

export interface PrepareConfig extends BitChoices {
  /** A row of `qatSchemes`; `krishnamoorthi` by default. */
  readonly scheme?: QatSchemeName;
  /** Layers whose products are the first after an input. */
  readonly first?: EdgeChoice;
  /** Layers whose products are the last before an output, what they read, and what is behind them. */
  readonly last?: EdgeChoice;
  /** By the name of a float layer; layers that have no quantized form may be `float`, too. */
  readonly layers?: Readonly<Record<string, 'float' | BitChoices>>;
  /**
   * In training batches: when BatchNorm goes from batch to moving statistics, and when those freeze. Never, by default.
   * `correction: false` leaves out the factor that keeps weights steady while batch statistics are used, which is for comparison.
   */
  readonly batchNorm?: { readonly moving?: number; readonly freeze?: number; readonly correction?: boolean };
  /** Training batches before anything is quantized. 0 by default. */
  readonly delay?: number;
}

export interface CheckedConfig {
  readonly delay: number;
  readonly schedule: FoldingSchedule;
  /** Names of layers that stay as they are. */
  readonly isFloat: (layer: string, place: Place) => boolean;
  weights(layer: string, place: Place): QuantizerConfig | undefined;
  /** Of what `layers` compute, one behind the other: a product and its activation. */
  activations(layers: readonly string[], place: Place, signed: boolean): QuantizerConfig | undefined;
}

/** Of products: whether one is before or behind it; of other values: `first` before any product, `last` behind the last or read by it. */
export type Place = 'first' | 'inner' | 'last';

/** ERR_OPTION for what is no choice, ERR_QUANTIZATION for bits that nothing has; `layers` are the names that there are. */
export function checkConfig(config: PrepareConfig, layers: ReadonlySet<string>): CheckedConfig {
  if (typeof config !== 'object' || config === null) throw invalid('ERR_OPTION', 'config', 'an object', config);
  const { scheme: name = 'krishnamoorthi', batchNorm = {}, delay = 0 } = config;
  if (!Object.hasOwn(qatSchemes, name)) throw invalid('ERR_OPTION', 'scheme', `one of ${qatSchemeNames.join(', ')}`, name);
  const scheme = merged(qatSchemes[name], config, '');
  const first = edgeScheme('first', config.first, scheme);
  const last = edgeScheme('last', config.last, scheme);
  checkStep('delay', delay);
  if (batchNorm.moving !== undefined) checkStep('batchNorm.moving', batchNorm.moving);
  if (batchNorm.freeze !== undefined) checkStep('batchNorm.freeze', batchNorm.freeze);

  const own = new Map<string, 'float' | BitChoices>();
  for (const [layer, choices] of Object.entries(config.layers ?? {})) {
    if (!layers.has(layer)) throw invalid('ERR_OPTION', 'layers', 'names of layers of the model', layer);
    if (choices !== 'float') merged(scheme, choices, `layers.${layer}.`);
    own.set(layer, choices);
  }
  const schemeAt = (place: Place): QatScheme | 'float' => {
    if (place === 'inner') return scheme;
    return place === 'first' ? first : last;
  };
  const resolved = (layer: string | undefined, place: Place): QatScheme | 'float' => {
    const at = schemeAt(place);
    const choices = layer === undefined ? undefined : own.get(layer);
    if (choices === undefined || choices === 'float') return at;
    return merged(at === 'float' ? edges : at, choices, `layers.${layer}.`);
  };
  return {
    delay,
    schedule: {
      moving: batchNorm.moving ?? null,
      freeze: batchNorm.freeze ?? null,
      ...(batchNorm.correction === false && { correction: false }),
    },
    isFloat: (layer, place) => own.get(layer) === 'float' || resolved(layer, place) === 'float',
    weights(layer, place) {
      const at = resolved(layer, place);
      return at === 'float' ? undefined : quantizerConfig(at.weights, { target: 'weights' });
    },
    activations(names, place, signed) {
      const named = names.find((name) => typeof own.get(name) === 'object');
      const at = resolved(named, place);
      return at === 'float' ? undefined : quantizerConfig(at.activations, { target: 'activations', signed });
    },
  };
}

function quantizerConfig(
  choice: QuantizerChoice,
  place: { readonly target: 'weights' | 'activations'; readonly signed?: boolean },
): QuantizerConfig | undefined {
  return choice.bits === 32 ? undefined : { ...choice, ...place };
}

/** Low bits at the ends of a network cost the most, so there 8 are what nobody has to ask for. */
function edgeScheme(name: string, choice: EdgeChoice | undefined, scheme: QatScheme): QatScheme | 'float' {
  if (choice === 'scheme' || choice === 'float') return choice === 'float' ? 'float' : scheme;
  const hasAllBits = scheme.weights.bits === 8 && (scheme.activations.bits === 8 || scheme.activations.bits === 32);
  const base = hasAllBits && scheme.weights.quantizer !== 'kmeans' ? scheme : { ...edges, ...floatOf(scheme) };
  return choice === undefined ? base : merged(base, choice, `${name}.`);
}

/** Activations that are float everywhere are so at the ends, too. */
function floatOf({ activations }: QatScheme): Partial<QatScheme> {
  return activations.bits === 32 ? { activations } : {};
}

function merged(base: QatScheme, { weights, activations }: BitChoices, where: string): QatScheme {
  return {
    weights: mergedChoice(base.weights, weights, `${where}weights`),
    activations: mergedChoice(base.activations, activations, `${where}activations`),
  };
}

/** Options of one quantizer are none of another's. */
function mergedChoice(base: QuantizerChoice, choice: Partial<QuantizerChoice> = {}, where: string): QuantizerChoice {
  if (typeof choice !== 'object' || choice === null) throw invalid('ERR_OPTION', where, 'an object', choice);
  const isOther = choice.quantizer !== undefined && choice.quantizer !== base.quantizer;
  const { quantizer, bits }: QuantizerChoice = { ...base, ...choice };
  if (!quantizerNames.includes(quantizer)) {
    throw invalid('ERR_OPTION', `${where}.quantizer`, `one of ${quantizerNames.join(', ')}`, quantizer);
  }
  if (bits !== 32 && !(Number.isInteger(bits) && bits >= 1 && bits <= 8)) {
    throw invalid('ERR_QUANTIZATION', `${where}.bits`, 'an integer from 1 to 8, or 32', bits);
  }
  return isOther ? { ...choice, quantizer, bits } : { ...base, ...choice, quantizer, bits };
}

function checkStep(name: string, step: number): void {
  if (!Number.isSafeInteger(step) || step < 0) throw invalid('ERR_OPTION', name, 'a number of training batches >= 0', step);
}
