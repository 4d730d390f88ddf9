/** What a caller gives to a run, checked against what the model declares. */
import { describe, invalid, OctensorError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { formatDims } from '../plan/infer.js';
import type { Plan } from '../plan/plan.js';
import { Tensor } from '../tensor.js';
import { isDetached, rangesOverlap, type TypedArray } from '../typed-array.js';

/**
 * ERR_OPTION for a name that is missing or unknown, ERR_DTYPE for what is no tensor or one of another type, ERR_SHAPE for
 * dimensions. A dimension with a name has one size in all inputs.
 */
export function checkFeeds(inputs: readonly Value[], feeds: unknown): Map<string, Tensor> {
  if (typeof feeds !== 'object' || feeds === null) throw invalid('ERR_OPTION', 'feeds', 'an object of tensors', feeds);
  for (const name of Object.keys(feeds)) {
    if (inputs.some((input) => input.name === name)) continue;
    throw new OctensorError(
      'ERR_OPTION',
      `feeds: the model has no input ${describe(name)}, its inputs are ${listNames(inputs)}`,
    );
  }
  const sizes = new Map<string, number>();
  return new Map(
    inputs.map((input) => {
      const { name } = input;
      if (!Object.hasOwn(feeds, name)) {
        throw new OctensorError('ERR_OPTION', `feeds: expected a tensor for input ${describe(name)}, got none`);
      }
      const tensor: unknown = (feeds as Record<string, unknown>)[name];
      checkFeed(input, tensor, sizes);
      return [name, tensor];
    }),
  );
}

function checkFeed(input: Value, tensor: unknown, sizes: Map<string, number>): asserts tensor is Tensor {
  const where = `feeds: input ${describe(input.name)}`;
  if (!(tensor instanceof Tensor)) throw invalid('ERR_DTYPE', where, `a Tensor of type ${input.type}`, tensor);
  if (tensor.type !== input.type) throw invalid('ERR_DTYPE', where, `type ${input.type}`, tensor.type);
  const { data, dims } = tensor;
  if (ArrayBuffer.isView(data) && isDetached(data as TypedArray)) {
    throw new OctensorError('ERR_DTYPE', `${where}: its memory was transferred away`);
  }
  const isFitting = (dim: number, i: number): boolean => {
    const declared = input.dims![i];
    if (typeof declared !== 'string') return declared === null || declared === dim;
    if (!sizes.has(declared)) sizes.set(declared, dim);
    return sizes.get(declared) === dim;
  };
  if (input.dims === undefined || (dims.length === input.dims.length && dims.every(isFitting))) return;
  const bound = [...sizes].map(([name, size]) => `, ${name} = ${size}`).join('');
  throw new OctensorError('ERR_SHAPE', `${where}: expected ${formatDims(input.dims)}${bound}, got ${formatDims(dims)}`);
}

/** The values to return, in the order asked for; all by default. */
export function checkFetches(outputNames: readonly string[], fetches: unknown): readonly string[] {
  if (fetches === undefined) return outputNames;
  if (!Array.isArray(fetches)) throw invalid('ERR_OPTION', 'fetches', 'an array of names of outputs', fetches);
  for (const name of fetches) {
    if (!outputNames.includes(name))
      throw invalid('ERR_OPTION', 'fetches', `names of outputs, ${outputNames.join(', ')}`, name);
  }
  return fetches;
}

/** Tensors for the plan's outputs to be written to; ERR_OPTION, ERR_DTYPE and ERR_SHAPE as for feeds. */
export function checkOutputs(
  plan: Plan | undefined,
  fetches: readonly string[],
  feeds: ReadonlyMap<string, Tensor>,
  outputs: unknown,
): ReadonlyMap<string, Tensor> {
  if (typeof outputs !== 'object' || outputs === null) throw invalid('ERR_OPTION', 'outputs', 'an object of tensors', outputs);
  if (plan === undefined) {
    throw new OctensorError(
      'ERR_OPTION',
      'outputs: expected none, since the shapes of what this model computes depend on data',
    );
  }
  const seen: TypedArray[] = [...feeds.values()].map(({ data }) => data as TypedArray);
  return new Map(
    Object.entries(outputs as Record<string, unknown>).map(([name, tensor]) => {
      if (!fetches.includes(name)) throw invalid('ERR_OPTION', 'outputs', `names of outputs, ${fetches.join(', ')}`, name);
      const { type, dims } = plan.operands.get(name)!;
      const where = `outputs: ${describe(name)}`;
      if (!(tensor instanceof Tensor) || tensor.type !== type) {
        const found = tensor instanceof Tensor ? tensor.type : tensor;
        throw invalid('ERR_DTYPE', where, `a Tensor of type ${type}`, found);
      }
      if (formatDims(tensor.dims) !== formatDims(dims)) {
        throw new OctensorError('ERR_SHAPE', `${where}: expected ${formatDims(dims)}, got ${formatDims(tensor.dims)}`);
      }
      const data = tensor.data as TypedArray;
      if (isDetached(data)) throw new OctensorError('ERR_DTYPE', `${where}: its memory was transferred away`);
      if (seen.some((other) => other.buffer === data.buffer && rangesOverlap(other, data))) {
        throw new OctensorError('ERR_SHAPE', `${where}: expected memory that no feed and no other output has`);
      }
      seen.push(data);
      return [name, tensor];
    }),
  );
}

function listNames(values: readonly Value[]): string {
  return values.map(({ name }) => describe(name)).join(', ');
}
