/** Writes a model to a file. */
import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { describe, invalid, OctensorError } from './errors.js';
import type { Dim, Graph, Value } from './graph/graph.js';
import { inferGraph } from './plan/infer.js';
import { type ResolvedNode, resolveGraph } from './plan/resolve.js';

export interface SaveOptions {
  readonly format?: 'onnx';
}

/**
 * Saves a graph as standard ONNX, quantized values between QuantizeLinear and DequantizeLinear, which ONNX Runtime runs and `loadModel`
 * reads again: the same bits come out. Images are NCHW in the file, its inputs and outputs as the graph has them.
 *
 * A file that is there already is replaced only once the new one is complete. Throws ERR_UNSUPPORTED_OP, naming the node, for operators that
 * ONNX cannot express, ERR_MODEL_FORMAT for a graph that is none, for more than 2 GB and where the file cannot be written (`cause`
 * says why), ERR_OPTION for other arguments.
 */
export async function saveModel(graph: Graph, path: string, options: SaveOptions = {}): Promise<void> {
  const { format = 'onnx' } = options;
  if (typeof path !== 'string' || path === '') throw invalid('ERR_OPTION', 'path', 'the name of a file', path);
  if (format !== 'onnx') throw invalid('ERR_OPTION', 'format', '"onnx"', format);
  const isGraph = typeof graph === 'object' && graph !== null && Array.isArray((graph as Partial<Graph>).nodes);
  if (!isGraph) throw invalid('ERR_OPTION', 'graph', 'a Graph', graph);
  const { exportOnnx } = await import('./formats/onnx/export.js');
  await replaceFile(path, exportOnnx(withShapes(graph)));
}

/** Whoever reads `path` meanwhile finds the old content or the new one, never a part. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, bytes, { flag: 'wx', flush: true });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OctensorError('ERR_MODEL_FORMAT', `cannot write the model ${describe(path)}: ${reason}`, { cause });
  }
}

/** What stands for an open dimension while types and numbers of dimensions are found out: an image's size, or a batch's. */
const trialSizes = [64, 1] as const;

/**
 * The graph with all values declared, as far as they can be: with their shapes where those of the inputs are fixed, else with
 * types and numbers of dimensions.
 */
function withShapes(graph: Graph): Graph {
  const nodes = resolveGraph(graph);
  const isFixed = graph.inputs.every((name) => graph.values.get(name)!.dims?.every((dim) => typeof dim === 'number'));
  for (const size of isFixed ? [1] : trialSizes) {
    const inferred = inferredValues(graph, nodes, size);
    if (inferred === undefined) continue;
    const values = new Map(graph.values);
    for (const { name, type, dims } of inferred) {
      const known = values.get(name);
      const open = isFixed ? dims! : dims!.map((): Dim => null);
      values.set(name, { name, type, dims: open, ...known, ...(known?.dims === undefined && { dims: open }) });
    }
    return { ...graph, values };
  }
  return graph;
}

/** Undefined where shapes do not fit at this size, or depend on data. */
function inferredValues(graph: Graph, nodes: readonly ResolvedNode[], size: number): readonly Value[] | undefined {
  const sizes = (name: string) => (graph.values.get(name)!.dims ?? []).map((dim) => (typeof dim === 'number' ? dim : size));
  try {
    const { operands } = inferGraph(graph, nodes, new Map(graph.inputs.map((name) => [name, sizes(name)])));
    const outputs = graph.nodes.flatMap((node) => node.outputs);
    return outputs.flatMap((name) => operands.get(name) ?? []).map(({ name, type, dims }) => ({ name, type, dims }));
  } catch (error) {
    if (error instanceof OctensorError) return undefined;
    throw error;
  }
}
