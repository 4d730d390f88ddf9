/** How calls are timed: in batches, long against the clock's resolution and short against a change of the machine's pace. */

/** Makes so many calls one after another; seconds for all. */
export type TimeCalls = (calls: number) => number | Promise<number>;

const batchSeconds = 3e-3;
const warmUpSeconds = 40e-3; // enough for the compiler's last tier: small products have made thousands of calls by then
const longBatchSeconds = 50e-3;
const maxAttempts = 4;
const choosingRounds = 9;

export function timerOf(call: () => unknown): TimeCalls {
  return (calls) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    return (performance.now() - start) / 1e3;
  };
}

export function asyncTimerOf(call: () => Promise<unknown>): TimeCalls {
  return async (calls) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) await call();
    return (performance.now() - start) / 1e3;
  };
}

export interface Batch {
  readonly calls: number;
  /** Roughly. */
  readonly seconds: number;
}

/** Warms up; returns how many calls make a batch. */
export async function calibrate(time: TimeCalls): Promise<Batch> {
  let calls = 1;
  for (let total = 0; ; ) {
    const seconds = await time(calls);
    total += seconds;
    const fitting = Math.max(1, Math.round((batchSeconds / Math.max(seconds, 1e-9)) * calls));
    if (total >= warmUpSeconds) return { calls: fitting, seconds: (seconds / calls) * fitting };
    calls = Math.min(fitting, calls * 8);
  }
}

/**
 * Of several forms of the same call the one whose batches were fastest, and how many calls make a batch of it. They take turns: a
 * single batch may end before the garbage that its calls leave is collected.
 */
export async function fastestOf(forms: readonly [TimeCalls, ...TimeCalls[]]): Promise<{ time: TimeCalls; calls: number }> {
  const candidates: { readonly time: TimeCalls; readonly calls: number; readonly seconds: number[] }[] = [];
  for (const time of forms) candidates.push({ time, calls: (await calibrate(time)).calls, seconds: [] });
  for (let round = 0; forms.length > 1 && round < choosingRounds; round++) {
    for (const { time, calls, seconds } of candidates) seconds.push((await time(calls)) / calls);
  }
  const [first, ...others] = candidates as [(typeof candidates)[0], ...typeof candidates];
  return others.reduce((best, next) => (median(next.seconds) < median(best.seconds) ? next : best), first);
}

/**
 * Seconds per call in one batch. Some calls before it, not timed, bring the operands back into the caches and wake the helper
 * threads; a batch of a single call is long enough to do without. A batch during which the operating system gave the core to
 * another process is taken again.
 */
export async function timeBatch(time: TimeCalls, calls: number): Promise<number> {
  let best = Infinity;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    if (calls > 1) await time(Math.ceil(calls / 4));
    const before = process.resourceUsage().involuntaryContextSwitches;
    const seconds = await time(calls);
    best = Math.min(best, seconds);
    if (process.resourceUsage().involuntaryContextSwitches === before || seconds > longBatchSeconds) break;
  }
  return best / calls;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
