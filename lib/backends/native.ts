/** Compiles a plan into a native program once (weights packed, epilogues prepared) and replays it. */
import { setImmediate } from 'node:timers/promises';
import { type Addon, loadAddon, type NativeProgram, type NativeRun, toOctensorError } from '../addon.js';
import { OctensorError } from '../errors.js';
import type { Isa } from '../isa.js';
import type { Operand } from '../ops/op.js';
import { product } from '../ops/shapes.js';
import { allocate } from '../ops/storage.js';
import type { Plan, Step } from '../plan/plan.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import { isDetached, type TypedArray } from '../typed-array.js';
import { aborted, type Backend, copyTensor, type Program, type RunOptions, type Values } from './backend.js';
import { type LoweredPlan, type LoweredStep, lowerPlan } from './native/lower-plan.js';
import { runOnReference } from './reference.js';

/** Throws ERR_NATIVE where there is no addon. `isa` is one that the addon lists. */
export function nativeBackend(isa: Isa, threads: number): Backend {
  const addon = loadAddon();
  return { name: 'native', optimizes: true, compile: (plan) => new CompiledProgram(addon, plan, isa, threads) };
}

/** Steps that follow each other without the reference in between: a range of the plan's steps and one of native steps. */
interface Segment {
  readonly first: number;
  readonly last: number;
  readonly begin: number;
  readonly end: number;
}

/** More than this many runs at a time are rare; their memory is not worth keeping. */
const maxIdleRuns = 4;

class CompiledProgram implements Program {
  readonly #addon: Addon;
  readonly #plan: Plan;
  readonly #lowered: LoweredPlan;
  readonly #program: NativeProgram;
  readonly #segments: readonly Segment[];
  /** The names of bindings. */
  readonly #bound: ReadonlySet<string>;
  /** Whether native steps do all, so that nobody else looks for values in a run's memory. */
  readonly #canBind: boolean;
  readonly #idle: NativeRun[] = [];
  #isReleased = false;

  constructor(addon: Addon, plan: Plan, isa: Isa, threads: number) {
    this.#addon = addon;
    this.#plan = plan;
    this.#lowered = lowerPlan(plan);
    this.#segments = segmentsOf(this.#lowered.steps);
    this.#bound = new Set(this.#lowered.bindings.map(({ name }) => name));
    const isNative = this.#lowered.steps.every(({ onReference }) => !onReference);
    this.#canBind = this.#bound.size > 0 && isNative && this.#segments.length > 0;
    const { native, constants, bindings } = this.#lowered;
    const places = Float64Array.from(bindings.flatMap(({ offset, bytes, isOutput }) => [offset, bytes, Number(isOutput)]));
    this.#program = calling(() => addon.createProgram(isa, threads, plan.memory.peakBytes, constants, places, native));
  }

  async run(feeds: Values, options: RunOptions = {}): Promise<Values> {
    const run = this.#begin(feeds);
    const { signal } = options;
    const cancel = () => this.#addon.cancelRun(run);
    signal?.addEventListener('abort', cancel);
    try {
      for (const segment of this.#segmentsFor(options)) {
        if (signal?.aborted) throw aborted(this.#plan.steps[segment.begin]!, signal);
        const { first, last } = segment;
        const stop = first === last ? last : await this.#addon.startSteps(run, first, last, options.onTime !== undefined);
        this.#finishSegment(run, segment, stop, options);
        // What runs on the reference runs on this thread: the event loop turns after each such step.
        if (this.#lowered.steps[segment.end - 1]!.onReference) await setImmediate();
      }
      return this.#end(run, options);
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#giveBack(run);
    }
  }

  runSync(feeds: Values, options: RunOptions = {}): Values {
    const outputs = this.#canBind && options.onValues === undefined ? this.#runBound(feeds, options) : undefined;
    if (outputs !== undefined) return outputs;
    const run = this.#begin(feeds);
    try {
      for (const segment of this.#segmentsFor(options)) {
        const { first, last } = segment;
        const stop = first === last ? last : this.#addon.runSteps(run, first, last, options.onTime !== undefined);
        this.#finishSegment(run, segment, stop, options);
      }
      return this.#end(run, options);
    } finally {
      this.#giveBack(run);
    }
  }

  /**
   * `runSync` without copies of inputs and outputs, as nothing changes them meanwhile. Undefined where the run stopped: then the
   * values that could say why are not in its memory.
   */
  #runBound(feeds: Values, options: RunOptions): Values | undefined {
    const bound: TypedArray[] = [];
    const outputs = new Map<string, Tensor>();
    for (const { name, isOutput } of this.#lowered.bindings) {
      if (isOutput) outputs.set(name, options.into?.get(name) ?? emptyTensor(this.#plan.operands.get(name)!));
      bound.push((isOutput ? outputs : feeds).get(name)!.data as TypedArray);
    }
    const run = this.#begin(feeds, this.#bound);
    try {
      const [segment] = this.#segments as [Segment];
      const { first, last } = segment;
      const stop = first === last ? last : this.#addon.runSteps(run, first, last, options.onTime !== undefined, bound);
      if (stop < last) return undefined;
      this.#finishSegment(run, segment, stop, options);
      for (const output of this.#plan.outputs) {
        const { name } = output;
        if (!this.#bound.has(name)) outputs.set(name, this.#read(run, output, options.into?.get(name)));
      }
      return outputs;
    } finally {
      this.#giveBack(run);
    }
  }

  kernelOf(step: Step): string {
    const { first, last, onReference } = this.#lowered.steps[this.#plan.steps.indexOf(step)]!;
    if (onReference) return 'reference';
    const { kernels } = this.#addon.describeProgram(this.#program);
    return [...new Set(kernels.slice(first, last))].join(', ') || 'in place';
  }

  release(): void {
    this.#isReleased = true;
    for (const run of this.#idle.splice(0)) this.#addon.release(run);
    this.#addon.release(this.#program);
  }

  /** A run with copies of the inputs, but of those that are bound. */
  #begin(feeds: Values, isBound: ReadonlySet<string> = new Set()): NativeRun {
    const run = this.#idle.pop() ?? calling(() => this.#addon.createRun(this.#program));
    for (const { name } of this.#plan.inputs) {
      if (isBound.has(name)) continue;
      this.#addon.writeRun(run, this.#plan.memory.offsets.get(name)!, feeds.get(name)!.data as TypedArray);
    }
    return run;
  }

  /** Where values are watched, each step is a segment of its own. */
  #segmentsFor({ onValues }: RunOptions): readonly Segment[] {
    return onValues === undefined ? this.#segments : this.#lowered.steps.map((step, i) => segmentOf(step, i));
  }

  /** After the native steps of a segment: what is to be told of them, and the step on the reference that ends the segment. */
  #finishSegment(run: NativeRun, { last, begin, end }: Segment, stop: number, options: RunOptions): void {
    const { steps } = this.#lowered;
    if (stop < last) throw this.#whyStopped(run, steps.find((lowered) => lowered.last > stop)!.step, options.signal);
    if (!(steps[end - 1]!.onReference || options.onTime || options.onValues)) return;
    const microseconds = options.onTime && this.#addon.runProfile(run);
    for (const { step, first, last, onReference } of steps.slice(begin, end)) {
      if (onReference) {
        const start = performance.now();
        this.#runOnReference(run, step);
        options.onTime?.(step, (performance.now() - start) * 1000);
      } else {
        options.onTime?.(
          step,
          microseconds!.subarray(first, last).reduce((sum, time) => sum + time, 0),
        );
      }
      options.onValues?.(
        step,
        step.outputs.map((output) => this.#read(run, output)),
      );
    }
  }

  /** A run stops before a step where it was aborted, and at one that cannot take its data, of which the reference says what it is. */
  #whyStopped(run: NativeRun, step: Step, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return aborted(step, signal);
    try {
      runOnReference(step, (operand) => this.#read(run, operand));
    } catch (error) {
      return error;
    }
    return new OctensorError(
      'ERR_NATIVE',
      `node ${JSON.stringify(step.node.name)} (${step.node.op}): native code refused its data`,
    );
  }

  #runOnReference(run: NativeRun, step: Step): void {
    const results = runOnReference(step, (operand) => this.#read(run, operand));
    const { sum, outputs } = step;
    const isResult = ({ name }: Operand) => sum !== undefined && name === outputs[0]!.name;
    const stored =
      sum === undefined
        ? results
        : runOnReference(sum, (operand) => (isResult(operand) ? results[0]! : this.#read(run, operand)));
    for (const [i, { name }] of (sum ?? step).outputs.entries()) {
      this.#addon.writeRun(run, this.#plan.memory.offsets.get(name)!, stored[i]!.data as TypedArray);
    }
  }

  #end(run: NativeRun, { into }: RunOptions): Values {
    return new Map(this.#plan.outputs.map((output) => [output.name, this.#read(run, output, into?.get(output.name))]));
  }

  #read(run: NativeRun, operand: Operand, into?: Tensor): Tensor {
    const { name, type, dims, constant } = operand;
    if (constant !== undefined && into === undefined) return copyTensor(constant);
    if (into !== undefined && isDetached(into.data as TypedArray)) {
      throw new OctensorError(
        'ERR_DTYPE',
        `outputs: the memory of ${JSON.stringify(name)} was transferred away during the run`,
      );
    }
    const data = (into?.data as TypedArray | undefined) ?? allocate(type, product(dims));
    if (constant !== undefined) (data as Float32Array).set(constant.data as Float32Array);
    else this.#addon.readRun(run, this.#plan.memory.offsets.get(name)!, data);
    return into ?? new Tensor<DataType>(type, data as TensorData<DataType>, dims);
  }

  #giveBack(run: NativeRun): void {
    if (this.#isReleased || this.#idle.length >= maxIdleRuns) this.#addon.release(run);
    else this.#idle.push(run);
  }
}

function emptyTensor({ type, dims }: Operand): Tensor {
  return new Tensor<DataType>(type, allocate(type, product(dims)) as TensorData<DataType>, dims);
}

/** A segment ends with a step that runs on the reference, or with the plan. */
function segmentsOf(steps: readonly LoweredStep[]): readonly Segment[] {
  const segments: Segment[] = [];
  let begin = 0;
  for (const [i, { onReference }] of steps.entries()) {
    if (!onReference && i + 1 < steps.length) continue;
    segments.push({ begin, end: i + 1, first: steps[begin]!.first, last: steps[i]!.last });
    begin = i + 1;
  }
  return segments;
}

function segmentOf({ first, last }: LoweredStep, index: number): Segment {
  return { begin: index, end: index + 1, first, last };
}

function calling<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw toOctensorError(cause);
  }
}
