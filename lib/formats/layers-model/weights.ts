/**
 * Weights of a Layers model: a list of specs, and bytes in which the weights stand one after another in that order, without gaps.
 * A weight may have been quantized for transport (`quantization`): value = scale · integer + min, or float16.
 */
import { describe, OctensorError } from '../../errors.js';
import { fromFloat16Bits } from '../../float16.js';
import { type DataType, Tensor } from '../../tensor.js';
import { Fields, isInteger, maxSize } from './fields.js';

const bytesPerElement = { float32: 4, int32: 4, uint8: 1, uint16: 2, float16: 2, bool: 1 } as const;
type StoredType = keyof typeof bytesPerElement;

/** As weights are used: what a spec may say. */
const types = ['float32', 'int32', 'uint8', 'bool'] as const;
const quantizedTypes = ['uint8', 'uint16', 'float16'] as const;
/** Far above what models have. */
const maxRank = 16;

interface Spec {
  readonly name: string;
  readonly type: (typeof types)[number];
  readonly dims: readonly number[];
  readonly size: number;
  readonly stored: StoredType;
  readonly scale: number;
  readonly min: number;
  readonly offset: number;
}

export class Weights {
  /** By name, and, where no other has that name, by the name without its last scope: Keras writes `lstm/lstm_cell/kernel`. */
  readonly #specs = new Map<string, Spec>();
  readonly sizeBytes: number;
  #bytes: Uint8Array | undefined;

  /** Checks every spec; reads no data. */
  constructor(specs: readonly unknown[]) {
    let offset = 0;
    for (const [index, value] of specs.entries()) {
      const spec = readSpec(value, index, offset);
      if (this.#specs.has(spec.name)) {
        throw new OctensorError('ERR_MODEL_FORMAT', `weight ${describe(spec.name)}: expected a name of its own`);
      }
      this.#specs.set(spec.name, spec);
      offset += spec.size * bytesPerElement[spec.stored];
    }
    this.sizeBytes = offset;
    for (const spec of [...this.#specs.values()]) {
      const short = withoutLastScope(spec.name);
      if (short !== undefined && !this.#specs.has(short)) this.#specs.set(short, spec);
    }
  }

  /** Throws ERR_MODEL_FORMAT unless these are exactly the bytes that the specs ask for. */
  attach(bytes: Uint8Array, where: string): void {
    if (bytes.length !== this.sizeBytes) {
      const message = `${where}: expected ${this.sizeBytes} bytes of weights, got ${bytes.length}`;
      throw new OctensorError('ERR_MODEL_FORMAT', message);
    }
    this.#bytes = bytes;
  }

  /** The name under which the weight is listed; undefined where there is none. */
  find(name: string): string | undefined {
    return this.#specs.get(name)?.name;
  }

  /** A copy, in the type that the spec says. */
  read(name: string): Tensor {
    const { type, dims, size, stored, scale, min, offset } = this.#specs.get(name)!;
    const start = this.#bytes!.byteOffset + offset;
    const raw = this.#bytes!.buffer.slice(start, start + size * bytesPerElement[stored]);
    const array = arrayOf(stored, raw as ArrayBuffer);
    if (stored === type) return new Tensor<DataType>(type, array, dims);
    // As tfjs: in float64, rounded once
    const real = stored === 'float16' ? fromFloat16Bits : (q: number) => q * scale + min;
    if (type === 'float32') return new Tensor<DataType>(type, Float32Array.from(array, real), dims);
    return new Tensor<DataType>(
      type,
      Int32Array.from(array, (q) => Math.round(real(q))),
      dims,
    );
  }
}

function arrayOf(type: StoredType, buffer: ArrayBuffer) {
  if (type === 'float32') return new Float32Array(buffer);
  if (type === 'int32') return new Int32Array(buffer);
  return type === 'uint8' || type === 'bool' ? new Uint8Array(buffer) : new Uint16Array(buffer);
}

function readSpec(value: unknown, index: number, offset: number): Spec {
  const unnamed = new Fields(value, `weight ${index}`);
  const name = unnamed.string('name');
  if (name === '') throw unnamed.wrong('name', 'a name', name);
  const fields = new Fields(value, `weight ${describe(name)}`);
  const known = [...types, 'string', 'complex64'] as const;
  const type = fields.oneOf('dtype', known);
  if (type === 'string' || type === 'complex64') throw fields.unsupported(`a weight of type ${type}`);
  const dims = fields.list('shape', maxRank);
  let size = 1;
  let bound = 1;
  for (const dim of dims) {
    if (!isInteger(dim, 0, maxSize)) throw fields.wrong('shape', 'dimensions', dim);
    size *= dim;
    bound *= Math.max(dim, 1);
  }
  if (bound > maxSize) throw fields.wrong('shape', 'at most 2^31 - 1 elements', bound);
  const shared = { name, type, dims: dims as readonly number[], size, offset };
  if (!fields.has('quantization')) return { ...shared, stored: type, scale: 1, min: 0 };
  const quantization = fields.object('quantization');
  const stored = quantization.oneOf('dtype', quantizedTypes);
  if (type !== 'float32' && (type !== 'int32' || stored === 'float16')) {
    throw fields.error('ERR_MODEL_FORMAT', `expected a type that can be ${stored} when quantized, got ${type}`);
  }
  if (stored === 'float16') return { ...shared, stored, scale: 1, min: 0 };
  return { ...shared, stored, scale: quantization.number('scale'), min: quantization.number('min') };
}

function withoutLastScope(name: string): string | undefined {
  const tokens = name.split('/');
  return tokens.length < 3 ? undefined : [...tokens.slice(0, -2), tokens.at(-1)].join('/');
}
