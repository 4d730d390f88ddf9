/**
 * Kernels that no other backend has, each in one pass what takes many operators: gradients of clamps, and for `octensor/qat` fake quantizers and
 * Adam. There they are found by their names (`lib/qat/fused.ts`), and what they compute is defined by operators, which run on every backend.
 */
import { engine, type KernelConfig, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core';
import type { OctensorBackend } from '../backend.js';
import { eager, eagerKind } from '../eager.js';
import { backendName, type KernelCall } from './kernel.js';

const snapKind = eagerKind('snap');
const gradientKind = eagerKind('snapGradient');
const adamKind = eagerKind('adam');
const clampKind = eagerKind('clampGradient');

/** A grid of codes, and x as [blocks, rows, n], with a number of each kind for [blocks, n]. */
interface SnapAttrs {
  readonly qmin: number;
  readonly qmax: number;
  readonly step: 1 | 2;
  readonly blocks: number;
  readonly rows: number;
  readonly n: number;
}

interface GradientAttrs extends SnapAttrs {
  readonly mode: (typeof modes)[number];
}

/** As SnapGradient of native/kernels/eager.h, and how many sums each has. */
const modes = ['range', 'step', 'soft'] as const;
const sumsOf = { range: 2, step: 2, soft: 3 } as const;

function own<Inputs, Attrs>(
  kernelName: string,
  run: (call: KernelCall<Inputs, Attrs>) => TensorInfo | TensorInfo[],
): KernelConfig {
  return { kernelName, backendName, kernelFunc: (call) => run(call as unknown as KernelCall<Inputs, Attrs>) };
}

const layout = ({ qmin, qmax, step, blocks, rows, n }: SnapAttrs): number[] => [qmin, qmax, step, blocks, rows, n];

/** One number of a tensor goes for all groups. */
function perGroup(backend: OctensorBackend, info: TensorInfo, { blocks, n }: SnapAttrs): Float32Array {
  const values = backend.floats(info);
  return values.length === 1 && blocks * n !== 1 ? new Float32Array(blocks * n).fill(values[0]!) : values;
}

interface SnapInputs {
  readonly x: TensorInfo;
  readonly scale: TensorInfo;
  readonly zeroPoint: TensorInfo;
}

const snap = own<SnapInputs, SnapAttrs>('OctensorSnap', ({ inputs: { x, scale, zeroPoint }, attrs, backend }) => {
  const operands = [backend.floats(x), perGroup(backend, scale, attrs), perGroup(backend, zeroPoint, attrs)];
  const [y, result] = backend.makeFloats(x.shape);
  eager(snapKind, layout(attrs), ...operands, result);
  return y;
});

/** `a`, `b`, `c`: scale and zero point; of `soft` the high end, alpha and, unless it is symmetric, the low end. */
interface GradientInputs {
  readonly dy: TensorInfo;
  readonly x: TensorInfo;
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly c?: TensorInfo;
}

const snapGradient = own<GradientInputs, GradientAttrs>('OctensorSnapGradient', ({ inputs, attrs, backend }) => {
  const { dy, x, a, b, c } = inputs;
  const groups = [a, b, ...(c === undefined ? [] : [c])].map((info) => perGroup(backend, info, attrs));
  const [dx, gradient] = backend.makeFloats(x.shape);
  const sums = Array.from({ length: sumsOf[attrs.mode] }, () => backend.makeFloats(a.shape));
  const numbers = [modes.indexOf(attrs.mode), c === undefined ? 1 : 0, ...layout(attrs)];
  const totals = sums.map(([, array]) => array);
  eager(gradientKind, numbers, backend.floats(dy), backend.floats(x), ...groups, gradient, ...totals);
  return [dx, ...sums.map(([info]) => info)];
});

interface AdamInputs {
  readonly gradient: TensorInfo;
  readonly m: TensorInfo;
  readonly v: TensorInfo;
  readonly value: TensorInfo;
}

interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly learningRate: number;
  readonly epsilon: number;
  /** 1 - beta1^t, 1 - beta2^t. */
  readonly corrections: readonly [number, number];
}

const adam = own<AdamInputs, AdamAttrs>('OctensorAdam', ({ inputs: { gradient, m, v, value }, attrs, backend }) => {
  const { beta1, beta2, learningRate, epsilon, corrections } = attrs;
  const operands = [gradient, m, v, value].map((info) => backend.floats(info));
  const made = [m, v, value].map(({ shape }) => backend.makeFloats(shape));
  const results = made.map(([, array]) => array);
  eager(adamKind, [beta1, beta2, learningRate, epsilon, ...corrections, operands[0]!.length], ...operands, ...results);
  return made.map(([info]) => info);
});

export const clampGradientName = 'OctensorClampGradient';

interface ClampInputs {
  readonly dy: TensorInfo;
  readonly x: TensorInfo;
}

export interface ClampAttrs {
  readonly lo: number;
  readonly hi: number;
}

const clampGradientKernel = own<ClampInputs, ClampAttrs>(clampGradientName, ({ inputs: { dy, x }, attrs, backend }) => {
  const operands = [backend.floats(dy), backend.floats(x)];
  const [dx, result] = backend.makeFloats(x.shape);
  eager(clampKind, [attrs.lo, attrs.hi, result.length], ...operands, result);
  return dx;
});

/** dy where lo <= x <= hi, NaN where x is, else 0. */
export function clampGradient(dy: Tensor, x: Tensor, lo: number, hi: number): Tensor {
  return engine().runKernel(clampGradientName, { dy, x }, { lo, hi }) as Tensor;
}

export const trainingKernels: readonly KernelConfig[] = [snap, snapGradient, adam, clampGradientKernel];
