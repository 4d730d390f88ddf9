/** What turns a plan into something that runs. */
import { OctensorError } from '../errors.js';
import type { Plan, Step } from '../plan/plan.js';
import { Tensor } from '../tensor.js';

export type Values = ReadonlyMap<string, Tensor>;

export interface RunOptions {
  /** Checked between steps; ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Tensors for some of the outputs, of their types and shapes, which the run fills and returns. */
  readonly into?: Values | undefined;
  /** Called after each step with what it computed, in memory of its own. Not with merged steps. */
  readonly onValues?: ((step: Step, outputs: readonly Tensor[]) => void) | undefined;
  /** Called for each step, in order, before the run is over. */
  readonly onTime?: ((step: Step, microseconds: number) => void) | undefined;
}

/** A compiled plan. It keeps nothing from one run to the next, so runs may overlap. */
export interface Program {
  /**
   * `feeds` has a tensor for each of the plan's inputs, of the type and shape that the plan says; they are copied before the
   * call returns. The promise is of a tensor for each of the plan's outputs, which shares no memory with anything else.
   */
  run(feeds: Values, options?: RunOptions): Promise<Values>;
  runSync(feeds: Values, options?: RunOptions): Values;
  /** What a step runs on, for profiles. */
  kernelOf(step: Step): string;
  /** Frees memory once the runs under way are over; nothing may be run after it. */
  release(): void;
}

export interface Backend {
  readonly name: 'native' | 'reference';
  /**
   * Whether graphs are optimized and steps merged for it. The reference runs everything as it stands, so that what is compared
   * with it tests that too.
   */
  readonly optimizes: boolean;
  compile(plan: Plan): Program;
}

export function copyTensor({ type, data, dims }: Tensor): Tensor {
  // The `slice` of a Buffer, which is a Uint8Array too, is no copy.
  return new Tensor(type, data instanceof Uint8Array ? new Uint8Array(data) : data.slice(), dims);
}

export function aborted({ node }: Step, signal: AbortSignal | undefined): OctensorError {
  const message = `run: aborted before node ${JSON.stringify(node.name)} (${node.op})`;
  return new OctensorError('ERR_ABORTED', message, { cause: signal?.reason });
}
