/** Values of the ONNX graph while it is made. What they are called is decided when all of them are there. */
import { uniqueNames } from '../../graph/unique-names.js';
import type { Tensor } from '../../tensor.js';

/** How much a value is entitled to a name: what callers use comes first, then what the graph calls its values. */
export const priorities = { helper: 0, otherLayout: 1, own: 2, fixed: 3 } as const;
type Priority = (typeof priorities)[keyof typeof priorities];

/** How the elements of an initializer are written: as their type says, or two integers of 8 bits that fit 4 in a byte. */
export type Packing = 'plain' | 'nibbles';

export class OnnxValue {
  /** Of an initializer. */
  readonly tensor: Tensor | undefined;
  readonly packing: Packing;
  #name: string;
  #priority: Priority;

  constructor(name: string, priority: Priority = priorities.helper, tensor?: Tensor, packing: Packing = 'plain') {
    this.#name = name;
    this.#priority = priority;
    this.tensor = tensor;
    this.packing = packing;
  }

  get name(): string {
    return this.#name;
  }

  get priority(): Priority {
    return this.#priority;
  }

  /** Takes a better name; the first of several that are as good stays. */
  suggest(name: string, priority: Priority): void {
    if (priority <= this.#priority) return;
    this.#name = name;
    this.#priority = priority;
  }

  rename(name: string): void {
    this.#name = name;
  }
}

/** Makes all names differ. Those of inputs and outputs of the model, which do already, stay as they are. */
export function settleNames(values: readonly OnnxValue[]): void {
  const unique = uniqueNames();
  for (const value of values.toSorted((a, b) => b.priority - a.priority)) value.rename(unique(value.name));
}
