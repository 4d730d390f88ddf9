/** Damaged Layers models, through everything that a user's call goes through. */
import * as tfl from '@tensorflow/tfjs-layers';
import { loadModel } from 'octensor';
import { type Artifacts, artifactsOf, randomizeWeights } from '../support/layers-models.js';
import type { Random } from '../support/random.js';
import { roughDifference } from './rough-difference.js';
import { fuzz, fuzzTest } from './survive.js';

const { layers } = tfl;
type Layer = InstanceType<typeof layers.Layer>;

/** A bit of everything. */
async function someModel(): Promise<Artifacts> {
  const apply = (layer: Layer, x: tfl.SymbolicTensor | tfl.SymbolicTensor[]) => layer.apply(x) as tfl.SymbolicTensor;
  const image = tfl.input({ shape: [6, 5, 2], name: 'image' });
  let y = apply(layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', activation: 'relu6', name: 'conv' }), image);
  y = apply(layers.batchNormalization({ name: 'norm' }), y);
  y = apply(layers.add({ name: 'sum' }), [
    y,
    apply(layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', name: 'depth' }), y),
  ]);
  y = apply(layers.maxPooling2d({ poolSize: 2, name: 'pool' }), apply(layers.zeroPadding2d({ name: 'pad' }), y));
  const steps = apply(layers.reshape({ targetShape: [-1, 3], name: 'steps' }), y);
  const lstm = layers.lstm({ units: 2, recurrentInitializer: 'glorotUniform', name: 'lstm' });
  const inner = tfl.sequential({
    name: 'inner',
    layers: [layers.dense({ units: 3, inputShape: [2], activation: 'tanh', name: 'dense' })],
  });
  const up = apply(layers.upSampling2d({ size: [2, 2], name: 'up' }), y);
  const joined = apply(layers.concatenate({ name: 'joined' }), [
    apply(layers.globalAveragePooling2d({ name: 'mean' }), up),
    apply(inner, apply(lstm, steps)),
  ]);
  const model = tfl.model({ inputs: image, outputs: apply(layers.softmax({ axis: -1, name: 'scores' }), joined) });
  randomizeWeights(model, 1);
  return artifactsOf(model);
}

interface Place {
  readonly parent: Record<string | number, unknown>;
  readonly key: string | number;
}

/** Every value in a tree of JSON. */
function placesOf(root: unknown): readonly Place[] {
  const places: Place[] = [];
  const pending = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const parent = value as Record<string, unknown>;
    for (const key of Object.keys(parent)) {
      places.push({ parent, key });
      pending.push(parent[key]);
    }
  }
  return places;
}

const odd: readonly unknown[] = [
  0,
  1,
  2,
  3,
  -1,
  7,
  0.5,
  2 ** 31,
  1e300,
  '',
  '__proto__',
  'same',
  'relu',
  true,
  false,
  null,
  [],
  {},
  [[1, 2]],
  'Dense',
  'Flatten',
];

function damaged(random: Random, artifacts: Artifacts): Artifacts {
  const copy = JSON.parse(JSON.stringify([artifacts.modelTopology, artifacts.weightSpecs])) as [
    object,
    Artifacts['weightSpecs'],
  ];
  for (let count = random.integer(1, 3); count > 0; count--) {
    const places = placesOf(copy);
    const { parent, key } = random.pick(places);
    const other = random.pick(places);
    const kind = random.integer(0, 3);
    if (kind === 0) parent[key] = random.pick(odd);
    else if (kind === 1) delete parent[key];
    else if (kind === 2) parent[key] = structuredClone(other.parent[other.key]);
    else if (typeof parent[key] === 'number') parent[key] += random.pick([-1, 1]);
  }
  return { ...artifacts, modelTopology: copy[0], weightSpecs: copy[1] };
}

fuzzTest('topologies and specs of a small model', async (t) => {
  const artifacts = await someModel();
  await fuzz(t, (random) => () => loadModel(damaged(random, artifacts)), roughDifference);
});
