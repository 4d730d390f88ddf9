/** Where a Layers model comes from: a model.json with files of weights beside it, or tfjs's `ModelArtifacts` in memory. */
import { invalid, OctensorError } from '../../errors.js';
import { typedArrayName } from '../../typed-array.js';
import type { ExternalData } from '../external-data.js';
import { Fields, isObject } from './fields.js';
import { Weights } from './weights.js';

/** What `tf.io` hands to a save handler, and takes from a load handler, as far as a model needs it. */
export interface LayersModelArtifacts {
  readonly modelTopology?: object | ArrayBuffer;
  readonly weightSpecs?: readonly object[];
  readonly weightData?: ArrayBuffer | Uint8Array | readonly ArrayBuffer[];
  readonly userDefinedMetadata?: object;
}

export interface Source {
  readonly topology: Fields;
  readonly weights: Weights;
}

/** A topology of this length is a hundred times the largest known, and read within seconds. */
const maxJsonBytes = 2 ** 26;

/** The bytes of a model.json; weights are looked for in its folder. */
export function readModelJson(bytes: Uint8Array, external: ExternalData): Source {
  if (bytes.length > maxJsonBytes) {
    throw invalid('ERR_MODEL_FORMAT', 'model.json', `at most ${maxJsonBytes} bytes`, bytes.length);
  }
  const model = new Fields(parse(bytes), 'model.json');
  const topology = topologyOf(model);
  const groups = model.has('weightsManifest') ? model.list('weightsManifest') : [];
  const manifest = groups.map((group, i) => new Fields(group, `model.json: weightsManifest ${i}`));
  // The weights of each group stand in its own files
  const weights = new Weights(manifest.flatMap((group) => group.list('weights')));
  const shards: Uint8Array[] = [];
  for (const group of manifest) {
    const { sizeBytes } = new Weights(group.list('weights'));
    let left = sizeBytes;
    for (const path of group.list('paths')) {
      if (typeof path !== 'string') throw group.wrong('paths', 'texts', path);
      const shard = external.readAll(path, left, group.where);
      left -= shard.length;
      shards.push(shard);
    }
    if (left > 0) {
      throw group.error('ERR_MODEL_FORMAT', `expected files of ${sizeBytes} bytes together, got ${sizeBytes - left}`);
    }
  }
  weights.attach(joined(shards), 'model.json');
  return { topology, weights };
}

/** Throws ERR_MODEL_FORMAT for what is no Layers model, and for weights whose sizes do not fit. */
export function readArtifacts(artifacts: LayersModelArtifacts): Source {
  const { modelTopology, weightSpecs } = artifacts;
  const fields = new Fields({ modelTopology: asJson(modelTopology), weightSpecs: asJson(weightSpecs) }, 'model artifacts');
  const topology = topologyOf(fields);
  const weights = new Weights(fields.has('weightSpecs') ? fields.list('weightSpecs') : []);
  const { weightData = [] } = artifacts;
  weights.attach(joined(Array.isArray(weightData) ? weightData.map(bytesOf) : [bytesOf(weightData)]), fields.where);
  return { topology, weights };
}

/** As it would be in a file: nothing but plain objects, lists without gaps, and values. */
function asJson(value: unknown): unknown {
  if (value === undefined || value instanceof ArrayBuffer) return value;
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new OctensorError('ERR_MODEL_FORMAT', `model artifacts: expected what JSON can hold, got ${reason}`, { cause });
  }
}

function bytesOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (typedArrayName(data) === 'Uint8Array') return data as Uint8Array;
  throw invalid('ERR_OPTION', 'weightData', 'an ArrayBuffer, a list of them, or a Uint8Array', data);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** The model's class and configuration: what Keras puts into `model_config`. */
function topologyOf(model: Fields): Fields {
  const given = model.raw('modelTopology');
  if (given instanceof ArrayBuffer) throw model.unsupported('a binary topology');
  if (!isObject(given)) throw model.wrong('modelTopology', 'the topology of a TensorFlow.js Layers model', given);
  const topology = model.object('modelTopology');
  if (topology.hasKey('node') || topology.hasKey('library')) {
    throw model.unsupported('a graph model (converted without layers)');
  }
  return topology.has('model_config') ? topology.object('model_config') : topology;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 100) : String(cause);
    throw new OctensorError('ERR_MODEL_FORMAT', `model.json: expected JSON, got ${reason}`, { cause });
  }
}
