/**
 * Operators on random models, against onnxruntime-node on x64: the integers that its kernels give and floats but for the order of
 * their sums, on the reference and on the native backend with each instruction set. Skipped where onnxruntime-node is not installed.
 */
import { createRequire } from 'node:module';
import test from 'ava';
import { cpuInfo, InferenceSession, type SessionOptions, type Tensor } from 'octensor';
import { findOnnxRuntime } from '#lib/cli/peers/onnxruntime.js';
import * as floats from '../support/onnx-float-problems.js';
import * as matrices from '../support/onnx-matrix-problems.js';
import { encodeOnnxModel, type OnnxModel } from '../support/onnx-model.js';
import * as problems from '../support/onnx-problems.js';
import { Random } from '../support/random.js';

interface Problem {
  readonly name: string;
  readonly make: (random: Random) => OnnxModel;
  /** Of integers: the largest difference. Of floats: the largest one in units of the largest magnitude. 0 by default. */
  readonly tolerance?: number;
}

const list: readonly Problem[] = [
  { name: 'QLinearConv', make: problems.qlinearConv },
  { name: 'QLinearMatMul', make: problems.qlinearMatMul },
  { name: 'QLinearConv with computed scales', make: problems.withFedScales(problems.qlinearConv) },
  { name: 'QLinearMatMul with computed scales', make: problems.withFedScales(problems.qlinearMatMul) },
  { name: 'QLinearWhere', make: problems.qlinearWhere, tolerance: 1 },
  { name: 'NhwcMaxPool', make: problems.nhwcMaxPool },
  { name: 'MatMulIntegerToFloat', make: matrices.matmulIntegerToFloat, tolerance: 1e-6 },
  { name: 'FusedGemm', make: matrices.fusedGemm, tolerance: 1e-5 },
  {
    name: 'QLinearGlobalAveragePool of NHWC',
    make: problems.qlinearUnary('QLinearGlobalAveragePool', { channels_last: 1 }),
  },
  {
    name: 'QLinearAveragePool of NHWC',
    make: problems.qlinearUnary('QLinearAveragePool', { kernel_shape: [1, 3], pads: [0, 1, 0, 1], channels_last: 1 }),
  },
  { name: 'ConvInteger', make: problems.integerConv },
  { name: 'MatMulInteger', make: problems.integerMatMul },
  { name: 'QGemm', make: matrices.qgemm('byte') },
  { name: 'QGemm to float32', make: matrices.qgemm('float'), tolerance: 1e-6 },
  { name: 'QLinearMul', make: problems.qlinearBinary('QLinearMul') },
  { name: 'QLinearGlobalAveragePool', make: problems.qlinearUnary('QLinearGlobalAveragePool') },
  // Its sum is fused from three multiply-adds, whose rounding depends on the instruction set
  { name: 'QLinearAdd', make: problems.qlinearBinary('QLinearAdd'), tolerance: 1 },
  { name: 'QLinearConcat', make: problems.qlinearConcat },
  { name: 'QLinearSigmoid', make: problems.qlinearUnary('QLinearSigmoid'), tolerance: 1 },
  { name: 'QLinearLeakyRelu', make: problems.qlinearUnary('QLinearLeakyRelu', { alpha: { float: 0.3 } }) },
  { name: 'QLinearSoftmax', make: problems.qlinearUnary('QLinearSoftmax', { axis: -1, opset: 13 }), tolerance: 1 },
  {
    name: 'QLinearAveragePool',
    make: problems.qlinearUnary('QLinearAveragePool', { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] }),
  },
  { name: 'DynamicQuantizeMatMul', make: matrices.dynamicQuantizeMatMul, tolerance: 1e-5 },
  { name: 'MatMulNBits', make: matrices.matmulNBits, tolerance: 1e-5 },
  { name: 'QuantizeLinear', make: floats.quantizeLinear('QuantizeLinear') },
  { name: 'DequantizeLinear', make: floats.quantizeLinear('DequantizeLinear') },
  { name: 'DynamicQuantizeLinear', make: floats.dynamicQuantizeLinear },
  { name: 'ConvTranspose', make: floats.convTranspose, tolerance: 1e-5 },
  { name: 'MaxPool', make: floats.pool('MaxPool') },
  { name: 'MaxPool with places', make: floats.pool('MaxPool', true) },
  { name: 'AveragePool', make: floats.pool('AveragePool'), tolerance: 1e-6 },
  { name: 'LpPool', make: floats.pool('LpPool'), tolerance: 1e-5 },
  { name: 'Gemm', make: floats.gemm, tolerance: 1e-5 },
  { name: 'MatMul', make: floats.matmul, tolerance: 1e-5 },
  { name: 'FusedMatMul', make: floats.fusedMatMul, tolerance: 1e-5 },
  { name: 'FusedConv', make: floats.fusedConv, tolerance: 1e-5 },
];

const modelsPerProblem = 40;
const backends: readonly SessionOptions[] = [
  { backend: 'reference' },
  ...cpuInfo().isa.map((isa) => ({ backend: 'native', isa, threads: 1 }) as const),
];

interface Peer {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => object;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{ run(feeds: object): Promise<Record<string, Pick<Tensor, 'type' | 'data' | 'dims'>>> }>;
  };
}

const peer = loadPeer();
if (peer === undefined || process.arch !== 'x64') {
  test('onnxruntime-node', (t) => {
    t.log('skipped: onnxruntime-node is not installed, or this is no x64');
    t.pass();
  });
} else {
  for (const { name, make, tolerance = 0 } of list) {
    test(name, async (t) => {
      const random = new Random(7);
      for (let i = 0; i < modelsPerProblem; i++) {
        const model = make(random);
        const bytes = encodeOnnxModel(model);
        const expected = await runPeer(peer, bytes, model.feeds);
        for (const options of backends) {
          const session = await InferenceSession.create(bytes, options);
          const actual = await session.run(model.feeds);
          await session.release();
          for (const [name, tensor] of Object.entries(expected)) {
            const where = `model ${i}, ${options.backend} ${options.isa ?? ''}, ${name}: ${JSON.stringify(model.nodes[0])}`;
            const own = actual[name]!;
            t.deepEqual([own.type, [...own.dims]], [tensor.type, [...tensor.dims]], where);
            const difference = largestDifference(own, tensor);
            if (!(difference <= (own.type === 'float32' || tolerance >= 1 ? tolerance : 0)))
              t.fail(`${where}: differs by ${difference}`);
          }
        }
      }
      t.pass();
    });
  }
}

function loadPeer(): Peer | undefined {
  try {
    return createRequire(import.meta.url)(findOnnxRuntime()) as Peer;
  } catch {
    return undefined;
  }
}

async function runPeer({ InferenceSession: Session, Tensor: PeerTensor }: Peer, model: Uint8Array, feeds: OnnxModel['feeds']) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3, graphOptimizationLevel: 'disabled' };
  const session = await Session.create(model, options);
  const given = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new PeerTensor(type, data, dims)]);
  return session.run(Object.fromEntries(given));
}

/** Of floats: in units of the largest one. */
function largestDifference(actual: Pick<Tensor, 'type' | 'data'>, expected: Pick<Tensor, 'type' | 'data'>): number {
  const [own, other] = [actual, expected].map(({ data }) => Array.from(data as Int32Array, Number)) as [number[], number[]];
  const difference = own.reduce((most, value, i) => Math.max(most, value === other[i] ? 0 : Math.abs(value - other[i]!)), 0);
  const largest = other.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return actual.type === 'float32' && largest > 0 ? difference / largest : difference;
}
