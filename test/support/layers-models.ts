/** Layers models of TensorFlow.js: their artifacts, their files, and what tfjs's own CPU backend computes with them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { ExecutionContext } from 'ava';
import { type Graph, InferenceSession, loadModel, Tensor } from 'octensor';
import { Random } from './random.js';

export interface Artifacts {
  readonly modelTopology: object;
  readonly weightSpecs: tf.io.WeightsManifestEntry[];
  readonly weightData: ArrayBuffer;
}

/** What `model.save` hands to a save handler. */
export async function artifactsOf(model: tfl.LayersModel): Promise<Artifacts> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save({
    save: async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  return artifacts as Artifacts;
}

/** Writes model.json and shards of `shardBytes` beside it, as tfjs does; returns the path of model.json. */
export function writeModel(
  { modelTopology, weightSpecs, weightData }: Artifacts,
  folder: string,
  shardBytes = 2 ** 22,
): string {
  mkdirSync(folder, { recursive: true });
  const bytes = new Uint8Array(weightData);
  const count = Math.ceil(bytes.length / shardBytes);
  const paths = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  for (const [i, path] of paths.entries())
    writeFileSync(join(folder, path), bytes.subarray(i * shardBytes, (i + 1) * shardBytes));
  const weightsManifest = [{ paths, weights: weightSpecs }];
  const path = join(folder, 'model.json');
  writeFileSync(path, JSON.stringify({ format: 'layers-model', generatedBy: 'test', modelTopology, weightsManifest }));
  return path;
}

/** Gives every weight numbers in [-scale, scale), variances in [0.5, 1.5). */
export function randomizeWeights(model: tfl.LayersModel, seed: number, scale = 0.5): void {
  const random = new Random(seed);
  const tensors = model.weights.map(({ name, shape }) => {
    const size = shape.reduce<number>((product, dim) => product * dim!, 1);
    const isVariance = name.includes('variance');
    const data = Float32Array.from({ length: size }, () => (isVariance ? real(random, 0.5, 1.5) : real(random, -scale, scale)));
    return tf.tensor(data, shape as number[]);
  });
  model.setWeights(tensors);
  tf.dispose(tensors);
}

export interface CheckOptions {
  readonly seed?: number;
  readonly batch?: number;
  readonly range?: readonly [number, number];
  /** Of each output, relative to its largest magnitude. */
  readonly tolerance?: number;
  /** In place of dimensions of inputs that are left open. */
  readonly openDim?: number;
  readonly integers?: boolean;
}

/** Runs the model in tfjs and, imported, on both of our backends. */
export async function expectSameAsTfjs(
  t: ExecutionContext,
  model: tfl.LayersModel,
  options: CheckOptions = {},
): Promise<Graph> {
  const graph = await loadModel(await artifactsOf(model));
  await expectGraphMatches(t, model, graph, options);
  return graph;
}

export async function expectGraphMatches(
  t: ExecutionContext,
  model: tfl.LayersModel,
  graph: Graph,
  { seed = 1, batch = 2, range = [-2, 2], tolerance = 1e-4, openDim = 6, integers = false }: CheckOptions = {},
): Promise<void> {
  const random = new Random(seed);
  const feeds = graph.inputs.map((name, i) => {
    const dims = model.inputs[i]!.shape.map((dim, axis) => dim ?? (axis === 0 ? batch : openDim));
    const size = dims.reduce((product, dim) => product * dim, 1);
    const draw = () => (integers ? random.integer(...range) : real(random, ...range));
    return [name, new Tensor('float32', Float32Array.from({ length: size }, draw), dims)] as const;
  });
  const expected = tf.tidy(() => {
    const inputs = feeds.map(([, { data, dims }]) => tf.tensor(data as Float32Array, dims as number[]));
    const outputs = model.predict(inputs.length === 1 ? inputs[0]! : inputs) as tf.Tensor | tf.Tensor[];
    return (Array.isArray(outputs) ? outputs : [outputs]).map((y) => ({ dims: y.shape, data: y.dataSync() as Float32Array }));
  });
  for (const backend of ['reference', 'native'] as const) {
    const session = await InferenceSession.create(graph, { backend });
    const outputs = await session.run(Object.fromEntries(feeds));
    for (const [i, name] of graph.outputs.entries()) {
      const { dims, data } = expected[i]!;
      const actual = outputs[name]!;
      t.deepEqual(actual.dims, dims, `${backend}: ${name}`);
      const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3);
      const error = data.reduce((max, value, k) => Math.max(max, Math.abs(value - (actual.data[k] as number))), 0);
      t.true(error <= tolerance * largest, `${backend}: ${name}: off by ${error}, largest ${largest}`);
    }
    await session.release();
  }
}

function real(random: Random, min: number, max: number): number {
  return min + (random.uint32() / 2 ** 32) * (max - min);
}
