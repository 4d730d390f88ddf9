/** Calls of the addon's eager kinds: one operator at a time, on the arrays of tensors. */
import { type EagerArray, loadAddon, toOctensorError } from '../addon.js';
import { selectIsa } from '../cpu-info.js';
import { invalid, OctensorError } from '../errors.js';

// Throws ERR_NATIVE where there is no addon: this backend has no other implementation.
const addon = loadAddon();
const isa = selectIsa(addon);
const maxThreads = 64;

/** What a call may have; numbers go through one array, so that none is made for each call. */
const numbersOfCall = new Float64Array(128);

/** `threads` of the environment variable OCTENSOR_THREADS, else a thread for each core, at most 4. */
let threads = threadsOfEnvironment() ?? Math.min(4, addon.cores);
addon.configureEager(isa, threads);

function threadsOfEnvironment(): number | undefined {
  const { OCTENSOR_THREADS } = process.env;
  return OCTENSOR_THREADS ? checkThreads('OCTENSOR_THREADS', Number(OCTENSOR_THREADS)) : undefined;
}

function checkThreads(name: string, count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= maxThreads) return count;
  throw invalid('ERR_OPTION', name, `an integer from 1 to ${maxThreads}`, count);
}

/** How many threads a kernel of the backend uses, of this JavaScript thread. Throws ERR_OPTION for others than 1 to 64. */
export function setThreads(count: number): void {
  threads = checkThreads('threads', count);
  addon.configureEager(isa, threads);
}

export function getThreads(): number {
  return threads;
}

/** The index of a kind that native/ops/eager.cc lists. */
export function eagerKind(name: string): number {
  const kind = addon.eagerKinds.indexOf(name);
  if (kind < 0) throw new OctensorError('ERR_NATIVE', `the native addon has no eager kind ${name}`);
  return kind;
}

/** Runs one operator; numbers and operands are those that the kind's function in native/ops/ names, in that order. */
export function eager(kind: number, numbers: readonly number[], ...operands: readonly EagerArray[]): void {
  if (numbers.length > numbersOfCall.length) {
    throw new OctensorError('ERR_SHAPE', `expected at most ${numbersOfCall.length} numbers, got ${numbers.length}`);
  }
  for (let i = 0; i < numbers.length; i++) numbersOfCall[i] = numbers[i]!;
  try {
    addon.eager(kind, numbersOfCall, numbers.length, ...operands);
  } catch (cause) {
    throw toOctensorError(cause);
  }
}
