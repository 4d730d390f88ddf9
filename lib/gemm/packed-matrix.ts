/** A weight matrix, prepared once for many multiplications. */
import { type Addon, loadAddon, type NativeMatrix, toOctensorError, tryAddon, warnNoAddon } from '../addon.js';
import { checkIsa, isaOfEnvironment, selectIsa } from '../cpu-info.js';
import { invalid, OctensorError } from '../errors.js';
import type { Isa } from '../isa.js';
import { typedArrayName } from '../typed-array.js';
import { checkB, checkOptions } from './options.js';
import type { ByteMatrix } from './types.js';

export interface PackOptions {
  readonly k: number;
  readonly n: number;
  /** B is given as [n, k] rather than [k, n]. */
  readonly transposed?: boolean;
  /** Of B: one, or one for each column; 0 by default. */
  readonly zeroPoint?: number | Int32Array;
  /** Forces an instruction set; so does the environment variable OCTENSOR_ISA, which this option overrides. */
  readonly isa?: Isa;
  /** `auto`, the default: native, or the reference with one process warning where there is no addon for this platform. */
  readonly backend?: 'auto' | 'native' | 'reference';
}

/** What a PackedMatrix holds: weights in a kernel's layout, or a copy as row-major [k, n]. */
export type Packed = NativePacked | ReferencePacked;

export interface NativePacked {
  readonly addon: Addon;
  readonly matrix: NativeMatrix;
  readonly k: number;
  readonly n: number;
  readonly isa: Isa;
  readonly kernel: string;
}

export interface ReferencePacked {
  readonly addon: undefined;
  readonly b: ByteMatrix;
  readonly zeroPoint: number | Int32Array;
  readonly k: number;
  readonly n: number;
  readonly isa: 'scalar';
  readonly kernel: 'reference';
}

const key = Symbol('PackedMatrix.pack');
let read: (matrix: PackedMatrix) => Packed;

export class PackedMatrix {
  readonly #packed: Packed;

  static {
    read = (matrix) => matrix.#packed;
  }

  private constructor(given: symbol, packed: Packed) {
    if (given !== key) throw new OctensorError('ERR_OPTION', 'PackedMatrix: use PackedMatrix.pack to make one');
    this.#packed = packed;
  }

  /**
   * Copies B, row-major [k, n] (or [n, k], see `transposed`), into the layout of the kernel that will multiply by it.
   * Throws ERR_DTYPE, ERR_SHAPE, ERR_QUANTIZATION or ERR_OPTION for wrong arguments; ERR_NATIVE for an instruction set that
   * this machine lacks, and for `backend: 'native'` without an addon.
   */
  static pack(b: ByteMatrix, options: PackOptions): PackedMatrix {
    checkOptions(options);
    const { k, n, transposed = false, zeroPoint = 0, isa, backend = 'auto' } = options;
    if (typeof transposed !== 'boolean') throw invalid('ERR_OPTION', 'transposed', 'true or false', transposed);
    checkB(b, k, n, transposed, 'zeroPoint', zeroPoint);

    const addon = addonFor(backend, isa);
    const packed =
      addon === undefined
        ? packReference(b, k, n, transposed, zeroPoint)
        : packNative(addon, b, k, n, transposed, zeroPoint, selectIsa(addon, isa));
    return new PackedMatrix(key, packed);
  }

  get k(): number {
    return this.#packed.k;
  }

  get n(): number {
    return this.#packed.n;
  }

  get backend(): 'native' | 'reference' {
    return this.#packed.addon === undefined ? 'reference' : 'native';
  }

  get isa(): Isa {
    return this.#packed.isa;
  }

  /** The name of the kernel that multiplies by this matrix. */
  get kernel(): string {
    return this.#packed.kernel;
  }
}

/** Throws ERR_OPTION for anything that `PackedMatrix.pack` did not make. */
export function contentsOf(matrix: PackedMatrix): Packed {
  try {
    return read(matrix);
  } catch {
    throw invalid('ERR_OPTION', 'b', 'a matrix made by PackedMatrix.pack', matrix);
  }
}

/** Undefined: multiply with the reference. */
function addonFor(backend: 'auto' | 'native' | 'reference', isa: Isa | undefined): Addon | undefined {
  if (backend !== 'auto' && backend !== 'native' && backend !== 'reference') {
    throw invalid('ERR_OPTION', 'backend', 'one of auto, native, reference', backend);
  }
  if (isa !== undefined) checkIsa('isa', isa);
  if (backend === 'native') return loadAddon();
  if (backend === 'reference') {
    if (isa === undefined || isa === 'scalar') return undefined;
    throw new OctensorError('ERR_OPTION', `isa: ${isa} cannot be forced on backend 'reference', which is scalar`);
  }
  // An instruction set that the caller forces is never silently replaced, one from the environment with the warning only.
  const addon = isa === undefined || isa === 'scalar' ? tryAddon() : loadAddon();
  if (addon === undefined) {
    isaOfEnvironment();
    warnNoAddon();
  }
  return addon;
}

function packNative(
  addon: Addon,
  b: ByteMatrix,
  k: number,
  n: number,
  transposed: boolean,
  zeroPoint: number | Int32Array,
  isa: Isa,
): NativePacked {
  const kernel = addon.kernels.find((candidate) => candidate.isa === isa);
  if (kernel === undefined) throw new OctensorError('ERR_NATIVE', `isa: this build of the addon has no kernel for ${isa}`);
  try {
    const matrix = addon.packMatrix(b, k, n, transposed, zeroPoint, isa);
    return { addon, matrix, k, n, isa, kernel: kernel.name };
  } catch (error) {
    throw toOctensorError(error);
  }
}

function packReference(
  b: ByteMatrix,
  k: number,
  n: number,
  transposed: boolean,
  zeroPoint: number | Int32Array,
): ReferencePacked {
  const copy = typedArrayName(b) === 'Int8Array' ? new Int8Array(b) : new Uint8Array(b);
  if (transposed) {
    for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) copy[l * n + j] = b[j * k + l]!;
  }
  const zeroPoints = typeof zeroPoint === 'number' ? zeroPoint : new Int32Array(zeroPoint);
  return { addon: undefined, b: copy, zeroPoint: zeroPoints, k, n, isa: 'scalar', kernel: 'reference' };
}
