/** Typed arrays for the elements of tensors, whatever their type. */
import { invalid, OctensorError } from '../errors.js';
import type { Node } from '../graph/graph.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { TypedArray } from '../typed-array.js';
import { expectType, type NodeContext, nodeError, type Operand, type RunContext } from './op.js';

export type StoredType = Exclude<DataType, 'string'>;

const arrays: Readonly<Record<StoredType, new (length: number) => TypedArray>> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** All types whose elements lie in a typed array. */
export const storedTypes = Object.keys(arrays) as readonly StoredType[];

/** Elements that are 0. */
export function allocate(type: DataType, size: number): TypedArray {
  if (type === 'string') throw invalid('ERR_DTYPE', 'type', `one of ${storedTypes.join(', ')}`, type);
  return new arrays[type](size);
}

/** The elements of a required input that is not of strings. */
export function inputData<A>(context: RunContext<A>, index: number): TypedArray {
  return context.data[index]!.data as TypedArray;
}

/** Output `index` with these elements. */
export function outputTensor<A>({ outputs }: RunContext<A>, index: number, data: TypedArray): Tensor {
  const { type, dims } = outputs[index]!;
  return new Tensor<DataType>(type, data as TensorData<DataType>, dims);
}

/** That something depends on data which is not there when a plan is made: the graph can only be interpreted. */
export class NeedsData extends OctensorError {}

/** The error for an input whose content shape inference needs and does not have. */
export function needsData({ node }: { readonly node: Node }, { name }: { readonly name: string }): NeedsData {
  const message = `node ${JSON.stringify(node.name)} (${node.op}): expected a constant ${name}, got a computed value`;
  return new NeedsData('ERR_UNSUPPORTED_OP', message, { node: node.name });
}

/** The elements of an input that shape inference needs; throws `needsData` where they are only known when the graph runs. */
export function constantData<A>(context: NodeContext<A>, operand: Operand): TypedArray {
  if (operand.constant === undefined) throw needsData(context, operand);
  expectType(context, operand, storedTypes);
  return operand.constant.data as TypedArray;
}

/** The integers of an input that shape inference needs; ERR_UNSUPPORTED_OP where they are only known when the graph runs. */
export function constantIntegers<A>({ node }: NodeContext<A>, { name, type, constant }: Operand): readonly number[] {
  if (constant === undefined) throw needsData({ node }, { name });
  if (type !== 'int32' && type !== 'int64') {
    throw nodeError('ERR_DTYPE', node, `expected int32 or int64 for ${name}, got ${type}`);
  }
  return Array.from(constant.data as Int32Array | BigInt64Array, Number);
}

/** The element that stands for a real 0: the zero point, where there is one for the whole tensor. */
export function realZero({ qparams }: Pick<Operand, 'qparams'>): number {
  return typeof qparams?.zeroPoint === 'number' ? qparams.zeroPoint : 0;
}

/** Sets all elements; 64-bit types hold BigInts. */
export function fillWith(data: TypedArray, value: number): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(Math.trunc(value)));
  else data.fill(value);
}
