/**
 * The native addon, as it is: numbers, typed arrays and handles, no options objects. `lib/gemm/` is its public face and checks
 * everything first; the addon checks again. Loading it can fail (no prebuild for this platform, no source build); the package
 * then works on the reference.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, errorCodes, OctensorError } from './errors.js';
import type { Isa } from './isa.js';
import type { TypedArray } from './typed-array.js';

declare const nativeMatrix: unique symbol;
/** A weight matrix packed for one kernel; freed by the garbage collector. */
export type NativeMatrix = { readonly [nativeMatrix]: true };

declare const nativeProgram: unique symbol;
/** Prepared steps; freed by `release` or the garbage collector. Runs keep what they use of it. */
export type NativeProgram = { readonly [nativeProgram]: true };

declare const nativeRun: unique symbol;
/** The memory of one run of a program at a time; freed by `release` or the garbage collector. */
export type NativeRun = { readonly [nativeRun]: true };

/** One step: `kind` is a line of native/ops/steps.cc, the file that makes it lists its fields. A flag is 0 or 1. */
export interface NativeStep {
  readonly kind: string;
  readonly fields: Readonly<Record<string, number | TypedArray>>;
}

export interface NativeProgramInfo {
  /** What each step runs on. */
  readonly kernels: readonly string[];
  /** Of weights, tables and constants; and of one run. */
  readonly sizeBytes: number;
  readonly runBytes: number;
}

/** Codes shared with native/binding. */
export const numericsCodes = { tflite: 0, single: 1, onnx: 2 } as const;

export interface KernelInfo {
  readonly name: string;
  readonly isa: Isa;
  readonly mr: number;
  readonly nr: number;
  readonly kr: number;
}

/** The arrays of TensorFlow.js's float32, int32 and bool tensors. */
export type EagerArray = Float32Array | Int32Array | Uint8Array;

export interface Addon {
  /** The version of this interface; see `expectedAbi`. */
  readonly abi: number;
  /** All that the CPU and this build support, best first; and the number of cores this process may use. */
  readonly isas: readonly Isa[];
  readonly cores: number;
  /** Every kernel of this build that the CPU can run, best first. */
  readonly kernels: readonly KernelInfo[];
  packMatrix(
    b: Int8Array | Uint8Array,
    k: number,
    n: number,
    transposed: boolean,
    zeroPoint: number | Int32Array,
    isa: Isa,
  ): NativeMatrix;
  /** `scale` is ignored for int32; the last five numbers count only for a quantized output, whose dtype is that of `out`. */
  gemm(
    matrix: NativeMatrix,
    a: Int8Array | Uint8Array,
    m: number,
    aZeroPoint: number,
    bias: Int32Array | undefined,
    threads: number,
    out: Int32Array | Float32Array | Int8Array | Uint8Array,
    scale: number | Float32Array,
    numerics: number,
    outZeroPoint: number,
    min: number,
    max: number,
  ): void;
  /**
   * Offsets of values are below `valueBytes`; what steps place at -1 - offset is in `constants`, at (1 + i) * `bindingStep` + offset
   * in binding i. `bindings`: of each its offset among the values, its bytes, and 1 for an output. All arrays are copied.
   */
  createProgram(
    isa: Isa,
    threads: number,
    valueBytes: number,
    constants: Uint8Array,
    bindings: Float64Array,
    steps: readonly NativeStep[],
  ): NativeProgram;
  describeProgram(program: NativeProgram): NativeProgramInfo;
  createRun(program: NativeProgram): NativeRun;
  /** Copies bytes between an array and the run's values. */
  writeRun(run: NativeRun, offset: number, from: TypedArray): void;
  readRun(run: NativeRun, offset: number, to: TypedArray): void;
  /**
   * Runs the steps from `first` to before `last`; returns the step before which `cancelRun` stopped it, else `last`. `bound`: the
   * memory of each binding, which steps read and write instead of the run's own.
   */
  runSteps(run: NativeRun, first: number, last: number, profile: boolean, bound?: readonly TypedArray[]): number;
  /** The same in the background. Until the promise is settled nothing but `cancelRun` and `release` may use the run. */
  startSteps(run: NativeRun, first: number, last: number, profile: boolean): Promise<number>;
  cancelRun(run: NativeRun): void;
  /** Microseconds of each step in the last run with `profile`. */
  runProfile(run: NativeRun): Float64Array;
  /** Frees memory once what uses it is over. */
  release(handle: NativeProgram | NativeRun): void;
  /** The kinds of `eager`, by index: what native/ops/eager.cc lists. */
  readonly eagerKinds: readonly string[];
  /** What the eager calls of this thread run on from now on; comes before the first of them. */
  configureEager(isa: Isa, threads: number): void;
  /** One operator on at most nine operands, of which the last ones are outputs. The first `numberCount` numbers count. */
  eager(kind: number, numbers: Float64Array, numberCount: number, ...operands: readonly EagerArray[]): void;
  /** Runs register-only multiply-accumulates of an ISA for at least `milliseconds`: 8-bit multiply-accumulates per second. */
  measurePeak(isa: Isa, milliseconds: number): number;
  /** Reads a buffer of so many bytes again and again for at least `milliseconds`: bytes per second. */
  measureReadBandwidth(sizeBytes: number, milliseconds: number): number;
}

/** What native/binding exports as `abi`; raised with every change of the interface above. */
const expectedAbi = 4;
const functionNames = [
  'packMatrix',
  'gemm',
  'createProgram',
  'describeProgram',
  'createRun',
  'writeRun',
  'readRun',
  'runSteps',
  'startSteps',
  'cancelRun',
  'runProfile',
  'release',
  'configureEager',
  'eager',
  'measurePeak',
  'measureReadBandwidth',
] as const;

// This file is in dist/chunks/ when it is bundled, and build/lib/addon.js for the tests.
const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

let loaded: Addon | OctensorError | undefined;

/** The addon; tried once per thread. Throws ERR_NATIVE, with what to do about it, where there is none for this platform. */
export function loadAddon(): Addon {
  loaded ??= attempt(packageRoot);
  if (loaded instanceof OctensorError) {
    // A new error each time: the stack is that of the caller.
    throw new OctensorError(loaded.code, loaded.message, { cause: loaded.cause });
  }
  return loaded;
}

/** The addon, or undefined where `loadAddon` throws. */
export function tryAddon(): Addon | undefined {
  loaded ??= attempt(packageRoot);
  return loaded instanceof OctensorError ? undefined : loaded;
}

let hasWarned = false;

/** Tells once that the reference stands in for the addon, and why. */
export function warnNoAddon(): void {
  if (hasWarned || !(loaded instanceof OctensorError)) return;
  hasWarned = true;
  const message = `octensor runs on its reference implementation, which is many times slower. ${loaded.message}`;
  process.emitWarning(message, { type: 'OctensorWarning', code: 'OCTENSOR_NO_NATIVE' });
}

/** Errors of the addon carry one of our codes; anything else that it throws becomes ERR_NATIVE. */
export function toOctensorError(cause: unknown): OctensorError {
  const { code, message } = Object(cause) as { code?: unknown; message?: unknown };
  const known = (errorCodes as readonly unknown[]).includes(code) ? (code as ErrorCode) : 'ERR_NATIVE';
  return new OctensorError(known, typeof message === 'string' ? message : 'the native addon failed', { cause });
}

function attempt(root: string): Addon | OctensorError {
  let addon: unknown;
  try {
    addon = withLibc(() => (require('node-gyp-build') as (root: string) => unknown)(root));
  } catch (cause) {
    const reason = String((cause as Error | undefined)?.message ?? cause).trim();
    return new OctensorError('ERR_NATIVE', `No native addon could be loaded (${reason}).\n${remedies()}`, { cause });
  }
  const fault = faultOf(addon);
  if (fault === undefined) return addon as Addon;
  return new OctensorError(
    'ERR_NATIVE',
    `The native addon in ${root} does not fit this version of octensor: ${fault}.\n${remedies()}`,
  );
}

/** What is wrong with a loaded addon, say one left from an older build. */
export function faultOf(addon: unknown): string | undefined {
  const members = Object(addon) as Partial<Addon>;
  if (members.abi !== expectedAbi) return `its interface is version ${String(members.abi)}, expected ${expectedAbi}`;
  const missing = functionNames.find((name) => typeof members[name] !== 'function');
  if (missing !== undefined) return `it has no function ${missing}`;
  if (!Array.isArray(members.isas) || members.isas.length === 0) return 'it lists no instruction sets';
  return Array.isArray(members.kernels) ? undefined : 'it lists no kernels';
}

function remedies(): string {
  return [
    'On linux-x64 and linux-arm64, which have prebuilt addons: run npm ci on this machine; node_modules is not portable.',
    'Elsewhere build it from a checkout of the sources (python3, make and g++): npm ci && npm run build.',
    "Or use backend: 'reference', which gives the same bits slowly.",
  ].join('\n');
}

/** node-gyp-build knows musl only by a file of Alpine's, or by the environment variable LIBC, read when it is loaded. */
function withLibc<T>(load: () => T): T {
  if (process.platform !== 'linux' || process.env.LIBC !== undefined || !isMusl()) return load();
  process.env.LIBC = 'musl';
  try {
    return load();
  } finally {
    delete process.env.LIBC;
  }
}

/** By the dynamic linker that Node's own binary names near its beginning. `process.report` knows in any case, but takes 4 ms. */
function isMusl(): boolean {
  // An import of node:fs, unlike this, loads all that it has: 2 ms
  const { closeSync, openSync, readSync } = require('node:fs') as typeof import('node:fs');
  const head = Buffer.alloc(4096);
  const file = openSync(process.execPath, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  if (head.includes('/ld-linux')) return false;
  return head.includes('/ld-musl') || isMuslByReport();
}

function isMuslByReport(): boolean {
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  if (report === undefined) return false;
  const { excludeNetwork } = report;
  report.excludeNetwork = true; // where Node has it: resolving the names of open sockets can take seconds
  try {
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined;
  } finally {
    if (excludeNetwork === undefined) delete report.excludeNetwork;
    else report.excludeNetwork = excludeNetwork;
  }
}
