/** What programs that work on the JavaScript thread, one step after the other, have in common. */
import { setImmediate } from 'node:timers/promises';
import { copyTensor, type Program, type RunOptions, type Values } from './backend.js';

export abstract class SteppedProgram implements Program {
  /** The event loop turns between steps, so that it never waits for longer than one. */
  async run(feeds: Values, options: RunOptions = {}): Promise<Values> {
    const own = new Map([...feeds].map(([name, tensor]) => [name, copyTensor(tensor)]));
    const execution = this.execute(own, options);
    for (;;) {
      const { done, value } = execution.next();
      if (done) return value;
      await setImmediate();
    }
  }

  runSync(feeds: Values, options: RunOptions = {}): Values {
    const execution = this.execute(feeds, options);
    for (;;) {
      const { done, value } = execution.next();
      if (done) return value;
    }
  }

  kernelOf(): string {
    return 'reference';
  }

  release(): void {}

  /** Pauses after each step; returns the outputs, which share no memory with anything else. */
  protected abstract execute(feeds: Values, options: RunOptions): Generator<void, Values, void>;
}
