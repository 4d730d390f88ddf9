/**
 * How fast sessions are: `runSync`, from JavaScript, in steady state. As in gemm-benchmark.ts all variants take
 * turns, and each batch is set against the peak measured right before and right after it, the higher of the two.
 */
import { cpuInfo } from '../cpu-info.js';
import type { Graph } from '../graph/graph.js';
import type { Isa } from '../isa.js';
import type { Numerics } from '../quant/requant.js';
import { InferenceSession } from '../session.js';
import type { Tensor } from '../tensor.js';
import type { PeakMeter } from './peak-meter.js';
import { fastestOf, median, type TimeCalls, timeBatch, timerOf } from './timing.js';

export interface Variant {
  readonly isa: Isa;
  readonly threads: number;
  readonly numerics: Numerics;
}

export interface SessionResult extends Variant {
  readonly medianMs: number;
  readonly minMs: number;
  /** Multiply-accumulates of one run. */
  readonly macs: number;
  readonly gops: number;
  /** 2 · macs / time, of the peak of `isa` times the cores in use. */
  readonly percentOfPeak: number;
  readonly repetitions: number;
  /** Over one thread, where that was measured too. */
  readonly speedup?: number;
  /** `ratio` is its time / our time. */
  readonly peer?: { readonly name: string; readonly version: string; readonly medianMs: number; readonly ratio: number };
}

/** Another implementation, which runs the same in a process of its own. */
export interface TimedPeer {
  readonly name: string;
  readonly version: string;
  readonly threads: number;
  /** One batch; seconds per call. */
  time(): Promise<number>;
}

interface Prepared extends Variant {
  readonly session: InferenceSession;
  readonly macs: number;
  readonly time: TimeCalls;
  readonly calls: number;
  readonly seconds: number[];
  readonly percents: number[];
}

const defaultRepetitions = 31;

export interface SessionWorkload {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** What is timed: whole calls, or the steps in them without what brings tensors in and out. */
  readonly timed: 'calls' | 'steps';
  /** At most one for each number of threads; they take turns with the variants. */
  readonly peers?: readonly TimedPeer[];
}

/** One result for each variant. */
export async function benchmarkSessions(
  workload: SessionWorkload,
  variants: readonly Variant[],
  meter: PeakMeter,
  repetitions = defaultRepetitions,
): Promise<SessionResult[]> {
  const prepared: Prepared[] = [];
  const peers = (workload.peers ?? []).map((peer) => ({ peer, seconds: [] as number[] }));
  try {
    for (const variant of variants) prepared.push(await prepare(workload, variant));
    for (let round = 0; round < repetitions; round++) {
      for (const variant of prepared) await measure(variant, meter);
      for (const { peer, seconds } of peers) seconds.push(await peer.time());
    }
    return prepared.map((variant) => {
      const result = resultOf(variant, prepared);
      const beside = peers.find(({ peer }) => peer.threads === variant.threads);
      return beside === undefined ? result : { ...result, peer: peerResult(beside.peer, median(beside.seconds) * 1e3, result) };
    });
  } finally {
    for (const { session } of prepared) await session.release();
  }
}

async function prepare({ graph, feeds, timed }: SessionWorkload, variant: Variant): Promise<Prepared> {
  const session = await InferenceSession.create(graph, { backend: 'native', ...variant });
  session.runSync(feeds, { profile: true });
  const macs = session.lastProfile().reduce((sum, entry) => sum + entry.macs, 0);
  const outputs = session.runSync(feeds);
  // As of the peer: new outputs each time are the faster form for small ones, tensors that are written again for large ones
  const fastest = await fastestOf(
    timed === 'calls'
      ? [timerOf(() => session.runSync(feeds)), timerOf(() => session.runSync(feeds, { outputs }))]
      : [stepTimerOf(session, feeds, outputs)],
  );
  return { ...variant, session, macs, ...fastest, seconds: [], percents: [] };
}

function stepTimerOf(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  outputs: Record<string, Tensor>,
): TimeCalls {
  return (calls) => {
    let microseconds = 0;
    for (let i = 0; i < calls; i++) {
      session.runSync(feeds, { profile: true, outputs });
      microseconds += session.lastProfile().reduce((sum, entry) => sum + entry.microseconds, 0);
    }
    return microseconds / 1e6;
  };
}

async function measure(variant: Prepared, meter: PeakMeter): Promise<void> {
  // The variant before has left its own weights in the caches.
  await variant.time(1);
  const before = meter.measure(variant.isa);
  const seconds = await timeBatch(variant.time, variant.calls);
  const peak = Math.max(before, meter.measure(variant.isa));
  variant.seconds.push(seconds);
  variant.percents.push((100 * gopsOf(variant.macs, seconds)) / peak / Math.min(variant.threads, cpuInfo().cores));
}

function gopsOf(macs: number, seconds: number): number {
  return (2e-9 * macs) / seconds;
}

function resultOf(variant: Prepared, all: readonly Prepared[]): SessionResult {
  const { isa, threads, numerics, macs, percents } = variant;
  const seconds = median(variant.seconds);
  const single = all.find((other) => other.threads === 1 && other.isa === isa && other.numerics === numerics);
  return {
    isa,
    threads,
    numerics,
    medianMs: seconds * 1e3,
    minMs: Math.min(...variant.seconds) * 1e3,
    macs,
    gops: gopsOf(macs, seconds),
    percentOfPeak: median(percents),
    repetitions: variant.seconds.length,
    ...(threads > 1 && single !== undefined ? { speedup: median(single.seconds) / seconds } : {}),
  };
}

function peerResult(
  { name, version }: TimedPeer,
  peerMs: number,
  { medianMs }: SessionResult,
): NonNullable<SessionResult['peer']> {
  return { name, version, medianMs: peerMs, ratio: peerMs / medianMs };
}
