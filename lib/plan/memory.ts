/** Where values stand in one block of memory: values that are not alive at the same time may share it, and parts stand in wholes. */
import type { Operand } from '../ops/op.js';
import { place } from './place.js';
import { sizeBytesOf } from './sizes.js';
import { partsOfInput, partsOfOutput, reshapeOf, type StepOperands, type View } from './views.js';

export { bytesPerElement, sizeBytesOf } from './sizes.js';

export interface MemoryPlan {
  /**
   * Of each value that is no constant. A multiple of 64, except of parts: a reshaped value stands where the original does, what
   * Split, Unpack and Slice give may stand in their input, and what Concat and Pack take in their output. Where the offsets
   * say that it does, there is nothing to copy.
   */
  readonly offsets: ReadonlyMap<string, number>;
  readonly peakBytes: number;
  /**
   * Inputs and outputs that stand in memory of their own, with nothing of another input or output: for these and all values that
   * stand in them, by name, that input or output. A run may read or write it where its caller has it.
   */
  readonly owners: ReadonlyMap<string, string>;
}

/**
 * Lifetimes of the values of a plan, and a place for each. Parts in wholes spare copies, but a whole lives as long as any part;
 * where that would take more memory, only reshaped values are parts.
 */
export function planMemory(
  steps: readonly StepOperands[],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
): MemoryPlan {
  const shared = new Storage(steps, inputs, outputs, true);
  const plan = shared.plan();
  if (!shared.hasParts) return plan;
  const separate = new Storage(steps, inputs, outputs, false).plan();
  return plan.peakBytes <= separate.peakBytes ? plan : separate;
}

/** A size that no block has. */
const notBound = -1;

/** A stretch of memory of its own, or a part of another. */
interface Block {
  readonly sizeBytes: number;
  first: number;
  last: number;
  whole?: Home;
}

interface Home {
  readonly block: Block;
  readonly offsetBytes: number;
}

class Storage {
  hasParts = false;
  readonly #homes = new Map<string, Home>();
  /** In the order in which they begin. */
  readonly #blocks: Block[] = [];
  /** What comes from outside and what goes there stands in a block of its own; its bytes. */
  readonly #fixed: ReadonlyMap<string, number>;
  readonly #fixedBlocks = new Set<Block>();

  constructor(steps: readonly StepOperands[], inputs: readonly Operand[], outputs: readonly Operand[], withParts: boolean) {
    const isBoth = ({ name }: Operand) => inputs.some((input) => input.name === name);
    this.#fixed = new Map([
      ...inputs.map((operand) => [operand.name, sizeBytesOf(operand)] as const),
      ...outputs.map((operand) => [operand.name, isBoth(operand) ? notBound : sizeBytesOf(operand)] as const),
    ]);
    for (const operand of inputs) this.#begin(operand, -1);
    for (const [i, step] of steps.entries()) {
      for (const operand of step.inputs) this.#use(operand, i);
      const view = reshapeOf(step);
      if (view !== undefined) this.#putPart(view);
      if (withParts) for (const part of partsOfInput(step)) this.hasParts = this.#putPart(part) || this.hasParts;
      for (const operand of step.outputs) this.#begin(operand, i);
      if (withParts) for (const part of partsOfOutput(step)) this.hasParts = this.#moveInto(part) || this.hasParts;
    }
    for (const operand of outputs) this.#use(operand, steps.length);
  }

  plan(): MemoryPlan {
    const own = this.#blocks.filter((block) => block.whole === undefined);
    for (const block of this.#blocks) {
      const { block: whole } = this.#resolve({ block, offsetBytes: 0 });
      whole.first = Math.min(whole.first, block.first);
      whole.last = Math.max(whole.last, block.last);
    }
    const places = place(own);
    const offsetOf = new Map(own.map((block, i) => [block, places.offsets[i]!]));
    const offsets = new Map(
      [...this.#homes].map(([name, home]) => {
        const { block, offsetBytes } = this.#resolve(home);
        return [name, offsetOf.get(block)! + offsetBytes];
      }),
    );
    return { offsets, peakBytes: places.peakBytes, owners: this.#owners() };
  }

  #owners(): ReadonlyMap<string, string> {
    const fixed = new Map<Block, string[]>();
    for (const name of this.#fixed.keys()) {
      const home = this.#homes.get(name); // none of a constant
      if (home === undefined) continue;
      const { block } = this.#resolve(home);
      fixed.set(block, [...(fixed.get(block) ?? []), name]);
    }
    const owners = [...this.#homes].flatMap(([name, home]): [string, string][] => {
      const [owner, another] = fixed.get(this.#resolve(home).block) ?? [];
      return owner === undefined || another !== undefined || !this.#fills(owner) ? [] : [[name, owner]];
    });
    return new Map(owners);
  }

  /** Whether an input or output, but not both, is all of its block. */
  #fills(name: string): boolean {
    const { block, offsetBytes } = this.#resolve(this.#homes.get(name)!);
    return offsetBytes === 0 && block.sizeBytes === this.#fixed.get(name);
  }

  #resolve({ block, offsetBytes }: Home): Home {
    let home: Home = { block, offsetBytes };
    while (home.block.whole !== undefined) {
      const { block: whole, offsetBytes: start } = home.block.whole;
      home = { block: whole, offsetBytes: start + home.offsetBytes };
    }
    return home;
  }

  /** Nothing where the value is a part already. */
  #begin(operand: Operand, first: number): void {
    if (this.#homes.has(operand.name)) return;
    const block = { sizeBytes: sizeBytesOf(operand), first, last: first };
    this.#blocks.push(block);
    this.#settle(operand, { block, offsetBytes: 0 });
  }

  #use(operand: Operand | undefined, step: number): void {
    const home = operand && this.#homes.get(operand.name);
    if (home !== undefined) home.block.last = Math.max(home.block.last, step);
  }

  /** A new value where an old one is; not in a constant. */
  #putPart({ part, whole, offsetBytes }: View): boolean {
    const home = this.#homes.get(whole.name);
    if (home === undefined) return false;
    this.#settle(part, { block: home.block, offsetBytes: home.offsetBytes + offsetBytes });
    return true;
  }

  /** An old value, with all that stands in it, into a new one: where it is all of its block, and the block is free to move. */
  #moveInto({ part, whole, offsetBytes }: View): boolean {
    const home = this.#homes.get(part.name);
    if (home === undefined || home.offsetBytes !== 0 || home.block.sizeBytes !== sizeBytesOf(part)) return false;
    if (home.block.whole !== undefined || this.#fixedBlocks.has(home.block)) return false;
    const target = this.#homes.get(whole.name)!;
    home.block.whole = { block: target.block, offsetBytes: target.offsetBytes + offsetBytes };
    return true;
  }

  #settle({ name }: Operand, home: Home): void {
    this.#homes.set(name, home);
    if (this.#fixed.has(name)) this.#fixedBlocks.add(home.block);
  }
}
