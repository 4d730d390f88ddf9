/** What a command and the peer's process say to each other. */
import type { Tensor } from '../../tensor.js';

/** Tensors do not keep their class on the way between processes. */
export type PeerTensor = Pick<Tensor, 'type' | 'data' | 'dims'>;
export type PeerTensors = Readonly<Record<string, PeerTensor>>;

export interface PeerWorkload {
  /** ONNX: a file, or its bytes. */
  readonly model: string | Uint8Array;
  readonly feeds: PeerTensors;
}

export interface PeerSetup extends PeerWorkload {
  /** The module to load. */
  readonly modulePath: string;
  readonly threads: number;
  /** Whether the peer will be asked for its time. */
  readonly isTimed: boolean;
}

/** To the peer: first a setup, then any number of 'time', each answered by one message. */
export type PeerRequest = PeerSetup | 'time';

export type PeerAnswer =
  | { readonly version: string; readonly outputs: PeerTensors }
  | { readonly secondsPerCall: number }
  | { readonly error: string };
