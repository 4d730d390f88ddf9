/** Stops when a validation set says that nothing becomes better, and keeps the best weights in memory (Prechelt 1998). */
import type { TrainOptions } from './options.js';
import type { Snapshot } from './snapshot.js';
import type { EpochReport } from './train.js';

type Options = NonNullable<TrainOptions['earlyStopping']>;

export class EarlyStopping {
  readonly #patience: number;
  readonly #metric: 'loss' | 'accuracy';
  readonly #minDelta: number;
  #best: { readonly epoch: number; readonly score: number; readonly snapshot: Snapshot } | undefined;
  #last = -1;

  constructor({ patience, metric = 'loss', minDelta = 0 }: Options) {
    [this.#patience, this.#metric, this.#minDelta] = [patience, metric, minDelta];
  }

  get best(): { readonly epoch: number; readonly snapshot: Snapshot } | undefined {
    return this.#best;
  }

  get isOver(): boolean {
    return this.#best !== undefined && this.#last - this.#best.epoch >= this.#patience;
  }

  /** `snapshot` is called where the epoch is the best so far. */
  look(report: EpochReport, snapshot: () => Snapshot): void {
    this.#last = report.epoch;
    const score = this.#scoreOf(report);
    if (this.#best !== undefined && !(score > this.#best.score + this.#minDelta)) return;
    this.#best = { epoch: report.epoch, score, snapshot: snapshot() };
  }

  /** As if it had looked at these epochs. */
  replay(reports: readonly EpochReport[], bestEpoch: number, snapshot: Snapshot): void {
    const best = reports[bestEpoch];
    if (best !== undefined) this.#best = { epoch: bestEpoch, score: this.#scoreOf(best), snapshot };
    this.#last = reports.length - 1;
  }

  /** The larger the better. */
  #scoreOf({ validation }: EpochReport): number {
    return this.#metric === 'accuracy' ? (validation?.accuracy ?? 0) : -(validation?.loss ?? Infinity);
  }
}
