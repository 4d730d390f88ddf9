import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { type Graph, loadModel, saveModel } from 'octensor';
import { calibrate, convert, type PrepareConfig, prepare, qatSchemeNames } from 'octensor/qat';
import { exportOnnx } from '#lib/formats/onnx/export.js';
import { ModelProtoSchema, TensorProto_DataType } from '#lib/formats/onnx/schema/onnx_pb.js';
import { chain, execute, mixture, network, predict, samples, topClasses, train } from '../support/qat-networks.js';
import { rejectsCode } from '../support/throws-async.js';

const floats = new Map<() => LayersModel, Promise<LayersModel>>();

/** Trained once for each way of making it. */
function trained(make: () => LayersModel): Promise<LayersModel> {
  const known = floats.get(make);
  if (known !== undefined) return known;
  const model = make();
  const ready = train(model, 30).then(() => model);
  floats.set(make, ready);
  return ready;
}

async function tuned(make: () => LayersModel, config: PrepareConfig, steps: number): Promise<LayersModel> {
  const model = prepare(await trained(make), config);
  await train(model, steps, 0.001);
  return model;
}

/** How far what integers compute is from what was simulated. */
async function agreement(model: LayersModel, graph: Graph, step: number, count = 200) {
  const { x, labels } = samples(count, 5);
  const [simulated, executed] = [predict(model, x), await execute(graph, x)];
  x.dispose();
  const [a, b] = [topClasses(simulated), topClasses(executed)];
  const steps = simulated.map((value, i) => Math.abs(value - executed[i]!) / step);
  return {
    same: a.filter((each, i) => each === b[i]).length / a.length,
    within: steps.filter((each) => each < 1.01).length / steps.length,
    exact: steps.filter((each) => each < 0.01).length / steps.length,
    accuracy: b.filter((each, i) => each === labels[i]).length / labels.length,
  };
}

/** Of the integers of the only output; a small part of its range where there are none. */
function outputStep({ nodes, values, outputs }: Graph): number {
  const last = nodes.find((node) => node.outputs.includes(outputs[0]!))!;
  const qparams = last.op === 'Dequantize' ? values.get(last.inputs[0]!)?.qparams : undefined;
  return (qparams?.scale as number | undefined) ?? 1 / 64;
}

const floatNodes = ({ nodes, values }: Graph) =>
  nodes.filter(({ op, outputs }) => op !== 'Dequantize' && values.get(outputs[0]!)?.type === 'float32').map(({ op }) => op);

for (const scheme of ['krishnamoorthi', 'krishnamoorthi-per-tensor', 'jacob', 'lsq+'] as const) {
  test.serial(`8 bits, ${scheme}: integer execution is what training simulated`, async (t) => {
    const bits = { bits: 8 };
    const model = await tuned(network, { scheme, weights: bits, activations: bits, batchNorm: { freeze: 6 } }, 10);
    const graph = await convert(model);
    t.deepEqual(floatNodes(graph), []);
    const { same, within, accuracy } = await agreement(model, graph, outputStep(graph), 1000);
    t.true(same >= 0.999, `${same} have the same top class`);
    t.true(within >= 0.99, `${within} of the values are within one step`);
    t.true(accuracy > 0.7, `accuracy ${accuracy}`);
  });
}

for (const scheme of qatSchemeNames) {
  test.serial(
    `${scheme}: what is executed is what was simulated, of a network with residuals and concatenations`,
    async (t) => {
      await agrees(t, network, { scheme });
    },
  );
  test.serial(`${scheme}: what is executed is what was simulated, of a chain of layers`, async (t) => {
    await agrees(t, chain, { scheme });
  });
}

for (const bits of [1, 2, 3, 5, 7]) {
  test.serial(`${bits} bits everywhere: what is executed is what was simulated`, async (t) => {
    const own = { weights: { bits }, activations: { bits } };
    await agrees(t, network, { scheme: 'lsq+', ...own, first: bits === 1 ? {} : 'scheme', last: 'scheme' });
  });
}

async function agrees(t: ExecutionContext, make: () => LayersModel, config: PrepareConfig): Promise<void> {
  const model = await tuned(make, config, 3);
  const graph = await convert(model);
  const { same, within } = await agreement(model, graph, outputStep(graph));
  t.true(same >= 0.99, `${same} have the same top class`);
  t.true(within >= 0.99, `${within} of the values are within one step`);
}

for (const scheme of ['krishnamoorthi', 'lsq', 'lsq+'] as const) {
  test.serial(`${scheme}: what is executed is what was simulated, of functions, gates and shapes`, async (t) => {
    const model = prepare(mixture(), { scheme });
    const { x } = samples(32, 8);
    calibrate(model, x);
    x.dispose();
    const graph = await convert(model);
    const { same, within } = await agreement(model, graph, outputStep(graph));
    t.true(same >= 0.99, `${same} have the same top class`);
    t.true(within >= 0.99, `${within} of the values are within one step`);
    const products = graph.nodes.filter(({ op }) => op === 'Conv2D' || op === 'FullyConnected');
    t.is(products.length, 6);
    t.true(products.every(({ outputs }) => graph.values.get(outputs[0]!)?.type === 'uint8'));
  });
}

test.serial('weights and activations of few bits run on the integer kernels', async (t) => {
  for (const scheme of ['lsq', 'pact', 'dsq', 'dorefa', 'xnor'] as const) {
    const graph = await convert(await tuned(network, { scheme }, 1));
    t.deepEqual(floatNodes(graph), [], scheme);
  }
});

test.serial('integers of the grid and no others leave a layer', async (t) => {
  const model = await tuned(network, { scheme: 'lsq', activations: { quantizer: 'lsq', bits: 3 } }, 1);
  const graph = await convert(model);
  const { x } = samples(64, 9);
  const { InferenceSession, Tensor } = await import('octensor');
  const session = await InferenceSession.create(graph);
  const values = await session.intermediates({ image: new Tensor('float32', x.dataSync<'float32'>().slice(), x.shape) });
  const levels = new Set(values.get('sum_quantizer/quantized')!.tensor.data as Uint8Array);
  t.true(levels.size > 2 && levels.size <= 8, `${levels.size} levels`);
  x.dispose();
});

test.serial('the saved file computes the same bits, here and after another save', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'octensor-qat-'));
  const { x } = samples(50, 6);
  try {
    for (const config of [
      {},
      { scheme: 'lsq', weights: { bits: 2 }, activations: { bits: 2 } },
      { scheme: 'jacob' },
    ] as const) {
      const graph = await convert(await tuned(network, config, 2));
      const own = await execute(graph, x);
      const path = join(folder, 'model.onnx');
      await saveModel(graph, path);
      const loaded = await loadModel(path);
      t.true(Buffer.from((await execute(loaded, x)).buffer).equals(Buffer.from(own.buffer)));
      t.true(Buffer.from((await execute(graph, x, 'reference')).buffer).equals(Buffer.from(own.buffer)));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.serial('weights of 4 bits and fewer are stored two to a byte, and are the same integers when they are read', async (t) => {
  const weights = ({ constants }: Graph) =>
    [...constants.values()]
      .filter(({ type, dims }) => type === 'int8' && dims.length > 1)
      .map(({ data }) => (data as Int8Array).toSorted().join());
  const sizes: number[] = [];
  for (const bits of [8, 4, 2]) {
    const graph = await convert(await tuned(network, { scheme: 'lsq', weights: { bits }, first: 'scheme', last: 'scheme' }, 1));
    const bytes = exportOnnx(graph);
    const { tensorTypes, opset, weightBytes } = contentsOf(bytes);
    t.is(tensorTypes.has(TensorProto_DataType.INT4), bits <= 4);
    t.is(opset, bits <= 4 ? 21 : 17);
    sizes.push(weightBytes);
    const loaded = await loadModel(bytes);
    t.deepEqual(weights(loaded).sort(), weights(graph).sort());
  }
  t.deepEqual(sizes.slice(1), [sizes[0]! / 2, sizes[0]! / 2]);
});

function contentsOf(bytes: Uint8Array) {
  const { graph, opsetImport } = fromBinary(ModelProtoSchema, bytes);
  const { initializer } = graph!;
  const weights = initializer.filter(({ dims }) => dims.length > 1);
  return {
    tensorTypes: new Set(initializer.map(({ dataType }) => dataType)),
    opset: Number(opsetImport[0]!.version),
    weightBytes: weights.reduce((sum, { rawData }) => sum + rawData.length, 0),
  };
}

test.serial('ranges that nothing was seen for, and models that are not prepared, are errors', async (t) => {
  const float = await trained(network);
  await rejectsCode(t, convert(prepare(float)), 'ERR_QUANTIZATION', 'image_quantizer', 'calibrate');
  await rejectsCode(t, convert(float), 'ERR_OPTION', 'prepare');
  const signs = prepare(float, { scheme: 'xnor', activations: { quantizer: 'xnor', bits: 1 } });
  const { x } = samples(32, 1);
  calibrate(signs, x);
  await rejectsCode(t, convert(signs), 'ERR_QUANTIZATION', 'layer ');
  x.dispose();
});
