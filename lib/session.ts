/** A model that is ready to run. */
import { type Backend, copyTensor, type RunOptions, type Values } from './backends/backend.js';
import { OctensorError } from './errors.js';
import type { Dim, Graph, Value } from './graph/graph.js';
import { loadGraph, type ModelSource } from './model.js';
import type { Step } from './plan/plan.js';
import type { QParams } from './quant/qparams.js';
import { checkFeeds, checkFetches, checkOutputs } from './session/feeds.js';
import {
  checkRunOptions,
  checkSessionOptions,
  chooseBackend,
  type SessionOptions,
  type SessionRunOptions,
  throwIfAborted,
} from './session/options.js';
import { type PlannedProgram, Programs } from './session/programs.js';
import type { Tensor } from './tensor.js';
import { typedArrayName } from './typed-array.js';

export type { SessionOptions, SessionRunOptions } from './session/options.js';
/** `dims` is empty where the model does not say even how many there are. */
export type ValueInfo = Value & { readonly dims: readonly Dim[] };

export interface ProfileEntry {
  readonly node: string;
  readonly op: string;
  readonly kernel: string;
  readonly microseconds: number;
  readonly macs: number;
}

export interface Intermediate {
  readonly tensor: Tensor;
  readonly qparams?: QParams;
  readonly node: string;
  readonly op: string;
}

/** One run, checked. */
interface Call {
  readonly planned: PlannedProgram;
  readonly feeds: Values;
  readonly fetches: readonly string[];
  readonly options: RunOptions;
  readonly profile: ProfileEntry[] | undefined;
}

export class InferenceSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #graph: Graph;
  readonly #declared: readonly Value[];
  readonly #backend: Backend;
  readonly #programs: Programs;
  /** Programs in which every value exists, made when somebody asks for them. */
  #openPrograms: Programs | undefined;
  /** Of each state, by the name of its current value. */
  #states: Values;
  #profile: readonly ProfileEntry[] = [];
  readonly #running = new Set<Promise<unknown>>();
  /** The run that the next one waits for, where runs hand states on. */
  #last: Promise<unknown> = Promise.resolve();
  #isReleased = false;

  private constructor(graph: Graph, backend: Backend) {
    this.#graph = graph;
    this.#declared = graph.inputs.map((name) => graph.values.get(name)!);
    this.#backend = backend;
    this.#programs = new Programs(graph, backend, { everyValue: false });
    this.#states = initialStates(graph);
    this.inputNames = [...graph.inputs];
    this.outputNames = [...graph.outputs];
    this.inputs = this.inputNames.map((name) => infoOf(graph, name));
    this.outputs = this.outputNames.map((name) => infoOf(graph, name));
  }

  /**
   * Loads a model and prepares it. Throws ERR_OPTION, ERR_MODEL_FORMAT, ERR_UNSUPPORTED_OP, ERR_SHAPE, ERR_DTYPE or
   * ERR_QUANTIZATION for a model that cannot run, naming the node; ERR_NATIVE for a backend that is not there.
   */
  static async create(model: ModelSource | Graph, options: SessionOptions = {}): Promise<InferenceSession> {
    checkSessionOptions(options);
    const { numerics, format, signal } = options;
    throwIfAborted(signal, 'create');
    const loading = isGraph(model) ? model : loadGraph(model, { format, signal });
    Promise.resolve(loading).catch(() => {}); // of two errors the backend's counts
    // The addon is loaded while the file is read
    const backend = chooseBackend(options);
    const graph = await loading;
    throwIfAborted(signal, 'create');
    return new InferenceSession(numerics === undefined ? graph : { ...graph, numerics }, backend);
  }

  /**
   * The outputs by name, in memory of their own. The feeds are copied before the first await. Runs may overlap; those of a
   * model with states take their turns. A run that fails leaves the states as they were.
   */
  async run(feeds: Readonly<Record<string, Tensor>>, options: SessionRunOptions = {}): Promise<Record<string, Tensor>> {
    const call = this.#prepare(feeds, options);
    return this.#track(async () => this.#finish(call, await call.planned.program.run(this.#withStates(call), call.options)));
  }

  /** As `run`, but blocks until it is done. ERR_OPTION where a model with states is running already. */
  runSync(feeds: Readonly<Record<string, Tensor>>, options: SessionRunOptions = {}): Record<string, Tensor> {
    const call = this.#prepare(feeds, options);
    if (this.#graph.states.length > 0 && this.#running.size > 0) {
      throw new OctensorError('ERR_OPTION', 'runSync: a run of this model, which has states, is not over');
    }
    return this.#finish(call, call.planned.program.runSync(this.#withStates(call), call.options));
  }

  /** Every value that a node computes, by name, in order. States are read and left as they are. */
  async intermediates(feeds: Readonly<Record<string, Tensor>>): Promise<Map<string, Intermediate>> {
    this.#openPrograms ??= new Programs(this.#graph, this.#backend, { everyValue: true });
    const call = this.#prepare(feeds, {}, this.#openPrograms);
    const found = new Map<string, Tensor>();
    const onValues = (step: Step, outputs: readonly Tensor[]): void => {
      for (const [i, { name }] of step.outputs.entries()) found.set(name, outputs[i]!);
    };
    await this.#track(() => call.planned.program.run(this.#withStates(call), { onValues }));
    const operands = call.planned.plan?.operands;
    return new Map(
      this.#graph.nodes.flatMap(({ name: node, op, outputs }) =>
        outputs.flatMap((name): [string, Intermediate][] => {
          const qparams = this.#graph.values.get(name)?.qparams;
          const constant = operands?.get(name)?.constant;
          const tensor = found.get(name) ?? (constant && copyTensor(constant));
          // A branch that was not taken computes nothing
          return tensor === undefined ? [] : [[name, { tensor, ...(qparams !== undefined && { qparams }), node, op }]];
        }),
      ),
    );
  }

  /** Of the run with `profile` that ended last, in the order of its steps; empty before. */
  lastProfile(): readonly ProfileEntry[] {
    return this.#profile;
  }

  /** Forgets what earlier runs left in the model's states, for the start of another sequence. */
  resetStates(): void {
    if (this.#running.size > 0 && this.#graph.states.length > 0) {
      throw new OctensorError('ERR_OPTION', 'resetStates: a run of this model is not over');
    }
    this.#states = initialStates(this.#graph);
  }

  /** Frees memory once the runs under way are over. Anything but a second `release` throws ERR_OPTION afterwards. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await Promise.allSettled(this.#running);
    this.#programs.release();
    this.#openPrograms?.release();
  }

  #prepare(feeds: Readonly<Record<string, Tensor>>, options: SessionRunOptions, programs = this.#programs): Call {
    if (this.#isReleased) throw new OctensorError('ERR_OPTION', 'the session was released');
    checkRunOptions(options);
    const { signal, outputs } = options;
    const fetches = checkFetches(this.outputNames, options.fetches);
    const checked = checkFeeds(this.#declared, feeds);
    throwIfAborted(signal, 'run');
    const planned = programs.get(checked);
    const into = outputs && checkOutputs(planned.plan, fetches, checked, outputs);
    const profile: ProfileEntry[] | undefined = options.profile ? [] : undefined;
    const onTime = profile && ((step: Step, microseconds: number) => profile.push(profileEntry(planned, step, microseconds)));
    // Where runs take turns, this one may begin after the caller has changed its feeds.
    const own = this.#states.size === 0 ? checked : new Map([...checked].map(([name, tensor]) => [name, copyTensor(tensor)]));
    return { planned, feeds: own, fetches, options: { signal, into, onTime }, profile };
  }

  #withStates({ feeds }: Call): Values {
    return this.#states.size === 0 ? feeds : new Map([...feeds, ...this.#states]);
  }

  #finish({ fetches, profile }: Call, results: Values): Record<string, Tensor> {
    const { states } = this.#graph;
    if (profile !== undefined) this.#profile = profile;
    const fetched = Object.fromEntries(fetches.map((name) => [name, results.get(name)!]));
    // A caller may change what it gets.
    const next = (name: string) => (fetches.includes(name) ? copyTensor(results.get(name)!) : results.get(name)!);
    if (states.length > 0) this.#states = new Map(states.map((state) => [state.current, next(state.next)]));
    return fetched;
  }

  async #track<T>(start: () => Promise<T>): Promise<T> {
    const running = this.#graph.states.length === 0 ? start() : this.#last.then(start);
    this.#last = running.catch(() => {});
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

function profileEntry({ program }: PlannedProgram, step: Step, microseconds: number): ProfileEntry {
  const { node, macs } = step;
  return { node: node.name, op: node.op, kernel: program.kernelOf(step), microseconds, macs };
}

function infoOf({ values }: Graph, name: string): ValueInfo {
  const value = values.get(name) as Value;
  return { ...value, dims: value.dims ?? [] };
}

function initialStates({ states }: Graph): Values {
  return new Map(states.map(({ current, initial }) => [current, initial]));
}

function isGraph(model: unknown): model is Graph {
  if (typeof model !== 'object' || model === null || model instanceof URL) return false;
  return typedArrayName(model) === undefined && 'nodes' in model && 'values' in model;
}
