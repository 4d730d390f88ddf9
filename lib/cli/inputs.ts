/** Inputs of a model from files. */
import { extname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { describe } from '../errors.js';
import type { ValueInfo } from '../session.js';
import type { Tensor } from '../tensor.js';
import { finite, list, oneOf } from './arguments.js';
import { wrongUsage } from './command-error.js';
import { fromReals, imageLayouts, isImage, type PictureOptions, readImage } from './image.js';
import { checkShapes, type InputShapes, withShapeOption } from './input-shapes.js';
import { readNpy } from './npy.js';

export interface InputOptions {
  /** Files by the names of inputs. */
  readonly input: ReadonlyMap<string, string>;
  readonly shape: InputShapes;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly layout?: (typeof imageLayouts)[number];
}

export function withInputOptions(command: Command): Command {
  command.option('--input <NAME=FILE>', 'an .npy file, or a picture (needs sharp); once for each input', addInput, new Map());
  return withShapeOption(command)
    .option('--mean <N,...>', 'of pictures: real = (pixel - mean) / std (default: 0)', list(finite))
    .option('--std <N,...>', 'of pictures (default: 255)', list(positive))
    .option('--layout <NAME>', `of pictures: ${imageLayouts.join(', ')} (default: as the shape tells)`, oneOf(imageLayouts));
}

/** The inputs with the shapes that were asked for; what is open otherwise stays open. */
export function withShapes(inputs: readonly ValueInfo[], shapes: InputShapes): readonly ValueInfo[] {
  // A session says [] where a model does not say how many dimensions there are.
  const declared = inputs.map(
    ({ name, type, dims }) => [name, dims.length === 0 ? { name, type } : { name, type, dims }] as const,
  );
  checkShapes({ inputs: inputs.map(({ name }) => name), values: new Map(declared) }, shapes);
  return inputs.map((input) => ({ ...input, dims: shapes.get(input.name) ?? input.dims }));
}

/** Wrong usage for a name that is no input's and for an input without a file. */
export async function readInputs(inputs: readonly ValueInfo[], options: InputOptions): Promise<Record<string, Tensor>> {
  for (const name of options.input.keys()) {
    if (inputs.some((input) => input.name === name)) continue;
    throw wrongUsage(`--input: the model has no input ${describe(name)}, its inputs are ${namesOf(inputs)}`);
  }
  const missing = inputs.filter(({ name }) => !options.input.has(name));
  if (missing.length > 0) throw wrongUsage(`no --input NAME=FILE for input ${namesOf(missing)}`);
  const picture = pictureOptionsOf(options);
  const feeds = inputs.map(async (input) => [input.name, await readInput(input, options.input.get(input.name)!, picture)]);
  return Object.fromEntries(await Promise.all(feeds)) as Record<string, Tensor>;
}

async function readInput(input: ValueInfo, path: string, picture: PictureOptions): Promise<Tensor> {
  if (isImage(path)) return readImage(path, input, picture);
  if (extname(path).toLowerCase() !== '.npy')
    throw wrongUsage(`--input: expected a .npy file or a picture, got ${describe(path)}`);
  const tensor = await readNpy(path);
  const isReal = tensor.type === 'float32' || tensor.type === 'float64';
  // Real numbers suit every input that has a scale.
  return isReal && tensor.type !== input.type
    ? fromReals(Float32Array.from(tensor.data as Float64Array), tensor.dims, input)
    : tensor;
}

function pictureOptionsOf({ mean, std, layout }: InputOptions): PictureOptions {
  for (const [name, values] of Object.entries({ mean, std })) {
    if (values !== undefined && values.length !== 1 && values.length !== 3) {
      throw wrongUsage(`--${name}: expected one number or three, got ${values.length}`);
    }
  }
  const isNormalized = mean !== undefined || std !== undefined;
  return {
    ...(isNormalized && { normalization: { mean: mean ?? [0], std: std ?? [255] } }),
    ...(layout !== undefined && { layout }),
  };
}

function namesOf(values: readonly ValueInfo[]): string {
  return values.map(({ name }) => describe(name)).join(', ');
}

/** Names may hold '=': a file may not. */
function addInput(text: string, inputs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const split = text.lastIndexOf('=');
  if (split < 0 || split === text.length - 1) throw new InvalidArgumentError(`Expected NAME=FILE, got '${text}'.`);
  const name = text.slice(0, split);
  if (inputs.has(name)) throw new InvalidArgumentError(`Input '${name}' is given twice.`);
  return new Map([...inputs, [name, text.slice(split + 1)]]);
}

function positive(text: string): number {
  const value = finite(text);
  if (value > 0) return value;
  throw new InvalidArgumentError(`Expected a number above 0, got '${text}'.`);
}
