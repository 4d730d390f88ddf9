/** Writes ONNX files for tests, from nodes as text. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { DataType, Dim, Tensor } from 'octensor';
import { elemTypeOf } from '#lib/formats/onnx/model.js';
import {
  type AttributeProtoSchema,
  type GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProtoSchema,
  type ValueInfoProtoSchema,
} from '#lib/formats/onnx/schema/onnx_pb.js';
import { writeTensor } from '#lib/formats/onnx/tensors.js';

type Init<T> = Omit<T, '$typeName'>;
export type AttributeInit = Init<MessageInitShape<typeof AttributeProtoSchema>>;
export type NodeInit = Init<MessageInitShape<typeof NodeProtoSchema>>;
export type GraphInit = Init<MessageInitShape<typeof GraphProtoSchema>>;
export type ValueInit = Init<MessageInitShape<typeof ValueInfoProtoSchema>>;
export type ModelInit = Init<MessageInitShape<typeof ModelProtoSchema>>;

/** `y z = Op x w`: '-' is an absent name, and an operator `f.Op` is of domain f. The node has no name of its own. */
export function node(text: string, ...attribute: readonly AttributeInit[]): NodeInit {
  const [output, [operator, ...input]] = text.split('=').map((side) => side.trim().split(/\s+/)) as [
    string[],
    [string, ...string[]],
  ];
  const dot = operator.lastIndexOf('.');
  const names = (list: readonly string[]) => list.filter(Boolean).map((name) => (name === '-' ? '' : name));
  return {
    opType: operator.slice(dot + 1),
    domain: operator.slice(0, Math.max(dot, 0)),
    input: names(input),
    output: names(output),
    attribute: [...attribute],
  };
}

export const int = (name: string, i: number): AttributeInit => ({ name, type: Kind.INT, i: BigInt(i) });
export const real = (name: string, f: number): AttributeInit => ({ name, type: Kind.FLOAT, f });
export const text = (name: string, s: string): AttributeInit => ({ name, type: Kind.STRING, s: new TextEncoder().encode(s) });
export const tensor = (name: string, given: Tensor): AttributeInit => ({ name, type: Kind.TENSOR, t: writeTensor('', given) });
export const graph = (name: string, g: GraphInit): AttributeInit => ({ name, type: Kind.GRAPH, g });
export function ints(name: string, ...values: readonly number[]): AttributeInit {
  return { name, type: Kind.INTS, ints: values.map(BigInt) };
}

/** An input or output of this type; without `dims`, of any shape. */
export function value(name: string, type: DataType = 'float32', dims?: readonly Dim[]): ValueInit {
  const shape = dims && {
    dim: dims.map((dim) => {
      if (dim === null) return {};
      if (typeof dim === 'string') return { value: { case: 'dimParam' as const, value: dim } };
      return { value: { case: 'dimValue' as const, value: BigInt(dim) } };
    }),
  };
  const tensorType = { elemType: elemTypeOf(type), ...(shape !== undefined && { shape }) };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

export interface OnnxSketch {
  readonly inputs: readonly ValueInit[];
  readonly outputs: readonly ValueInit[];
  readonly nodes: readonly NodeInit[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
  /** Of the default domain; 17 unless it matters. */
  readonly opset?: number;
  readonly model?: ModelInit;
}

export function onnxGraph({ inputs, outputs, nodes, initializers = {} }: OnnxSketch): GraphInit {
  const initializer = Object.entries(initializers).map(([name, data]) => writeTensor(name, data));
  return { name: 'test', input: [...inputs], output: [...outputs], node: [...nodes], initializer };
}

export function onnxModel(sketch: OnnxSketch): Uint8Array {
  const opsetImport = [{ version: BigInt(sketch.opset ?? 17) }, { domain: 'com.microsoft', version: 1n }];
  const init = { irVersion: 8n, opsetImport, graph: onnxGraph(sketch), ...sketch.model };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, init));
}
