/** Concrete shapes for inputs that a model leaves open. */
import { type Command, InvalidArgumentError } from 'commander';
import { describe } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { formatDims } from '../plan/infer.js';
import { wrongUsage } from './command-error.js';

export type InputShapes = ReadonlyMap<string, readonly number[]>;

const maxDim = 2 ** 31 - 1;

/** `--shape NAME=1x3x224x224`, once for each input; `shape` in the options. */
export function withShapeOption(command: Command): Command {
  return command.option(
    '--shape <NAME=1x3x224x224>',
    'size of an input whose dimensions are open (default: each of them 1); once for each input',
    addShape,
    new Map(),
  );
}

/** Names may hold '=', sizes may not. NAME= is a scalar. */
function addShape(text: string, shapes: InputShapes): InputShapes {
  const split = text.lastIndexOf('=');
  const sizes = text.slice(split + 1);
  const dims = sizes === '' ? [] : sizes.split('x').map((size) => (/^\d+$/.test(size) ? Number(size) : NaN));
  if (split < 1 || !dims.every((dim) => dim <= maxDim)) {
    throw new InvalidArgumentError(`Expected NAME=SIZExSIZE..., x=1x3x224x224 say, got '${text}'.`);
  }
  const name = text.slice(0, split);
  if (shapes.has(name)) throw new InvalidArgumentError(`Input '${name}' is given twice.`);
  return new Map([...shapes, [name, dims]]);
}

/**
 * A shape for each input: the one given, else the declared one with 1 for what is open. Wrong usage as of `checkShapes`, and for an
 * input that has not even a rank.
 */
export function inputShapesOf(model: Inputs, given: InputShapes): InputShapes {
  const sizes = checkShapes(model, given);
  const shapeOf = (name: string): readonly number[] => {
    const dims = given.get(name) ?? model.values.get(name)!.dims;
    if (dims === undefined) {
      throw wrongUsage(`the model does not say how many dimensions input ${describe(name)} has: --shape ${name}=SIZExSIZE...`);
    }
    return dims.map((dim) => (typeof dim === 'number' ? dim : typeof dim === 'string' ? (sizes.get(dim) ?? 1) : 1));
  };
  return new Map(model.inputs.map((name) => [name, shapeOf(name)]));
}

type Inputs = Pick<Graph, 'inputs' | 'values'>;

/**
 * Wrong usage for a shape of no input, or against what the model declares; a dimension with a name has one size in all inputs. Returns
 * the sizes of those.
 */
export function checkShapes({ inputs, values }: Inputs, given: InputShapes): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const [name, dims] of given) {
    if (!inputs.includes(name)) {
      throw wrongUsage(`--shape: the model has no input ${describe(name)}, its inputs are ${inputs.map(describe).join(', ')}`);
    }
    const declared = values.get(name)!.dims;
    if (declared === undefined) continue;
    const fits = declared.every((dim, axis) => {
      if (typeof dim !== 'string') return dim === null || dim === dims[axis];
      if (!sizes.has(dim)) sizes.set(dim, dims[axis]!);
      return sizes.get(dim) === dims[axis];
    });
    if (fits && declared.length === dims.length) continue;
    throw wrongUsage(`--shape: input ${describe(name)}: expected ${formatDims(declared)}, got ${formatDims(dims)}`);
  }
  return sizes;
}
