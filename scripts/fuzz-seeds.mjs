/**
 * The corpus that test/native/fuzz_steps.cc begins with: the native steps of every operator's cases, one file for each case, in the
 * format of test/native/step_file.h. Needs the build: `node scripts/fuzz-seeds.mjs FOLDER`.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './run.mjs';

/** @param {string} path */
const built = (path) => import(pathToFileURL(join(root, 'build', 'lib', path)).href);

/** The target takes no more memory, nor more steps. */
const maxBytes = 2 ** 14;
const maxSteps = 16;

/** In the order of FieldType, after numbers. */
const arrayTypes = [Int8Array, Uint8Array, Int16Array, Int32Array, Float32Array, Float64Array];

/** @param {number} value @param {'UInt8' | 'UInt16LE' | 'UInt32LE' | 'DoubleLE'} type @param {number} size */
function number(value, type, size) {
  const bytes = Buffer.alloc(size);
  bytes[`write${type}`](value);
  return bytes;
}

/** @param {number} value */
const u8 = (value) => number(value, 'UInt8', 1);
/** @param {number} value */
const u16 = (value) => number(value, 'UInt16LE', 2);
/** @param {string} value */
const text = (value) => [u8(value.length), Buffer.from(value, 'latin1')];

/** @param {string} name @param {number | (ArrayBufferView & { readonly length: number })} value */
function field(name, value) {
  if (typeof value === 'number') return [...text(name), u8(0), number(value, 'DoubleLE', 8)];
  const type = 1 + arrayTypes.findIndex((array) => value instanceof array);
  return [
    ...text(name),
    u8(type),
    number(value.length, 'UInt32LE', 4),
    Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  ];
}

/**
 * @param {{ native: readonly { kind: string, fields: object }[], constants: Uint8Array }} lowered
 * @param {number} valueBytes
 */
function stepFile({ native, constants }, valueBytes) {
  const steps = native.flatMap(({ kind, fields }) => {
    const own = Object.entries(fields);
    return [...text(kind), u8(own.length), ...own.flatMap(([name, value]) => field(name, value))];
  });
  const values = Buffer.from(Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 255));
  return Buffer.concat([u8(0), u8(0), u16(valueBytes), u16(constants.length), constants, u8(native.length), ...steps, values]);
}

/** Writes the files into `folder` and returns how many there are. @param {string} folder */
export async function writeSeeds(folder) {
  const [{ ops }, { makePlan }, { resolveGraph }, { lowerPlan }] = await Promise.all(
    ['ops/index.js', 'plan/plan.js', 'plan/resolve.js', 'backends/native/lower-plan.js'].map(built),
  );
  mkdirSync(folder, { recursive: true });
  let count = 0;
  for (const op of ops.values()) {
    for (const { graph, feeds } of op.cases()) {
      const shapes = new Map(Object.entries(feeds).map(([name, { dims }]) => [name, dims]));
      let plan;
      try {
        plan = makePlan(graph, resolveGraph(graph), shapes);
      } catch {
        continue; // what is only interpreted
      }
      const lowered = lowerPlan(plan);
      const isSmall = plan.memory.peakBytes <= maxBytes && lowered.constants.length <= maxBytes;
      if (!isSmall || lowered.native.length === 0 || lowered.native.length > maxSteps) continue;
      const bytes = stepFile(lowered, plan.memory.peakBytes);
      writeFileSync(join(folder, createHash('sha1').update(bytes).digest('hex')), bytes);
      count++;
    }
  }
  return count;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('expected a folder');
  process.stdout.write(`${await writeSeeds(folder)} files\n`);
}
