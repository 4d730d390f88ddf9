/** The messages of an ONNX file, made of what the exporter has. */
import { create } from '@bufbuild/protobuf';
import type { Dim } from '../../graph/graph.js';
import { type DataType, Tensor } from '../../tensor.js';
import { elemTypeOf } from './model.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './schema/onnx_pb.js';
import { writeTensor } from './tensors.js';

/** A number that has to be written as a float, though it may be an integer. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Numbers and lists of numbers are integers, unless `Float` says otherwise; booleans are 0 and 1. */
export type AttributeValue =
  | number
  | boolean
  | string
  | Float
  | readonly number[]
  | readonly Float[]
  | readonly string[]
  | Tensor;
/** What is undefined is left out. */
export type AttributeValues = Readonly<Record<string, AttributeValue | undefined>>;

const encoder = new TextEncoder();

export function attributeProtos(attributes: AttributeValues): AttributeProto[] {
  return Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [attributeProto(name, value)]));
}

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'string') return create(AttributeProtoSchema, { name, type: Kind.STRING, s: encoder.encode(value) });
  if (value instanceof Float) return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value.value });
  if (value instanceof Tensor) return create(AttributeProtoSchema, { name, type: Kind.TENSOR, t: writeTensor('', value) });
  if (typeof value === 'number' || typeof value === 'boolean') {
    return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value) });
  }
  if (value.length > 0 && typeof value[0] === 'string') {
    const strings = (value as readonly string[]).map((text) => encoder.encode(text));
    return create(AttributeProtoSchema, { name, type: Kind.STRINGS, strings });
  }
  if (value[0] instanceof Float) {
    const floats = (value as readonly Float[]).map((float) => float.value);
    return create(AttributeProtoSchema, { name, type: Kind.FLOATS, floats });
  }
  return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: (value as readonly number[]).map(BigInt) });
}

/** A value's type; its shape where at least the number of dimensions is known. */
export function valueInfo(name: string, type: DataType, dims: readonly Dim[] | undefined): ValueInfoProto {
  const shape = dims === undefined ? {} : { shape: { dim: dims.map((dim) => ({ value: dimensionValue(dim) })) } };
  const value = { elemType: elemTypeOf(type), ...shape };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value } } });
}

function dimensionValue(dim: Dim) {
  if (typeof dim === 'number') return { case: 'dimValue', value: BigInt(dim) } as const;
  return typeof dim === 'string' ? ({ case: 'dimParam', value: dim } as const) : { case: undefined };
}
