/**
 * The same model in onnxruntime-node.
 *
 * It runs in a child process whose batches alternate with ours, and which answers only once it is idle again: in one process
 * its helper threads, which spin for tens of milliseconds after a run, would slow down our next batch, and not letting them
 * spin (session.intra_op.allow_spinning) would slow down the peer. Either side is measured while the other one sleeps.
 *
 * What is timed is `await session.run(...)`, one call after another, with an input tensor that exists already, in the faster of
 * its two forms (see onnxruntime-process.ts). So its time includes the overhead of a call from JavaScript, as ours does.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, wrongUsage } from '../command-error.js';
import type { Workload } from '../operands.js';
import { onnxRuntimeProgram } from '../programs.js';
import type { PeerAnswer, PeerRequest, PeerTensors, PeerWorkload } from './messages.js';

/** The installed module: as the current folder sees it, else as this package does. Throws ERR_PEER if there is none. */
export function findOnnxRuntime(): string {
  for (const from of [join(process.cwd(), 'package.json'), fileURLToPath(import.meta.url)]) {
    try {
      return createRequire(from).resolve('onnxruntime-node');
    } catch {
      // not there
    }
  }
  throw new CommandError(
    'ERR_PEER',
    'onnxruntime-node is not installed: npm install --no-save --ignore-scripts onnxruntime-node@1.30.0',
    1,
  );
}

/** ONNX Runtime has no kernel for other combinations. Throws ERR_OPTION for those. */
export function checkOnnxRuntimeCan({ a, b, out }: Pick<Workload, 'a' | 'b' | 'out'>): void {
  const isPossible = out === 'int32' || (out === a && (a === 'uint8' || b === 'int8'));
  if (isPossible) return;
  throw wrongUsage(`--peer onnxruntime: it has no multiplication of ${a} by ${b} with ${out} output`);
}

export class OnnxRuntimePeer {
  readonly name = 'onnxruntime';
  readonly version: string;
  readonly outputs: PeerTensors;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, version: string, outputs: PeerTensors) {
    this.#child = child;
    this.version = version;
    this.outputs = outputs;
  }

  /** Runs the model once, and where it `isTimed` warms up. Throws ERR_PEER with the peer's message where it cannot. */
  static async start(
    modulePath: string,
    workload: PeerWorkload,
    { threads, isTimed }: { readonly threads: number; readonly isTimed: boolean },
  ): Promise<OnnxRuntimePeer> {
    const child = fork(onnxRuntimeProgram, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    try {
      const answer = await ask(child, { modulePath, ...workload, threads, isTimed });
      if ('outputs' in answer) return new OnnxRuntimePeer(child, answer.version, answer.outputs);
      throw failed('it answered out of turn');
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** One batch; seconds per call. */
  async time(): Promise<number> {
    const answer = await ask(this.#child, 'time');
    if ('secondsPerCall' in answer) return answer.secondsPerCall;
    throw failed('it answered out of turn');
  }

  stop(): void {
    this.#child.kill();
  }
}

function ask(child: ChildProcess, request: PeerRequest): Promise<PeerAnswer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) =>
      reject(failed(`its process ended with ${signal ?? `status ${code}`}`));
    child.once('exit', onExit);
    child.once('message', (answer: PeerAnswer) => {
      child.off('exit', onExit);
      if ('error' in answer) reject(failed(answer.error));
      else resolve(answer);
    });
    child.send(request, (error) => {
      if (error !== null) reject(failed(error.message));
    });
  });
}

function failed(reason: string): CommandError {
  return new CommandError('ERR_PEER', `onnxruntime-node: ${reason}`, 1);
}
