/** Where in a network a step is: papers treat its first and its last layer apart. */
import type { Place } from './config.js';
import { keepsGrid } from './layers/fake-quantize.js';
import { productNames } from './layers/products.js';
import type { Step, Steps } from './steps.js';

export const isProduct = ({ kind }: Step): boolean => Object.hasOwn(productNames, kind) || kind === 'SeparableConv2D';

export class Places {
  /** What no product is before: inputs, and what is made of them alone. */
  readonly #before = new Set<Step>();
  /** What reaches an output through no product. */
  readonly #behind = new Set<Step>();

  constructor({ all }: Steps) {
    for (const step of all) {
      const isGiven = step.inputs.length === 0;
      if (isGiven || (!isProduct(step) && step.inputs.every((each) => this.#before.has(each)))) this.#before.add(step);
    }
    for (const step of all.toReversed()) {
      if (step.isOutput || step.readers.some((each) => !isProduct(each) && this.#behind.has(each))) this.#behind.add(step);
    }
  }

  ofProduct(step: Step): Place {
    if (step.inputs.some((each) => this.#before.has(each))) return 'first';
    return this.#behind.has(step) ? 'last' : 'inner';
  }

  ofValue(step: Step): Place {
    if (this.#before.has(step)) return 'first';
    return this.#behind.has(step) || this.#isForLast(step) ? 'last' : 'inner';
  }

  /** Whether only last products read it, perhaps through layers that move its elements. */
  #isForLast({ readers }: Step): boolean {
    return readers.every((reader) => {
      return isProduct(reader) ? this.ofProduct(reader) === 'last' : keepsGrid(reader.layer) && this.#isForLast(reader);
    });
  }
}
