/** Graphs of our operators as ONNX files. */
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, OctensorError } from '../../errors.js';
import type { Graph, Node } from '../../graph/graph.js';
import { verifyGraph } from '../../graph/verify.js';
import { ops } from '../../ops/index.js';
import { nodeError } from '../../ops/op.js';
import { ExportGraph } from './export-graph.js';
import { attributeProtos, valueInfo } from './export-messages.js';
import { type OnnxValue, priorities, settleNames } from './export-names.js';
import { Nibbles, readsNibbles } from './export-nibbles.js';
import { irVersionOf, opsetFor } from './export-opset.js';
import { exportNode } from './exporters/exporter.js';
import { exporters } from './exporters/index.js';
import { propertiesOf } from './metadata.js';
import { type GraphProto, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema } from './schema/onnx_pb.js';
import { writeTensor } from './tensors.js';

/** Of a protocol buffer. */
const maxBytes = 2 ** 31 - 1;

/**
 * The bytes of a model that computes the same. Quantized values are int8, uint8 or int16 tensors between QuantizeLinear and
 * DequantizeLinear, with real operators in between; images are NCHW, so that those whose graph is NHWC have Transposes at their
 * borders. Shapes that a graph does not declare are not needed, but let more operators be written.
 *
 * Throws ERR_UNSUPPORTED_OP, naming node and operator, for what ONNX has no form of, and ERR_MODEL_FORMAT for graphs that are none and
 * for what is larger than 2 GB.
 */
export function exportOnnx(graph: Graph): Uint8Array {
  verifyGraph(graph, ops);
  expectSize([...graph.constants.values()].reduce((sum, { data }) => sum + ('byteLength' in data ? data.byteLength : 0), 0));
  const version = opsetFor(graph);
  const model = create(ModelProtoSchema, {
    irVersion: irVersionOf(version),
    producerName: 'octensor',
    graph: graphProto(graph, version),
    opsetImport: [{ domain: '', version: BigInt(version) }],
    metadataProps: [...propertiesOf(graph)],
  });
  const bytes = toBinary(ModelProtoSchema, model);
  expectSize(bytes.length);
  return bytes;
}

function expectSize(sizeBytes: number): void {
  if (sizeBytes <= maxBytes) return;
  throw new OctensorError('ERR_MODEL_FORMAT', `expected an ONNX file of at most ${maxBytes} bytes, got ${sizeBytes}`);
}

function graphProto(source: Graph, opset: number): GraphProto {
  const [state] = source.states;
  const reader = state && source.nodes.find(({ inputs }) => inputs.includes(state.current));
  if (reader !== undefined) throw unsupported(reader, 'a state that is kept from one run to the next');
  const graph = new ExportGraph(source, opset);
  const nibbles = new Nibbles(graph);
  for (const node of source.nodes) {
    graph.begin(node);
    const write = exporters.get(node.op);
    if (write === undefined) throw unsupported(node, 'no operators of ONNX do that');
    const first = graph.nodes.length;
    write(exportNode(node), graph);
    if (readsNibbles(source, node)) nibbles.packFrom(first);
  }
  const inputs = source.inputs.map((name) => graph.stored(name));
  const outputs = nameOutputs(graph, source.outputs);
  const read = new Set([...graph.nodes.flatMap((node) => node.inputs), ...outputs]);
  settleNames(graph.values);
  return create(GraphProtoSchema, {
    name: source.name || 'graph',
    input: inputs.map(({ name }, i) => infoOf(source, source.inputs[i]!, name)),
    output: outputs.map(({ name }, i) => infoOf(source, source.outputs[i]!, name)),
    initializer: graph.values.flatMap((value) =>
      value.tensor !== undefined && read.has(value) ? [writeTensor(value.name, value.tensor, value.packing)] : [],
    ),
    node: graph.nodes.map((node) =>
      create(NodeProtoSchema, {
        name: node.name,
        opType: node.opType,
        input: namesOf(node.inputs),
        output: namesOf(node.outputs),
        attribute: attributeProtos(node.attributes),
      }),
    ),
  });
}

/** Outputs have the names that callers know. One that is an input, a constant or another output too has a node of its own. */
function nameOutputs(graph: ExportGraph, names: readonly string[]): readonly OnnxValue[] {
  const taken = new Set<OnnxValue>();
  return names.map((name) => {
    const value = graph.stored(name);
    const isFree = value.tensor === undefined && value.priority !== priorities.fixed && !taken.has(value);
    const output = isFree ? value : graph.add('Identity', [value]);
    taken.add(output);
    output.suggest(name, priorities.fixed);
    return output;
  });
}

function namesOf(values: readonly (OnnxValue | undefined)[]): string[] {
  const last = values.findLastIndex((value) => value !== undefined);
  return values.slice(0, last + 1).map((value) => value?.name ?? '');
}

function infoOf({ values }: Graph, source: string, name: string) {
  const value = values.get(source);
  if (value === undefined) throw new OctensorError('ERR_MODEL_FORMAT', `output ${describe(source)}: expected a type, got none`);
  return valueInfo(name, value.type, value.dims);
}

function unsupported(node: Node, what: string): OctensorError {
  return nodeError('ERR_UNSUPPORTED_OP', node, `cannot be written as ONNX: ${what}`);
}
