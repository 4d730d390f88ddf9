/** Builds the prepared model, step by step. */
import { input, layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { describe, OctensorError } from '../errors.js';
import type { CheckedConfig } from './config.js';
import { copyOf } from './copy.js';
import { FakeQuantize, quantizerBefore } from './layers/fake-quantize.js';
import { isProduct, Places } from './places.js';
import { ProductLayers, partsOf } from './product-layers.js';
import { computesPositive, isPositive, ruleOf } from './rules.js';
import type { Step, Steps } from './steps.js';

/** What a step computes in the new model. */
interface Value {
  readonly step: Step;
  readonly tensor: SymbolicTensor;
  /** Of the layers that computed it since something was quantized. */
  readonly names: readonly string[];
  /** Whether its elements are on a grid already: `quantized` is `tensor`. */
  readonly isOnGrid: boolean;
  /** Whether it is computed in float, so that float layers may read it as it is. */
  readonly isFloat: boolean;
  /** Whether it stays float as an output of the model: integers are read and not written where it is computed. */
  readonly isResult: boolean;
  readonly signed: boolean;
  quantized?: SymbolicTensor;
}

type Quantizable = Pick<Value, 'step' | 'tensor' | 'names' | 'signed'>;

export class Rewriter {
  readonly #steps: Steps;
  readonly #config: CheckedConfig;
  readonly #places: Places;
  readonly #values = new Map<Step, Value>();
  readonly #products: ProductLayers;

  constructor(steps: Steps, config: CheckedConfig) {
    this.#steps = steps;
    this.#config = config;
    this.#places = new Places(steps);
    this.#products = new ProductLayers(config);
  }

  run(): { readonly inputs: SymbolicTensor[]; readonly outputs: SymbolicTensor[] } {
    for (const step of this.#steps.all) if (!this.#isFoldedLater(step)) this.#values.set(step, this.#rewrite(step));
    return {
      inputs: this.#steps.inputs.map((step) => this.#values.get(step)!.tensor),
      outputs: this.#steps.outputs.map((step) => this.#output(this.#values.get(step)!)),
    };
  }

  #output(value: Value): SymbolicTensor {
    return value.isFloat || value.isResult ? value.tensor : this.#quantized(value);
  }

  /** A product that only BatchNormalization reads is made with it. */
  #isFoldedLater(step: Step): boolean {
    const [reader, ...others] = step.readers;
    if (!isProduct(step) || this.#isFloat(step) || step.isOutput || others.length > 0) return false;
    const hasActivation = (step.layer.getConfig().activation ?? 'linear') !== 'linear';
    return (
      reader !== undefined && ruleOf(reader) === 'norm' && !this.#isFloat(reader) && !hasActivation && isOfLastAxis(reader)
    );
  }

  #isFloat(step: Step): boolean {
    return this.#config.isFloat(step.name, isProduct(step) ? this.#places.ofProduct(step) : 'inner');
  }

  #rewrite(step: Step): Value {
    const { name, inputs } = step;
    const rule = ruleOf(step);
    if (rule === 'input') {
      const { batchInputShape, dtype } = step.layer;
      return this.#raw(step, input({ batchShape: batchInputShape, dtype, name }), { isFloat: true });
    }
    const last = inputs[0]!;
    const isNorm = rule === 'norm';
    if (isNorm && this.#isFoldedLater(last)) return this.#product(last, step);
    if (this.#isFloat(step) || (isNorm && this.#values.get(last)!.isFloat)) return this.#float(step);
    if (isProduct(step)) return this.#product(step);
    switch (rule) {
      case 'clamp':
        return this.#clamp(step);
      case 'function':
      case 'mean':
        return this.#raw(step, this.#apply(step, this.#read(last)), {
          signed: this.#isSigned(step),
          isResult: rule === 'function',
        });
      case 'move': {
        const tensor = this.#apply(step, this.#read(last));
        return { ...this.#values.get(last)!, step, tensor, isOnGrid: true, quantized: tensor };
      }
      case 'pool':
        return this.#pool(step);
      case 'sum':
        return this.#sum(step);
      case 'concat':
        return this.#concat(step);
      default:
        throw unsupported(step, isNorm ? 'it does not follow a convolution or a dense layer that nothing else reads' : '');
    }
  }

  #raw(step: Step, tensor: SymbolicTensor, others: Partial<Value> = {}): Value {
    return { step, tensor, names: [step.name], isOnGrid: false, isFloat: false, isResult: false, signed: true, ...others };
  }

  #isSigned(step: Step): boolean {
    return !computesPositive(step) && step.inputs.some((each) => this.#values.get(each)!.signed);
  }

  #apply(step: Step, ...tensors: SymbolicTensor[]): SymbolicTensor {
    return copyOf(step.layer, step.name, tensors.length === 1 ? tensors[0]! : tensors);
  }

  /** What a step reads of another: the values on their grid. */
  #read(step: Step): SymbolicTensor {
    return this.#quantized(this.#values.get(step)!);
  }

  #quantized(value: Value): SymbolicTensor {
    if (value.isOnGrid) return value.tensor;
    value.quantized ??= this.#quantize(value);
    return value.quantized;
  }

  /** A quantizer of its own, unless there are no bits. */
  #quantize({ step, tensor, names, signed }: Quantizable, suffix = ''): SymbolicTensor {
    const quantizer = this.#config.activations(names, this.#places.ofValue(step), signed);
    if (quantizer === undefined) return tensor;
    const layer = new FakeQuantize({ name: `${step.name}${suffix}_quantizer`, quantizer, delay: this.#config.delay });
    return layer.apply(tensor) as SymbolicTensor;
  }

  /** The layer as it is. */
  #float(step: Step): Value {
    const tensors = step.inputs.map((each) => {
      const value = this.#values.get(each)!;
      return value.isFloat ? value.tensor : this.#quantized(value);
    });
    return this.#raw(step, this.#apply(step, ...tensors), { isFloat: true, signed: !computesPositive(step) });
  }

  #clamp(step: Step): Value {
    const before = this.#values.get(step.inputs[0]!)!;
    const isJoined = before.step.readers.length === 1 && !before.step.isOutput && !before.isOnGrid;
    const tensor = this.#apply(step, isJoined ? before.tensor : this.#quantized(before));
    const names = isJoined ? [step.name, ...before.names] : [step.name];
    return this.#raw(step, tensor, { names, signed: false, isFloat: before.isFloat && isJoined });
  }

  #pool(step: Step): Value {
    const before = this.#values.get(step.inputs[0]!)!;
    const pooled = this.#apply(step, this.#quantized(before));
    // Nothing is quantized where activations are float
    const hasGrid = quantizerBefore(pooled.sourceLayer) !== undefined;
    const layer = new FakeQuantize({ name: `${step.name}_quantizer` });
    const tensor = hasGrid ? (layer.apply(pooled) as SymbolicTensor) : pooled;
    return this.#raw(step, tensor, { isOnGrid: true, signed: before.signed });
  }

  /** Two at a time, as integers are added. */
  #sum(step: Step): Value {
    const { inputs, name, kind } = step;
    const signed = inputs.some((each) => this.#values.get(each)!.signed);
    let sum = this.#read(inputs[0]!);
    for (const [i, each] of inputs.slice(1).entries()) {
      const isLast = i === inputs.length - 2;
      const config = { name: isLast ? name : `${name}_${i}` };
      const layer = kind === 'Add' ? layers.add(config) : layers.multiply(config);
      sum = layer.apply([sum, this.#read(each)]) as SymbolicTensor;
      if (!isLast) sum = this.#quantize({ step, tensor: sum, names: [name], signed }, `_${i}`);
    }
    return this.#raw(step, sum, { signed });
  }

  /** One quantizer behind it is one for all that it reads; what others read, too, has its own before. */
  #concat(step: Step): Value {
    const values = step.inputs.map((each) => this.#values.get(each)!);
    const tensors = values.map((value) => {
      const isOwn = value.step.readers.length === 1 && !value.step.isOutput;
      return isOwn ? value.tensor : this.#quantized(value);
    });
    return this.#raw(step, this.#apply(step, ...tensors), { signed: values.some(({ signed }) => signed) });
  }

  #product(step: Step, norm?: Step): Value {
    const { layer, name } = step;
    const config = layer.getConfig();
    if ((config.dataFormat ?? 'channelsLast') !== 'channelsLast') throw unsupported(step, 'its dataFormat is channelsFirst');
    const place = this.#places.ofProduct(step);
    const parts = partsOf(step);
    let tensor = this.#read(step.inputs[0]!);
    for (const [i, part] of parts.entries()) {
      const isLast = i === parts.length - 1;
      tensor = this.#products.apply(step, part, place, tensor, isLast ? norm : undefined);
      if (!isLast) tensor = this.#quantize({ step, tensor, names: [name], signed: true }, part.suffix);
    }
    const { activation } = config;
    const named = { step: norm ?? step, names: norm === undefined ? [name] : [norm.name, name] };
    if (activation == null || activation === 'linear') return this.#raw(step, tensor, named);
    return this.#activated({ ...this.#raw(step, tensor), ...named }, activation as string);
  }

  /** The activation that is part of a layer, by itself. */
  #activated(value: Value, activation: string): Value {
    const isClamp = activation === 'relu' || activation === 'relu6';
    const layer = layers.activation({ activation: activation as 'relu', name: `${value.step.name}_activation` });
    const before = isClamp ? value.tensor : this.#quantize(value, '_linear');
    return { ...value, tensor: layer.apply(before) as SymbolicTensor, signed: !isPositive(activation), isResult: !isClamp };
  }
}

/** Whether BatchNormalization is along the channels that products have. */
function isOfLastAxis({ layer, shape }: Step): boolean {
  const { axis } = layer.getConfig();
  return axis === -1 || axis === shape.length - 1;
}

function unsupported({ name, kind }: Step, why: string): OctensorError {
  const what = why === '' ? '' : `: ${why}`;
  return new OctensorError('ERR_UNSUPPORTED_OP', `layer ${describe(name)} (${kind}) cannot be quantized${what}`, {
    node: name,
  });
}
