/** ONNX files of a few nodes with the data to run them on. */
import type { DataType, Tensor } from 'octensor';
import { AttributeProto_AttributeType as Kind } from '#lib/formats/onnx/schema/onnx_pb.js';
import { type AttributeInit, int, ints, onnxModel, real, text, value } from './onnx-file.js';

export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };

export interface OnnxModelNode {
  /** `Conv`, or `com.microsoft.QGemm`. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Numbers are integers unless they are told to be floats. */
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxModel {
  /** What a caller feeds. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly OnnxModelNode[];
  readonly outputs: Readonly<Record<string, DataType>>;
  readonly opset?: number;
}

export function encodeOnnxModel({ feeds, constants, nodes, outputs, opset = 17 }: OnnxModel): Uint8Array {
  return onnxModel({
    inputs: Object.entries(feeds).map(([name, { type, dims }]) => value(name, type, dims)),
    outputs: Object.entries(outputs).map(([name, type]) => value(name, type)),
    initializers: constants,
    nodes: nodes.map(({ op, inputs, outputs: results, attributes = {} }) => {
      const dot = op.lastIndexOf('.');
      return {
        opType: op.slice(dot + 1),
        domain: op.slice(0, Math.max(dot, 0)),
        input: [...inputs],
        output: [...results],
        attribute: Object.entries(attributes).map(([name, given]) => attribute(name, given)),
      };
    }),
    opset,
  });
}

function attribute(name: string, given: OnnxAttribute): AttributeInit {
  if (typeof given === 'number') return int(name, given);
  if (typeof given === 'string') return text(name, given);
  if ('float' in given) return real(name, given.float);
  return 'floats' in given ? { name, type: Kind.FLOATS, floats: [...given.floats] } : ints(name, ...given);
}
