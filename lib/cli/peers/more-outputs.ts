/** Makes a model show its values in between. */

import { readFile } from 'node:fs/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { readOnnxModel } from '../../formats/onnx/model.js';
import { ModelProtoSchema, TensorProto_DataLocation, ValueInfoProtoSchema } from '../../formats/onnx/schema/onnx_pb.js';
import { CommandError } from '../command-error.js';

/**
 * The same model with those of these values among its outputs that its nodes compute; their types are left to the reader. Constants in
 * other files cannot be found from bytes: ERR_PEER.
 */
export async function withOutputs(model: string | Uint8Array, shown: ReadonlySet<string>): Promise<Uint8Array> {
  const proto = readOnnxModel(typeof model === 'string' ? await readFile(model) : model);
  const graph = proto.graph!;
  if (graph.initializer.some(({ dataLocation }) => dataLocation === TensorProto_DataLocation.EXTERNAL)) {
    throw new CommandError(
      'ERR_PEER',
      '--per-layer: the model keeps constants in other files, which the peer would not find',
      1,
    );
  }
  const names = new Set(graph.output.map(({ name }) => name));
  const added = graph.node.flatMap(({ output }) => output).filter((name) => shown.has(name) && !names.has(name));
  const output = [...graph.output, ...added.map((name) => create(ValueInfoProtoSchema, { name }))];
  return toBinary(ModelProtoSchema, { ...proto, graph: { ...graph, output } });
}
