/**
 * How fast multiplications are: whole calls of `gemm`, from JavaScript, as a caller in steady state makes them: weights packed
 * once, one options object, an `out` that is used again.
 *
 * The pace of a machine drifts (clock, neighbours on the same hardware), so all variants of a shape take turns: in each round
 * every variant runs one batch, and each batch is set against the peak measured right before and right after it. The higher of
 * these two counts, since a disturbance only ever lowers a measured peak. Results are medians over the rounds.
 */
import { cpuInfo } from '../cpu-info.js';
import { gemm } from '../gemm/gemm.js';
import { PackedMatrix } from '../gemm/packed-matrix.js';
import type { GemmOutput, OutputArray } from '../gemm/types.js';
import type { Isa } from '../isa.js';
import type { Numerics } from '../quant/requant.js';
import type { Shape } from './arguments.js';
import { CommandError } from './command-error.js';
import { type ByteType, makeOperands, newOutput, type Operands, type OutputType, type Workload } from './operands.js';
import type { PeakMeter } from './peak-meter.js';
import { multiplicationModel } from './peers/onnx-model.js';
import { OnnxRuntimePeer } from './peers/onnxruntime.js';
import { calibrate, median, type TimeCalls, timeBatch, timerOf } from './timing.js';

export interface GemmPlan {
  readonly isas: readonly Isa[];
  readonly threads: readonly number[];
  readonly numerics: readonly Numerics[];
  readonly a: readonly ByteType[];
  readonly b: readonly ByteType[];
  /** By default that of A. */
  readonly output: OutputType | undefined;
  /** The module of onnxruntime-node. */
  readonly peer: string | undefined;
  /** Rounds; by default 15, and fewer for calls so slow that they would take seconds. */
  readonly repetitions: number | undefined;
}

export interface GemmResult extends Workload {
  readonly isa: Isa;
  /** Whether this is the instruction set used unless a call says otherwise. */
  readonly selected: boolean;
  readonly threads: number;
  readonly numerics: Numerics;
  readonly gops: number;
  /** Of the peak of `isa`, times the cores in use. */
  readonly percentOfPeak: number;
  /** Of the peak of the machine's best instruction set, times the cores in use. */
  readonly percentOfBestPeak: number;
  readonly medianMicroseconds: number;
  readonly minMicroseconds: number;
  readonly repetitions: number;
  /** Over one thread, where that was measured too. */
  readonly speedup?: number;
  /** For m = 1, which is a matter of reading B: at which rate B was read, and at which one core reads as many bytes. */
  readonly gigabytesPerSecond?: number;
  readonly readGigabytesPerSecond?: number;
  /** `ratio` is its time / our time. */
  readonly peer?: { readonly name: string; readonly version: string; readonly gops: number; readonly ratio: number };
}

interface Variant {
  readonly workload: Workload;
  readonly isa: Isa;
  readonly threads: number;
  readonly numerics: Numerics;
  readonly time: TimeCalls;
  readonly calls: number;
  readonly repetitions: number;
  /** One entry per round. */
  readonly seconds: number[];
  readonly percents: number[];
  readonly percentsOfBest: number[];
}

interface Peer {
  readonly workload: Workload;
  readonly threads: number;
  readonly process: OnnxRuntimePeer;
  readonly seconds: number[];
}

const defaultRepetitions = 15;
const minRepetitions = 3;
/** A variant has fewer repetitions than it should where they would take longer than this. */
const maxSeconds = 2;

export async function benchmarkShape(shape: Shape, plan: GemmPlan, meter: PeakMeter): Promise<GemmResult[]> {
  const variants: Variant[] = [];
  const peers: Peer[] = [];
  try {
    for (const workload of workloadsOf(shape, plan)) {
      const operands = makeOperands(workload);
      if (plan.peer !== undefined) peers.push(...(await startPeers(plan.peer, workload, operands, plan.threads)));
      variants.push(...(await prepare(workload, operands, plan)));
    }
    const bytesOfB = shape.m === 1 ? shape.k * shape.n : 0;
    const bandwidthBefore = bytesOfB > 0 ? meter.measureReadBandwidth(bytesOfB) : 0;
    await measure(variants, peers, meter);
    const bandwidth = bytesOfB > 0 ? Math.max(bandwidthBefore, meter.measureReadBandwidth(bytesOfB)) : undefined;
    return variants.map((variant) => resultOf(variant, variants, peers, bandwidth));
  } finally {
    for (const peer of peers) peer.process.stop();
  }
}

export function workloadsOf(shape: Shape, { a, b, output }: Pick<GemmPlan, 'a' | 'b' | 'output'>): Workload[] {
  return a.flatMap((aType) => b.map((bType) => ({ ...shape, a: aType, b: bType, out: output ?? aType })));
}

async function prepare(workload: Workload, operands: Operands, plan: GemmPlan): Promise<Variant[]> {
  const { m, k, n, out: type } = workload;
  const { a, aZeroPoint, b, bZeroPoint } = operands;
  const out = newOutput(workload);
  const isRequantized = type === 'int8' || type === 'uint8';
  const variants: Variant[] = [];
  for (const isa of plan.isas) {
    const packed = PackedMatrix.pack(b, { k, n, zeroPoint: bZeroPoint, isa, backend: 'native' });
    for (const threads of plan.threads) {
      for (const numerics of isRequantized ? plan.numerics : plan.numerics.slice(0, 1)) {
        const options = { m, zeroPoint: aZeroPoint, threads, output: outputOf(type, operands, numerics), out };
        const time = timerOf(() => gemm<GemmOutput>(a, packed, options));
        const { calls, seconds } = await calibrate(time);
        const repetitions = plan.repetitions ?? affordableRepetitions(seconds);
        const samples = { seconds: [], percents: [], percentsOfBest: [] };
        variants.push({ workload, isa, threads, numerics, time, calls, repetitions, ...samples });
      }
    }
  }
  return variants;
}

function affordableRepetitions(batchSeconds: number): number {
  return Math.max(minRepetitions, Math.min(defaultRepetitions, Math.floor(maxSeconds / batchSeconds)));
}

function outputOf(type: OutputType, { aScale, bScale, outScale, outZeroPoint }: Operands, numerics: Numerics): GemmOutput {
  const productScale = Math.fround(aScale * bScale);
  if (type === 'int32') return { type };
  if (type === 'float32') return { type, scale: productScale };
  // (sa · sb) / sy in float32, as ONNX Runtime computes it.
  return { type, scale: Math.fround(productScale / outScale), zeroPoint: outZeroPoint, numerics };
}

async function startPeers(
  modulePath: string,
  workload: Workload,
  operands: Operands,
  threads: readonly number[],
): Promise<Peer[]> {
  const { m, k, n, out: type } = workload;
  const packed = PackedMatrix.pack(operands.b, { k, n, zeroPoint: operands.bZeroPoint, backend: 'native' });
  const output = outputOf(type, operands, 'onnx');
  const expected = gemm<GemmOutput>(operands.a, packed, { m, zeroPoint: operands.aZeroPoint, output });
  const model = multiplicationModel(workload, operands);
  const multiplication = { model, feeds: { a: { type: workload.a, data: operands.a, dims: [m, k] } } };
  const peers: Peer[] = [];
  try {
    for (const count of threads) {
      const process = await OnnxRuntimePeer.start(modulePath, multiplication, { threads: count, isTimed: true });
      peers.push({ workload, threads: count, process, seconds: [] });
      expectSame(process, workload, expected);
    }
  } catch (error) {
    for (const peer of peers) peer.process.stop();
    throw error;
  }
  return peers;
}

function expectSame({ name, version, outputs }: OnnxRuntimePeer, { m, k, n, a, b }: Workload, ours: OutputArray): void {
  const output = outputs.y!.data as Int32Array | Int8Array | Uint8Array;
  const first = ours.findIndex((value, i) => value !== output[i]);
  if (first < 0 && ours.length === output.length) return;
  const at = `${m}x${k}x${n} ${a} by ${b}`;
  const difference = first < 0 ? `${output.length} elements` : `${output[first]} for our ${ours[first]} at index ${first}`;
  throw new CommandError('ERR_COMPARISON', `${name} ${version} gives another product of ${at}: ${difference}`, 1);
}

async function measure(variants: readonly Variant[], peers: readonly Peer[], meter: PeakMeter): Promise<void> {
  const { isa, cores } = cpuInfo();
  const best = isa[0]!;
  const rounds = Math.max(...variants.map(({ repetitions }) => repetitions));
  for (let round = 0; round < rounds; round++) {
    for (const variant of variants) {
      if (round >= variant.repetitions) continue;
      const peaks = () => {
        const own = meter.measure(variant.isa);
        return { own, best: variant.isa === best ? own : meter.measure(best) };
      };
      const before = peaks();
      const seconds = await timeBatch(variant.time, variant.calls);
      const after = peaks();
      const gops = gopsOf(variant.workload, seconds) / Math.min(variant.threads, cores);
      variant.seconds.push(seconds);
      variant.percents.push((100 * gops) / Math.max(before.own, after.own));
      variant.percentsOfBest.push((100 * gops) / Math.max(before.best, after.best));
    }
    for (const peer of peers) peer.seconds.push(await peer.process.time());
  }
}

function gopsOf({ m, k, n }: Shape, seconds: number): number {
  return (2 * m * k * n * 1e-9) / seconds;
}

function resultOf(
  variant: Variant,
  variants: readonly Variant[],
  peers: readonly Peer[],
  bandwidth: number | undefined,
): GemmResult {
  const { workload, isa, threads, numerics, percents, percentsOfBest } = variant;
  const seconds = median(variant.seconds);
  const single = variants.find(
    (other) => other.threads === 1 && other.isa === isa && other.numerics === numerics && other.workload === workload,
  );
  const peer = peers.find((other) => other.threads === threads && other.workload === workload);
  return {
    ...workload,
    isa,
    selected: isa === cpuInfo().selected,
    threads,
    numerics,
    gops: gopsOf(workload, seconds),
    percentOfPeak: median(percents),
    percentOfBestPeak: median(percentsOfBest),
    medianMicroseconds: seconds * 1e6,
    minMicroseconds: Math.min(...variant.seconds) * 1e6,
    repetitions: variant.seconds.length,
    ...(threads > 1 && single !== undefined ? { speedup: median(single.seconds) / seconds } : {}),
    ...(bandwidth === undefined
      ? {}
      : { gigabytesPerSecond: (workload.k * workload.n * 1e-9) / seconds, readGigabytesPerSecond: bandwidth }),
    ...(peer === undefined ? {} : { peer: peerResult(peer, seconds) }),
  };
}

function peerResult({ workload, process, seconds }: Peer, ourSeconds: number): NonNullable<GemmResult['peer']> {
  const { name, version } = process;
  const peerSeconds = median(seconds);
  return { name, version, gops: gopsOf(workload, peerSeconds), ratio: peerSeconds / ourSeconds };
}
