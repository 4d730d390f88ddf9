/** Reads a model from a file, a file: URL, bytes or the artifacts of a Layers model. */
import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, invalid, OctensorError } from './errors.js';
import type { LayersModelArtifacts } from './formats/layers-model/artifacts.js';
import type { Graph } from './graph/graph.js';
import { fuseQdq, type QdqEntry } from './passes/fuse-qdq.js';
import { typedArrayName } from './typed-array.js';

export type ModelFormat = 'onnx' | 'tflite' | 'layers';

/** A path, a file: URL, the bytes of a file, or a Layers model as `tf.io` has it in memory. */
export type ModelSource = string | URL | Uint8Array | LayersModelArtifacts;

export interface LoadOptions {
  /** By default found out from the content. */
  readonly format?: ModelFormat | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is told which operators of an ONNX file that says what is quantized by pairs of nodes became integer ones. */
  readonly onQdq?: ((log: readonly QdqEntry[]) => void) | undefined;
}

/** FlatBuffers and protocol buffers have 31-bit offsets. */
const maxModelBytes = 2 ** 31 - 1;

/**
 * The graph of an ONNX or TFLite model, or of a TensorFlow.js Layers model: its model.json, or its artifacts in memory. Throws
 * ERR_MODEL_FORMAT for a file that cannot be read (`cause` says why) or is no model, and ERR_UNSUPPORTED_OP for one that needs what this
 * version lacks.
 */
export async function loadModel(model: ModelSource): Promise<Graph> {
  return loadGraph(model);
}

export async function loadGraph(model: ModelSource, { format, signal, onQdq }: LoadOptions = {}): Promise<Graph> {
  if (isArtifacts(model)) {
    const { importLayers } = await import('./formats/layers-model/import.js');
    return importLayers(model).graph;
  }
  const isBytes = typedArrayName(model) === 'Uint8Array';
  if (!isBytes && typeof model !== 'string' && !(model instanceof URL)) {
    throw invalid('ERR_OPTION', 'model', 'a path, a file: URL, a Uint8Array or the artifacts of a Layers model', model);
  }
  // A quarter of all code, which a program that makes its graphs itself need not read; here it is compiled while the file is read
  const importer = format === 'onnx' || isBytes ? undefined : import('./formats/tflite/import.js');
  const given = isBytes ? (model as Uint8Array) : await readModel(model as string | URL, signal);
  // No Buffer, whose `slice` is no copy.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const name = isBytes ? 'the model' : describe(String(model));
  if (bytes.length > maxModelBytes) throw tooLarge(name, bytes.length);
  const found = format ?? formatOf(bytes);
  if (found === 'tflite') {
    const { importTflite } = await (importer ?? import('./formats/tflite/import.js'));
    return importTflite(bytes, { keepsBytes: !isBytes });
  }
  if (found === 'onnx') {
    const { importOnnx } = await import('./formats/onnx/import.js');
    const { graph, log } = fuseQdq(importOnnx(bytes, { path: isBytes ? undefined : pathOf(model as string | URL) }));
    onQdq?.(log);
    return graph;
  }
  if (found === 'layers') {
    const { importLayersModel } = await import('./formats/layers-model/import.js');
    return importLayersModel(bytes, { path: isBytes ? undefined : pathOf(model as string | URL) });
  }
  throw new OctensorError(
    'ERR_MODEL_FORMAT',
    `${name}: expected an ONNX or TFLite model, or the model.json of TensorFlow.js, got ${bytes.length} bytes of something else`,
  );
}

function isArtifacts(model: unknown): model is LayersModelArtifacts {
  return typeof model === 'object' && model !== null && !(model instanceof URL) && Object.hasOwn(model, 'modelTopology');
}

function pathOf(model: string | URL): string {
  return model instanceof URL ? fileURLToPath(model) : model;
}

async function readModel(path: string | URL, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (path instanceof URL && path.protocol !== 'file:') {
    throw invalid('ERR_OPTION', 'model', 'a file: URL (fetch others and pass the bytes)', path.href);
  }
  try {
    const file = await open(path);
    try {
      return await readWhole(file, describe(String(path)), signal);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof OctensorError) throw cause;
    if (signal?.aborted) throw new OctensorError('ERR_ABORTED', 'reading the model: aborted', { cause: signal.reason });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OctensorError('ERR_MODEL_FORMAT', `cannot read the model: ${reason}`, { cause });
  }
}

/** At once where the system can: readFile would come back to this thread, which compiles code meanwhile, for each part. */
async function readWhole(file: FileHandle, name: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const stats = await file.stat();
  const { size } = stats;
  if (size > maxModelBytes) throw tooLarge(name, size);
  if (!stats.isFile()) return file.readFile({ signal }); // a pipe does not know its size
  const bytes = new Uint8Array(size);
  let end = 0;
  while (end < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(bytes, end);
    if (bytesRead === 0) break;
    end += bytesRead;
  }
  signal?.throwIfAborted();
  return bytes.subarray(0, end);
}

function tooLarge(name: string, sizeBytes: number): OctensorError {
  return new OctensorError('ERR_MODEL_FORMAT', `${name}: expected at most ${maxModelBytes} bytes, got ${sizeBytes}`);
}

/** By what the bytes begin with; undefined where they are none of them. */
function formatOf(bytes: Uint8Array): ModelFormat | undefined {
  // A FlatBuffer: the root's offset, then the file identifier.
  if (String.fromCharCode(...bytes.subarray(4, 8)) === 'TFL3') return 'tflite';
  if (isJsonObject(bytes)) return 'layers';
  // ModelProto: ir_version, a varint of one byte, is field 1 and written first by every known tool; a field 2 to 8 follows.
  const [tag, version, next] = bytes;
  const isOnnx =
    tag === 0x08 && version !== undefined && version < 0x80 && next !== undefined && next >> 3 >= 2 && next >> 3 <= 8;
  return isOnnx ? 'onnx' : undefined;
}

/** An object after white space; the byte order mark may stand before it. */
function isJsonObject(bytes: Uint8Array): boolean {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const first = bytes.subarray(start, start + 64).find((byte) => byte !== 0x20 && (byte < 0x09 || byte > 0x0d));
  return first === 0x7b;
}
