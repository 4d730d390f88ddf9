/** A bar on stderr for each epoch, with loss and accuracy; nothing where stderr is no terminal. */
import type { SingleBar } from 'cli-progress';

export interface TrainingProgress {
  start(epoch: number, epochs: number, steps: number): void;
  step(done: number, loss: number, accuracy: number | undefined): void;
  /** Takes the bar away. */
  stop(): void;
}

const silent: TrainingProgress = { start: () => {}, step: () => {}, stop: () => {} };

export async function makeTrainingProgress(isWanted: boolean): Promise<TrainingProgress> {
  if (!isWanted || !process.stderr.isTTY) return silent;
  const { default: library } = await import('cli-progress');
  const format = 'epoch {epoch} {bar} {value}/{total}  loss {loss}  accuracy {accuracy}  {eta_formatted}';
  const options = { format, stream: process.stderr, clearOnComplete: true, hideCursor: true };
  let bar: SingleBar | undefined;
  return {
    start(epoch, epochs, steps) {
      bar?.stop();
      bar = new library.SingleBar(options, library.Presets.shades_classic);
      bar.start(steps, 0, { epoch: `${epoch + 1}/${epochs}`, loss: '-', accuracy: '-' });
    },
    step(done, loss, accuracy) {
      bar?.update(done, { loss: loss.toPrecision(4), accuracy: accuracy === undefined ? '-' : accuracy.toFixed(4) });
    },
    stop: () => bar?.stop(),
  };
}
