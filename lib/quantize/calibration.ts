/** Data for calibration: taken from the caller one batch at a time, seen by everything that wants to see it. */
import { copyTensor } from '../backends/backend.js';
import { describe, invalid, OctensorError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { throwIfAborted } from '../session/options.js';
import { InferenceSession } from '../session.js';
import type { Tensor } from '../tensor.js';
import type { Batch, CheckedOptions } from './options.js';

/** Of the batches that are kept for later rounds. */
const maxKeptBytes = 2 ** 28;
const maxKept = 64;

/**
 * The caller's batches can be gone through once, and its tensors may be filled again for the next one. What needs a second look gets
 * copies of the first ones, as many as 256 MiB hold and no more than 64: memory does not grow with the data.
 */
export class Calibration {
  readonly #source: AsyncIterator<Batch> | Iterator<Batch>;
  readonly #options: CheckedOptions;
  /** Whether anything asks for a second look. */
  readonly #keeps: boolean;
  readonly #kept: Batch[] = [];
  #keptBytes = 0;
  #first: Batch | undefined;
  #isOver = false;

  private constructor(options: CheckedOptions) {
    const data = options.calibration!;
    this.#source = Symbol.asyncIterator in data ? data[Symbol.asyncIterator]() : data[Symbol.iterator]();
    this.#options = options;
    const { adaround, biasCorrection, equalize, mixedPrecision, smooth, onWarning } = options;
    this.#keeps =
      [adaround, biasCorrection].includes(true) ||
      Boolean(equalize) ||
      [smooth, mixedPrecision, onWarning].some((each) => each !== undefined);
  }

  /** Takes the first batch, whose shapes the model is prepared for. ERR_OPTION where there is none. */
  static async open(options: CheckedOptions): Promise<Calibration> {
    const calibration = new Calibration(options);
    try {
      calibration.#first = await calibration.#next();
      if (calibration.#first !== undefined) return calibration;
    } catch (error) {
      await calibration.close();
      throw error;
    }
    throw new OctensorError('ERR_OPTION', 'calibration: expected at least one batch, got none');
  }

  /** Tells the source that no more is taken, as leaving a loop over it would. After an abort it may still be busy: that is not waited for. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const closing = Promise.resolve(this.#source.return?.());
    if (this.#options.signal?.aborted) closing.catch(() => {});
    else await closing;
  }

  get first(): Batch {
    return this.#first!;
  }

  /** The batches that were kept; after `observeAll`. */
  get kept(): readonly Batch[] {
    return this.#kept;
  }

  /** Runs all batches; `see` gets the values of each, in order. */
  async observeAll(graph: Graph, names: readonly string[], see: (name: string, tensor: Tensor) => void): Promise<number> {
    const observed = await Observed.create(graph, names, this.#options);
    let count = 0;
    try {
      for (let batch: Batch | undefined = this.first; batch !== undefined; batch = await this.#next()) {
        await observed.run(batch, see);
        this.#keep(batch); // which is what the model takes, then
        this.#options.onProgress?.({ phase: 'calibrate', done: ++count });
      }
    } finally {
      await observed.release();
    }
    return count;
  }

  /** Runs the batches that were kept. */
  async observeKept(
    phase: string,
    graph: Graph,
    names: readonly string[],
    see: (name: string, tensor: Tensor) => void,
  ): Promise<void> {
    const observed = await Observed.create(graph, names, this.#options);
    try {
      for (const [i, batch] of this.#kept.entries()) {
        await observed.run(batch, see);
        this.#options.onProgress?.({ phase, done: i + 1, total: this.#kept.length });
      }
    } finally {
      await observed.release();
    }
  }

  async #next(): Promise<Batch | undefined> {
    const { signal } = this.#options;
    throwIfAborted(signal, 'quantize');
    const { done, value } = await unlessAborted(Promise.resolve(this.#source.next()), signal);
    if (!done) return checkedBatch(value);
    this.#isOver = true;
    return undefined;
  }

  #keep(batch: Batch): void {
    if (!this.#keeps) return;
    const bytes = Object.values(batch).reduce((sum, { data }) => sum + ((data as Float32Array).byteLength ?? 0), 0);
    if (this.#kept.length === maxKept || (this.#kept.length > 0 && this.#keptBytes + bytes > maxKeptBytes)) return;
    this.#kept.push(Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, copyTensor(tensor)])));
    this.#keptBytes += bytes;
  }
}

/** What is promised, or ERR_ABORTED as soon as the signal says so: a source may take its time, or never have another batch. */
async function unlessAborted<T>(promised: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promised;
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      const message = 'quantize: aborted while it waited for calibration data';
      reject(new OctensorError('ERR_ABORTED', message, { cause: signal.reason }));
    };
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([promised, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    promised.catch(() => {}); // nobody waits for it after an abort
  }
}

function checkedBatch(batch: unknown): Batch {
  if (typeof batch === 'object' && batch !== null) return batch as Batch;
  throw invalid('ERR_OPTION', 'calibration', 'feeds: an object of tensors', batch);
}

/** A session whose outputs are the values to look at; inputs are looked at as they are fed. */
class Observed {
  readonly #session: InferenceSession;
  readonly #graph: Graph;
  readonly #names: readonly string[];
  readonly #signal: AbortSignal | undefined;
  /** What the last run gave, which the next one of the same shapes writes to. */
  #results: Record<string, Tensor> | undefined;
  #shapes = '';

  private constructor(session: InferenceSession, graph: Graph, names: readonly string[], signal: AbortSignal | undefined) {
    this.#session = session;
    this.#graph = graph;
    this.#names = names;
    this.#signal = signal;
  }

  static async create(graph: Graph, names: readonly string[], { signal }: CheckedOptions): Promise<Observed> {
    const computed = names.filter((name) => !graph.inputs.includes(name));
    // What only the model's own outputs need is not computed
    const outputs = computed.length === 0 ? graph.outputs : computed;
    const values = new Map(graph.values);
    for (const name of outputs) if (!values.has(name)) values.set(name, { name, type: 'float32' });
    const session = await InferenceSession.create({ ...graph, values, outputs }, signal === undefined ? {} : { signal });
    return new Observed(session, graph, names, signal);
  }

  async run(batch: Batch, see: (name: string, tensor: Tensor) => void): Promise<void> {
    const shapes = JSON.stringify(Object.entries(batch).map(([name, tensor]) => [name, (tensor as Tensor | undefined)?.dims]));
    const outputs = shapes === this.#shapes ? this.#results : undefined;
    const results = await this.#session.run(batch, {
      ...(this.#signal !== undefined && { signal: this.#signal }),
      ...(outputs !== undefined && { outputs }),
    });
    [this.#results, this.#shapes] = [results, shapes];
    for (const name of this.#names) {
      try {
        see(name, results[name] ?? batch[name]!);
      } catch (error) {
        if (!(error instanceof OctensorError)) throw error;
        throw namingLayer(this.#graph, name, error);
      }
    }
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** The error with the layer that computes a value, or the value that a statistic is of. */
function namingLayer({ nodes }: Graph, name: string, error: OctensorError): OctensorError {
  const nodeOf = (value: string) => nodes.find(({ outputs }) => outputs.includes(value));
  const own = nodeOf(name);
  const value = own?.op === 'Extent' || own?.op === 'Histogram' ? own.inputs[0]! : name;
  const node = nodeOf(value);
  const where =
    node === undefined ? `input ${describe(value)}` : `node ${describe(node.name)} (${node.op}), ${describe(value)}`;
  return new OctensorError(error.code, `${where}: ${error.message}`, { ...(node && { node: node.name }), cause: error });
}
