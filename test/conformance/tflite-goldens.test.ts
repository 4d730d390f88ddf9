/**
 * Models of TFLite against what the reference kernels of TFLite computed for them: on the reference, and on the native backend
 * with each instruction set, on one thread and on two.
 *
 * OCTENSOR_TEST_DATA is the folder of models and goldens; without it there is nothing to test here.
 */
import test from 'ava';
import { cpuInfo, type Graph, InferenceSession, loadModel, type SessionOptions, type Tensor } from 'octensor';
import { compare, describeDifference } from './compare.js';
import { type Golden, type GoldenCase, readGoldens, readInputs, readIntermediates, readOutputs } from './goldens.js';

/** Largest difference from the expected float, in units of the largest magnitude of its tensor. */
const floatTolerance = 1e-4;

/**
 * tfjs-tflite is TFLite with XNNPACK, which requantizes in float32 as `onnx` does, and not in fixed point as the reference
 * kernels do. What is left is float32 summed in another order.
 */
const numericsOfXnnpack = 'onnx';

/**
 * XNNPACK has a fixed-point formula of its own for its 19 additions, and the outputs are places of maxima; so only key points
 * that it is sure of are compared: their places to 0.03 of the picture, their scores, whose steps there are 0.07, to two steps.
 * (The same network with real numbers is up to 0.31 away from these scores.)
 */
const poseModel = 'coral__movenet_single_pose_lightning_ptq';

const exactSources = ['tflm_reference', 'tflite_reference_ops_uint8'];
const shapeWork = ['SHAPE', 'STRIDED_SLICE', 'PACK'];

const goldens = readGoldens(process.env.OCTENSOR_TEST_DATA, 'tflite');
if (goldens.length === 0) {
  test('goldens', (t) => {
    t.log('skipped: OCTENSOR_TEST_DATA has no goldens/tflite');
    t.pass();
  });
}

const variants: readonly SessionOptions[] = [
  { backend: 'reference' },
  ...cpuInfo().isa.flatMap((isa) => [1, 2].map((threads) => ({ backend: 'native', isa, threads }) as const)),
];
const titleOf = ({ backend, isa, threads }: SessionOptions): string =>
  [backend, isa, threads && `${threads} threads`].filter(Boolean).join(', ');

const isExact = ({ source }: Golden): boolean => exactSources.includes(source);

/** Undefined where it is what it should be. */
function problemOf(actual: Tensor, expected: Tensor, isPose = false): string | undefined {
  if (isPose) return poseProblem(actual.data as Float32Array, expected.data as Float32Array);
  const difference = compare(actual, expected);
  const limit = expected.type === 'float32' ? floatTolerance * difference.scale : 0;
  return difference.maxAbs <= limit ? undefined : `${describeDifference(difference)} (allowed ${limit})`;
}

/** 17 times y, x, score. */
function poseProblem(actual: Float32Array, expected: Float32Array): string | undefined {
  if (actual.length !== expected.length) return `expected ${expected.length} numbers, got ${actual.length}`;
  for (let i = 0; i < expected.length; i += 3) {
    if (expected[i + 2]! < 0.3) continue;
    const [y, x, score] = [0, 1, 2].map((k) => Math.abs(actual[i + k]! - expected[i + k]!)) as [number, number, number];
    if (y > 0.03 || x > 0.03 || score > 0.15) return `key point ${i / 3} is off by ${y}, ${x}, its score by ${score}`;
  }
  return undefined;
}

/** Compares in order, so that the first message names the node that is wrong. */
async function intermediateProblems(
  graph: Graph,
  feeds: Record<string, Tensor>,
  golden: Golden,
  item: GoldenCase,
  options: SessionOptions,
) {
  const session = await InferenceSession.create(graph, options);
  const found = await session.intermediates(feeds);
  await session.release();
  return readIntermediates(golden, item).flatMap(({ op, opType, name, tensor: index, expected }) => {
    const key = [name, `tensor${index}`].find((key) => found.has(key) || graph.constants.has(key));
    const actual = key && (found.get(key)?.tensor ?? graph.constants.get(key));
    // Shapes are worked out when a file is imported, and are attributes then.
    if (actual === undefined && expected.type === 'int32' && shapeWork.includes(opType)) return [];
    const problem = actual ? problemOf(actual, expected) : 'is not among the intermediates';
    return problem === undefined ? [] : [`operator ${op} (${opType}), ${name}: ${problem}`];
  });
}

const check = test.macro(async (t, golden: Golden, options: SessionOptions) => {
  t.timeout(600_000);
  const graph = await loadModel(golden.modelPath);
  for (const item of golden.cases) {
    const inputs = readInputs(golden, item);
    const feeds = Object.fromEntries(graph.inputs.map((name, i) => [name, inputs[i]!]));
    if (item.intermediates !== undefined) {
      t.deepEqual(await intermediateProblems(graph, feeds, golden, item, options), []);
    }
    // States begin anew in each case.
    const isPose = golden.name === poseModel;
    const numerics = isExact(golden) || isPose ? graph.numerics : numericsOfXnnpack;
    const session = await InferenceSession.create(graph, { ...options, numerics });
    const results = await session.run(feeds);
    await session.release();
    for (const [i, expected] of readOutputs(golden, item).entries()) {
      const name = graph.outputs[i]!;
      t.is(problemOf(results[name]!, expected, isPose), undefined, `case ${item.case}, output ${name}`);
    }
  }
});

for (const options of variants) {
  for (const golden of goldens) {
    test(`${golden.name} is as ${golden.source.split(' ')[0]} computed it: ${titleOf(options)}`, check, golden, options);
  }
}
