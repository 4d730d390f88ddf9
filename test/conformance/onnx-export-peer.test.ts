/**
 * Exported operators in ONNX Runtime: that it accepts the files, and computes with them what we do. Without onnxruntime-node, which
 * is no dependency, there is nothing to test here.
 */
import { createRequire } from 'node:module';
import test from 'ava';
import { type DataType, InferenceSession, Tensor } from 'octensor';
import { exportOnnx } from '#lib/formats/onnx/export.js';
import { ops } from '#lib/ops/index.js';
import { integerForms } from '#lib/ops/integer-forms.js';
import type { OpCase } from '#lib/ops/op.js';
import { compare, describeDifference } from './compare.js';

interface PeerTensor {
  readonly type: string;
  readonly data: unknown;
  readonly dims: readonly number[];
}

interface Peer {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => PeerTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      run(feeds: Record<string, PeerTensor>): Promise<Record<string, PeerTensor>>;
      release(): Promise<void>;
    }>;
  };
}

const peer = findPeer();

function findPeer(): Peer | undefined {
  try {
    return createRequire(import.meta.url)('onnxruntime-node') as Peer;
  } catch {
    return undefined;
  }
}

/** Largest difference from ONNX Runtime's floats, in units of the largest magnitude of their tensor; of integers: one step. */
const floatTolerance = 1e-4;
const maxSteps = 1;
/** Of int16: ONNX Runtime computes such pairs in float32, whose 24 bits leave 8 to sums that are rounded to 16. */
const maxWideSteps = 3;

/** Cases of one operator that are compared: from its list, spread evenly. */
const casesPerOperator = 6;

const compared = [
  'Abs',
  'Add',
  'ArgMax',
  'AveragePool2D',
  'BatchNorm',
  'BatchToSpaceNd',
  'BroadcastTo',
  'Concat',
  'Conv2D',
  'DepthToSpace',
  'DepthwiseConv2D',
  'Div',
  'Elu',
  'ExpandDims',
  'FullyConnected',
  'Gather',
  'HardSwish',
  'LeakyRelu',
  'Logistic',
  'MaxPool2D',
  'Mean',
  'Mul',
  'Pack',
  'Relu',
  'Relu6',
  'Reshape',
  'ResizeBilinear',
  'Slice',
  'Softmax',
  'SpaceToBatchNd',
  'SpaceToDepth',
  'Split',
  'Squeeze',
  'StridedSlice',
  'Sub',
  'Sum',
  'Tanh',
  'Tile',
  'Transpose',
  'TransposeConv2D',
  'Unpack',
] as const;

/** What ONNX has types for and ONNX Runtime no kernels, and quotients of integers that are undefined. */
const lacking = /NOT_IMPLEMENTED|Could not find an implementation|is invalid|Integer division by zero/;

if (peer === undefined) {
  test('ONNX Runtime', (t) => {
    t.log('skipped: onnxruntime-node is not installed');
    t.pass();
  });
} else {
  for (const name of compared) {
    test.serial(`${name} in ONNX Runtime`, async (t) => {
      let count = 0;
      for (const opCase of sampleOf(name)) {
        const problem = await difference(peer, opCase);
        if (problem === 'lacking') continue;
        count++;
        if (problem !== undefined) t.fail(`${opCase.name}: ${problem}`);
      }
      t.true(count > 0, 'cases that ONNX Runtime has kernels for');
    });
  }
  for (const [name, form] of Object.entries(integerForms)) {
    if (form?.wide !== true) continue;
    test.serial(`${name} of int16 in ONNX Runtime`, async (t) => {
      const cases = [...ops.get(name)!.cases()].filter(
        (each) => each.graph.numerics === 'onnx' && isWide(each) && isExpressible(each),
      );
      const step = Math.max(1, Math.floor(cases.length / casesPerOperator));
      for (const opCase of cases.filter((_, i) => i % step === 0)) {
        const problem = await difference(peer, opCase, maxWideSteps);
        if (problem !== 'lacking' && problem !== undefined) t.fail(`${opCase.name}: ${problem}`);
      }
      t.true(cases.length > 0);
    });
  }
}

/** Those that ONNX can express, of 8 bits and floats. */
function sampleOf(name: string): readonly OpCase[] {
  const all = [...ops.get(name)!.cases()].filter((opCase) => isExpressible(opCase) && !isWide(opCase));
  const step = Math.max(1, Math.floor(all.length / casesPerOperator));
  return all.filter((_, i) => i % step === 0);
}

function isWide({ graph }: OpCase): boolean {
  return [...graph.values.values()].some(({ type }) => type === 'int16');
}

function isExpressible({ graph }: OpCase): boolean {
  try {
    exportOnnx(graph);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_UNSUPPORTED_OP') return false;
    throw error;
  }
}

/** Under ONNX's numerics, which are those of ONNX Runtime. */
async function difference(ort: Peer, { graph, feeds }: OpCase, steps = maxSteps): Promise<string | undefined> {
  const session = await InferenceSession.create(graph, { backend: 'reference', numerics: 'onnx' });
  const expected = session.runSync(feeds);
  let actual: Record<string, PeerTensor>;
  try {
    const theirs = await ort.InferenceSession.create(exportOnnx(graph), { logSeverityLevel: 4 });
    const given = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]);
    actual = await theirs.run(Object.fromEntries(given) as Record<string, PeerTensor>);
    await theirs.release();
  } catch (error) {
    if (lacking.test((error as Error).message)) return 'lacking';
    throw error;
  }
  for (const [name, tensor] of Object.entries(expected)) {
    const { type, data, dims } = actual[name]!;
    const found = compare(new Tensor<DataType>(type as DataType, data as Tensor['data'], dims), tensor);
    const tolerance = tensor.type.startsWith('float') ? floatTolerance * found.scale : steps;
    if (found.maxAbs > tolerance) return `${name}: ${describeDifference(found)}`;
  }
  return undefined;
}
