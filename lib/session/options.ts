/** Options of a session and of a run, checked. Everything wrong is ERR_OPTION. */
import { loadAddon, tryAddon, warnNoAddon } from '../addon.js';
import type { Backend } from '../backends/backend.js';
import { nativeBackend } from '../backends/native.js';
import { referenceBackend } from '../backends/reference.js';
import { selectIsa } from '../cpu-info.js';
import { invalid, OctensorError } from '../errors.js';
import { type Isa, isas } from '../isa.js';
import { allNumerics, type Numerics } from '../quant/requant.js';
import type { Tensor } from '../tensor.js';

export interface SessionOptions {
  /** `auto`: native, else the reference with one warning a process. */
  readonly backend?: 'auto' | 'native' | 'reference';
  /** Of the native backend: how many threads work on one run, by default as many as there are cores, at most 4. */
  readonly threads?: number;
  /** Of the native backend: a lower instruction set than the machine's best. */
  readonly isa?: Isa;
  /** How results are rounded; by default as the model's format does it. */
  readonly numerics?: Numerics;
  /** By default found out from the content. */
  readonly format?: 'onnx' | 'tflite' | 'layers';
  /** Cancels loading. */
  readonly signal?: AbortSignal;
}

export interface SessionRunOptions {
  /** Names of the outputs to return; by default all. */
  readonly fetches?: readonly string[];
  /** Cancels the run before its next step: ERR_ABORTED. */
  readonly signal?: AbortSignal;
  /** Whether to keep a profile for `lastProfile`. */
  readonly profile?: boolean;
  /**
   * Tensors of the types and shapes of outputs, by name: the run writes to them and returns them instead of new ones. What a run
   * that fails leaves in them is not defined.
   */
  readonly outputs?: Readonly<Record<string, Tensor>>;
}

/** What a session runs on. Throws ERR_NATIVE for a backend or an instruction set that is not there. */
export function chooseBackend({ backend = 'auto', threads, isa }: SessionOptions): Backend {
  const addon = backend === 'reference' ? undefined : backend === 'native' ? loadAddon() : tryAddon();
  if (addon !== undefined) return nativeBackend(selectIsa(addon, isa), threads ?? Math.min(defaultThreads, addon.cores));
  if (backend === 'auto') warnNoAddon();
  return referenceBackend;
}

export const backends = ['auto', 'native', 'reference'] as const;
const maxThreads = 64;
const defaultThreads = 4;

export function checkSessionOptions(options: SessionOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('ERR_OPTION', 'options', 'an object', options);
  const { backend, threads, isa, numerics, format, signal } = options;
  checkOneOf('backend', backend, backends);
  checkOneOf('isa', isa, isas);
  checkOneOf('numerics', numerics, allNumerics);
  checkOneOf('format', format, ['onnx', 'tflite', 'layers']);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= maxThreads)) {
    throw invalid('ERR_OPTION', 'threads', `an integer from 1 to ${maxThreads}`, threads);
  }
  checkSignal(signal);
}

export function checkRunOptions(options: SessionRunOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('ERR_OPTION', 'options', 'an object', options);
  if (options.profile !== undefined && typeof options.profile !== 'boolean') {
    throw invalid('ERR_OPTION', 'profile', 'true or false', options.profile);
  }
  checkSignal(options.signal);
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new OctensorError('ERR_ABORTED', `${what}: aborted before it began`, { cause: signal.reason });
}

function checkOneOf(name: string, value: string | undefined, values: readonly string[]): void {
  if (value !== undefined && !values.includes(value)) throw invalid('ERR_OPTION', name, `one of ${values.join(', ')}`, value);
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('ERR_OPTION', 'signal', 'an AbortSignal', signal);
}
