/** Calibration data from files: pictures, .npy or raw, one batch in memory at a time. */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe } from '../errors.js';
import type { ValueInfo } from '../session.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { finite, list, oneOf, positiveInteger } from './arguments.js';
import { CommandError, wrongUsage } from './command-error.js';
import { imageColors, imageLayouts, type PictureOptions } from './image.js';
import { type InputShapes, withShapeOption } from './input-shapes.js';
import { withShapes } from './inputs.js';
import { presetNames, presets, size, sizedInput } from './picture-presets.js';
import { isSampleFile, openSampleFile, type SampleFile } from './sample-file.js';

export interface CalibrationOptions {
  readonly calibrate: readonly string[];
  readonly samples?: number;
  readonly shape: InputShapes;
  readonly preset?: (typeof presetNames)[number];
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly layout?: (typeof imageLayouts)[number];
  readonly color?: (typeof imageColors)[number];
  readonly size?: readonly [height: number, width: number];
}

export type Feeds = Readonly<Record<string, Tensor>>;

export interface CalibrationFiles {
  /** How many batches there are. */
  readonly count: number;
  /** From the first one, each time; at most `limit`. */
  batches(limit?: number): AsyncIterable<Feeds>;
}

export function withCalibrationOptions(command: Command): Command {
  command
    .option(
      '--calibrate <[NAME=]DIR|FILE|GLOB>',
      'samples: pictures (through sharp), .npy (first dimension: samples) or .raw; once for each input',
      (text: string, before: readonly string[]) => [...before, text],
      [],
    )
    .option('--samples <N>', 'no more than the first N samples', positiveInteger)
    .option('--preset <NAME>', `mean, std and order of pictures: ${presetNames.join(', ')}`, oneOf(presetNames))
    .option('--mean <N,...>', 'of pictures: real = (pixel - mean) / std (default: 0)', list(finite))
    .option('--std <N,...>', 'of pictures (default: 255)', list(finite))
    .option('--layout <NAME>', `of pictures: ${imageLayouts.join(', ')} (default: as the shape tells)`, oneOf(imageLayouts))
    .option('--color <NAME>', `of pictures: ${imageColors.join(', ')} (default: rgb)`, oneOf(imageColors))
    .option('--size <N|HxW>', 'of pictures, where the model leaves it open', size);
  return withShapeOption(command);
}

/**
 * Opens what `--calibrate` names. ERR_INPUT for what is not there, empty or does not suit the model; wrong usage for an input without
 * data and data without an input.
 */
export async function openCalibration(inputs: readonly ValueInfo[], options: CalibrationOptions): Promise<CalibrationFiles> {
  const picture = pictureOptionsOf(options);
  const shaped = withShapes(inputs, options.shape).map((input) => sizedInput(input, options.size, picture.layout));
  const named = assignInputs(shaped, options.calibrate);
  const streams = await Promise.all(shaped.map((input) => openInput(input, named.get(input.name)!, picture)));
  const [first] = streams;
  const other = streams.find(({ count }) => count !== first!.count);
  if (other !== undefined) {
    const message = `--calibrate: ${describe(first!.name)} has ${first!.count} batches, ${describe(other.name)} ${other.count}`;
    throw new CommandError('ERR_INPUT', message, 1);
  }
  const count = Math.min(first!.count, Math.max(1, Math.floor((options.samples ?? Infinity) / first!.batch)));
  return { count, batches: (limit = count) => feedsOf(streams, Math.min(limit, count)) };
}

function pictureOptionsOf({ preset = 'unit', mean, std, layout, color }: CalibrationOptions): PictureOptions {
  for (const [name, values] of Object.entries({ mean, std })) {
    if (values === undefined || values.length === 1 || values.length === 3) continue;
    throw wrongUsage(`--${name}: expected one number or three, got ${values.length}`);
  }
  if (std?.some((value) => value <= 0)) throw wrongUsage('--std: expected numbers above 0');
  const base = presets[preset];
  // Inputs of integers get pixels as they are unless somebody asks for something else
  const asked = base.normalization !== undefined || mean !== undefined || std !== undefined;
  const normalization = { mean: mean ?? base.normalization?.mean ?? [0], std: std ?? base.normalization?.std ?? [255] };
  const order = color ?? base.color;
  return { ...(asked && { normalization }), ...(layout && { layout }), ...(order && { color: order }) };
}

/** `NAME=PATH`, or a path alone for the only input. Names and paths may hold '='. */
function assignInputs(inputs: readonly ValueInfo[], texts: readonly string[]): ReadonlyMap<string, string> {
  const assigned = new Map<string, string>();
  for (const text of texts) {
    const input = inputs.find(({ name }) => text.startsWith(`${name}=`)) ?? (inputs.length === 1 ? inputs[0] : undefined);
    if (input === undefined)
      throw wrongUsage(`--calibrate: expected NAME=PATH with one of ${namesOf(inputs)}, got ${describe(text)}`);
    if (assigned.has(input.name)) throw wrongUsage(`--calibrate: input ${describe(input.name)} is given twice`);
    assigned.set(input.name, text.startsWith(`${input.name}=`) ? text.slice(input.name.length + 1) : text);
  }
  const missing = inputs.filter(({ name }) => !assigned.has(name));
  if (missing.length > 0) throw wrongUsage(`no --calibrate for input ${namesOf(missing)}`);
  return assigned;
}

interface InputStream {
  readonly name: string;
  readonly count: number;
  /** Samples in a batch. */
  readonly batch: number;
  readonly batches: () => AsyncIterator<Tensor>;
}

async function openInput(input: ValueInfo, given: string, picture: PictureOptions): Promise<InputStream> {
  const declared = input.dims[0];
  const batch = input.dims.length > 1 && typeof declared === 'number' ? declared : 1;
  const one = { ...input, dims: input.dims.map((dim, i) => (i === 0 && input.dims.length > 1 ? 1 : dim)) };
  const files: SampleFile[] = [];
  for (const path of await filesOf(given)) files.push(await openSampleFile(path, one, picture));
  const samples = files.reduce((sum, { count }) => sum + count, 0);
  if (samples < batch || batch === 0) {
    throw new CommandError(
      'ERR_INPUT',
      `${given}: expected at least ${Math.max(batch, 1)} samples for ${describe(input.name)}, got ${samples}`,
      1,
    );
  }
  return { name: input.name, batch, count: Math.floor(samples / batch), batches: () => joined(files, batch) };
}

async function filesOf(given: string): Promise<readonly string[]> {
  const stats = await stat(given).catch(() => undefined);
  if (stats?.isFile()) return [given];
  const { glob } = await import('tinyglobby');
  const found = stats?.isDirectory()
    ? await glob('*', { cwd: given, absolute: true, dot: false })
    : await glob(given, { absolute: true, expandDirectories: false });
  // The order of a folder's entries is the file system's: what is made must not depend on it
  const paths = found.filter(isSampleFile).sort();
  if (paths.length > 0) return paths;
  throw new CommandError('ERR_INPUT', `${given}: expected pictures, .npy or .raw files, found none`, 1);
}

async function* joined(files: readonly SampleFile[], batch: number): AsyncGenerator<Tensor> {
  let pending: Tensor[] = [];
  for (const file of files) {
    for await (const tensor of file.samples()) {
      pending.push(tensor);
      if (pending.length < batch) continue;
      yield batch === 1 ? tensor : concatenated(pending, file.path);
      pending = [];
    }
  }
}

/** Along dimension 0. */
function concatenated(tensors: readonly Tensor[], path: string): Tensor {
  const { type, dims, data } = tensors[0]!;
  const size = tensors[0]!.size;
  const result = new (data.constructor as new (length: number) => Float32Array)(size * tensors.length);
  for (const [i, tensor] of tensors.entries()) {
    if (String(tensor.dims) !== String(dims)) {
      throw new CommandError(
        'ERR_INPUT',
        `${path}: expected a sample of shape [${dims}], as others of its batch, got [${tensor.dims}]`,
        1,
      );
    }
    result.set(tensor.data as TypedArray as Float32Array, i * size);
  }
  return new Tensor<DataType>(type, result as TensorData<DataType>, [tensors.length, ...dims.slice(1)]);
}

async function* feedsOf(streams: readonly InputStream[], limit: number): AsyncGenerator<Feeds> {
  const open = streams.map(({ batches }) => batches());
  try {
    for (let i = 0; i < limit; i++) {
      const feeds: Record<string, Tensor> = {};
      for (const [k, stream] of streams.entries()) {
        const { done, value } = await open[k]!.next();
        if (done) return;
        feeds[stream.name] = value;
      }
      yield feeds;
    }
  } finally {
    for (const stream of open) await stream.return?.();
  }
}

function namesOf(inputs: readonly ValueInfo[]): string {
  return inputs.map(({ name }) => describe(name)).join(', ');
}
