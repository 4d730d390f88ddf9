/** ONNX files as graphs of our operators. */
import { dirname } from 'node:path';
import type { Graph } from '../../graph/graph.js';
import { ExternalData } from '../external-data.js';
import { inlineFunctions } from './functions.js';
import { lowerGraph } from './lower-graph.js';
import { numericsOf } from './metadata.js';
import { domainName, modelOpsets, readOnnxModel } from './model.js';

export interface OnnxImportOptions {
  /** Of the file; data that it keeps in other files is looked for beside it, and nowhere else. */
  readonly path?: string | undefined;
}

/**
 * Operators become ours, those of images in NHWC between transposes; scales and zero points that are constant become what values
 * mean (`qparams`); float16 is float32 inside. Throws ERR_MODEL_FORMAT for bytes that are no valid file, and ERR_UNSUPPORTED_OP,
 * naming node, operator and version, for what is valid but not implemented.
 */
export function importOnnx(bytes: Uint8Array, { path }: OnnxImportOptions = {}): Graph {
  const model = readOnnxModel(bytes);
  const opsets = modelOpsets(model);
  const external = new ExternalData(path === undefined ? undefined : dirname(path));
  const graph = lowerGraph(inlineFunctions(model), {
    external,
    opsetOf: (domain) => opsets.get(domainName(domain)),
  });
  const properties = model.metadataProps.map(({ key, value }) => [key, value] as const);
  return {
    ...graph,
    numerics: numericsOf(model.metadataProps),
    metadata: {
      ...Object.fromEntries(properties),
      format: 'onnx',
      opset: String(opsets.get('') ?? ''),
      producer: model.producerName,
    },
  };
}
