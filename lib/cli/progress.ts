/** A bar on stderr for what takes long; nothing where stderr is no terminal. */
import type { SingleBar } from 'cli-progress';

export interface Progress {
  show(state: { readonly phase: string; readonly done: number; readonly total?: number }): void;
  /** Takes the bar away. */
  stop(): void;
}

/** `total`: of the phases that do not know theirs. */
export async function makeProgress(total: number): Promise<Progress> {
  if (!process.stderr.isTTY) return { show: () => {}, stop: () => {} };
  const { default: library } = await import('cli-progress');
  const format = '{phase} {bar} {value}/{total} {eta_formatted}';
  const options = { format, stream: process.stderr, clearOnComplete: true, hideCursor: true, gracefulExit: true };
  let bar: SingleBar | undefined;
  let current = '';
  return {
    show({ phase, done, total: known = total }) {
      if (bar === undefined || phase !== current) {
        bar?.stop();
        bar = new library.SingleBar(options, library.Presets.shades_classic);
        bar.start(known, 0, { phase: phase.padEnd(12) });
        current = phase;
      }
      bar.update(done);
    },
    stop: () => bar?.stop(),
  };
}
