/** Files of samples for one input: a picture, an .npy array whose first dimension counts them, or raw elements. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { describe } from '../errors.js';
import { formatDims } from '../plan/infer.js';
import { bytesPerElement } from '../plan/sizes.js';
import type { ValueInfo } from '../session.js';
import type { Tensor } from '../tensor.js';
import { CommandError } from './command-error.js';
import { fromReals, isImage, type PictureOptions, readImage } from './image.js';
import { type NpyHeader, npyStartBytes, parseNpyHeader, tensorOfNpy } from './npy.js';

export interface SampleFile {
  readonly path: string;
  /** How many samples it holds. */
  readonly count: number;
  /** One after the other, of the input's shape with 1 for the batch; no more than one is in memory. */
  samples(): AsyncIterable<Tensor>;
}

const rawExtensions = ['.raw', '.bin'];

export function isSampleFile(path: string): boolean {
  const extension = extname(path).toLowerCase();
  return isImage(path) || extension === '.npy' || rawExtensions.includes(extension);
}

/** `input` has 1 where its batch is. Throws ERR_INPUT for a file that is not there or does not suit the input. */
export async function openSampleFile(path: string, input: ValueInfo, picture: PictureOptions): Promise<SampleFile> {
  if (isImage(path)) {
    return {
      path,
      count: 1,
      async *samples() {
        yield await readImage(path, input, picture);
      },
    };
  }
  if (!isSampleFile(path)) throw new CommandError('ERR_INPUT', `${path}: expected a picture, .npy, .raw or .bin`, 1);
  const { header, count, dims } = await (extname(path).toLowerCase() === '.npy'
    ? npyLayout(path, input)
    : rawLayout(path, input));
  const sampleBytes = dims.reduce((product, dim) => product * dim, header.bytesPerElement);
  return {
    path,
    count,
    async *samples() {
      const file = await open(path);
      try {
        for (let i = 0; i < count; i++) {
          const bytes = await readExactly(file, path, header.dataStart + i * sampleBytes, sampleBytes);
          yield suited(tensorOfNpy(bytes, header, dims), input, path);
        }
      } finally {
        await file.close();
      }
    },
  };
}

interface Layout {
  readonly header: NpyHeader;
  readonly count: number;
  /** Of one sample. */
  readonly dims: readonly number[];
}

async function npyLayout(path: string, input: ValueInfo): Promise<Layout> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const start = await readExactly(file, path, 0, Math.min(size, npyStartBytes));
    const header = parseNpyHeader(start, size, path);
    const [count, ...rest] = header.dims;
    // A model without a batch takes each of the samples as it is
    const dims = header.dims.length === input.dims.length ? [1, ...rest] : rest;
    const fits = dims.length === input.dims.length && input.dims.every((dim, i) => typeof dim !== 'number' || dim === dims[i]);
    if (count === undefined || !fits || dims.includes(0)) {
      const message = `${path}: expected samples for input ${describe(input.name)} of shape ${formatDims(input.dims)}, got shape ${formatDims(header.dims)}`;
      throw new CommandError('ERR_INPUT', message, 1);
    }
    return { header, count, dims };
  } finally {
    await file.close();
  }
}

async function rawLayout(path: string, input: ValueInfo): Promise<Layout> {
  const { name, type, dims } = input;
  if (type === 'string' || !dims.every((dim) => typeof dim === 'number')) {
    const message = `${path}: raw elements for input ${describe(name)} of shape ${formatDims(dims)}: give all its dimensions (--shape)`;
    throw new CommandError('ERR_INPUT', message, 1);
  }
  const { size } = await stat(path).catch((error: Error) => {
    throw new CommandError('ERR_INPUT', error.message, 1);
  });
  const sampleBytes = dims.reduce((product, dim) => product * dim, bytesPerElement[type]);
  if (sampleBytes === 0 || size === 0 || size % sampleBytes !== 0) {
    throw new CommandError(
      'ERR_INPUT',
      `${path}: expected a multiple of ${sampleBytes} bytes (${type} ${formatDims(dims)}), got ${size}`,
      1,
    );
  }
  return { header: { type, bytesPerElement: bytesPerElement[type], dims, dataStart: 0 }, count: size / sampleBytes, dims };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw new CommandError('ERR_INPUT', (error as Error).message, 1);
  }
}

async function readExactly(file: FileHandle, path: string, position: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  for (let end = 0; end < size; ) {
    const { bytesRead } = await file.read(bytes, end, size - end, position + end);
    if (bytesRead === 0) throw new CommandError('ERR_INPUT', `${path}: expected ${size} bytes at ${position}, got ${end}`, 1);
    end += bytesRead;
  }
  return bytes;
}

/** Real numbers suit every input that has a scale, of whatever width. */
function suited(tensor: Tensor, input: ValueInfo, path: string): Tensor {
  if (tensor.type === input.type) return tensor;
  if (tensor.type === 'float32' || tensor.type === 'float64') {
    return fromReals(Float32Array.from(tensor.data as Float64Array), tensor.dims, input);
  }
  throw new CommandError(
    'ERR_INPUT',
    `${path}: expected ${input.type} for input ${describe(input.name)}, got ${tensor.type}`,
    1,
  );
}
