/**
 * Checkpoints: one file that is complete or not there, because it is written beside its place, flushed, and renamed.
 *
 *     "OCTCKPT1", length of the JSON (uint32), JSON { epoch, ..., arrays: { group: [{ name, shape }] } }, then all arrays as float32,
 *     little-endian, in the order of the JSON
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { invalid, OctensorError } from '../../errors.js';
import type { NamedArray } from './snapshot.js';
import type { EpochReport } from './train.js';

const magic = 'OCTCKPT1';
const headerBytes = magic.length + 4;
const groups = ['weights', 'optimizer', 'best', 'incremental'] as const;
type Group = (typeof groups)[number];

export interface Checkpoint extends Readonly<Record<Group, readonly NamedArray[]>> {
  readonly seed: number;
  /** Steps of the optimizer so far. */
  readonly step: number;
  readonly reports: readonly EpochReport[];
  /** The epoch that `best` is of; -1: none. */
  readonly bestEpoch: number;
}

/** Throws what the file system throws, as the cause of ERR_OPTION; the file that was there before stays then. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { seed, step, reports, bestEpoch } = checkpoint;
  const arrays = Object.fromEntries(
    groups.map((group) => [group, checkpoint[group].map(({ name, shape }) => ({ name, shape }))]),
  );
  const json = Buffer.from(JSON.stringify({ seed, step, reports, bestEpoch, arrays }));
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 'latin1');
  header.writeUInt32LE(json.length, magic.length);
  const parts = groups.flatMap((group) =>
    checkpoint[group].map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  );
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writev([header, json, ...parts.filter(({ length }) => length > 0)]);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new OctensorError('ERR_OPTION', `checkpoint: cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Undefined where there is no file; ERR_MODEL_FORMAT for one that is no checkpoint. */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new OctensorError('ERR_OPTION', `checkpoint: cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  const wrong = (expected: string, actual: unknown) => invalid('ERR_MODEL_FORMAT', 'checkpoint', expected, actual);
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, magic.length) !== magic)
    throw wrong('a checkpoint', 'another file');
  const start = headerBytes + bytes.readUInt32LE(magic.length);
  if (start > bytes.length) throw wrong(`${start} bytes`, bytes.length);
  const head = parsed(bytes.toString('utf8', headerBytes, start));
  if (head === undefined) throw wrong('a description of its arrays', 'something else');
  let offset = start;
  const read = ({ name, shape }: Described): NamedArray => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const end = offset + size * 4;
    if (!Number.isSafeInteger(end) || end > bytes.length) throw wrong(`the elements of ${name}`, 'the end of the file');
    const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + end) as ArrayBuffer);
    offset = end;
    return { name, shape, data };
  };
  const arrays = Object.fromEntries(groups.map((group) => [group, head.arrays[group].map(read)])) as Record<
    Group,
    NamedArray[]
  >;
  if (offset !== bytes.length) throw wrong(`${offset} bytes`, bytes.length);
  const { seed, step, reports, bestEpoch } = head;
  return { seed, step, reports, bestEpoch, ...arrays };
}

interface Described {
  readonly name: string;
  readonly shape: readonly number[];
}

interface Head extends Pick<Checkpoint, 'seed' | 'step' | 'reports' | 'bestEpoch'> {
  readonly arrays: Readonly<Record<Group, readonly Described[]>>;
}

function parsed(text: string): Head | undefined {
  try {
    const head = JSON.parse(text) as Partial<Head>;
    const isDescribed = (each: Described) =>
      typeof each?.name === 'string' &&
      Array.isArray(each.shape) &&
      each.shape.every((dim) => Number.isInteger(dim) && dim >= 0);
    const numbers = [head.seed, head.step, head.bestEpoch].every((value) => Number.isSafeInteger(value));
    const arrays = groups.every((group) => Array.isArray(head.arrays?.[group]) && head.arrays[group].every(isDescribed));
    const isReport = (each: EpochReport) => Number.isSafeInteger(each?.epoch) && typeof each.loss === 'number';
    const reports = Array.isArray(head.reports) && head.reports.every(isReport);
    return numbers && arrays && reports ? (head as Head) : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
