/** How far the outputs of a quantized graph are from those of the float one: what mixed precision aims at, and confirms. */
import { feedsFor, realsOf } from '../analyze/sides.js';
import type { Graph } from '../graph/graph.js';
import { InferenceSession } from '../session.js';
import type { Batch } from './options.js';

/**
 * Of an output's mean power over all batches, the part below which that of one batch counts as this much: -60 dB. An output that is
 * silent for one batch would otherwise have to be exact.
 */
const leastPower = 1e-6;

/** Runs float once, and then any number of quantized graphs. */
export class OutputNoise {
  readonly #batches: readonly Batch[];
  /** Of each batch, each output. */
  readonly #expected: readonly (readonly Float32Array[])[];
  readonly #powers: readonly (readonly number[])[];
  readonly #names: readonly string[];

  private constructor(batches: readonly Batch[], names: readonly string[], expected: readonly (readonly Float32Array[])[]) {
    this.#batches = batches;
    this.#names = names;
    this.#expected = expected;
    const powers = expected.map((outputs) => outputs.map((values) => values.reduce((sum, y) => sum + y ** 2, 0)));
    const means = names.map((_, o) => mean(powers.map((own) => own[o]!)));
    this.#powers = powers.map((own) => own.map((power, o) => Math.max(power, leastPower * means[o]!, Number.MIN_VALUE)));
  }

  static async create(graph: Graph, batches: readonly Batch[]): Promise<OutputNoise> {
    const session = await InferenceSession.create(graph);
    try {
      const names = session.outputs.filter(({ type }) => type === 'float32').map(({ name }) => name);
      const expected: Float32Array[][] = [];
      for (const batch of batches) {
        const results = await session.run(batch);
        expected.push(names.map((name) => (results[name]!.data as Float32Array).slice()));
      }
      return new OutputNoise(batches, names, expected);
    } finally {
      await session.release();
    }
  }

  /**
   * Of each float32 output, noise power over signal power as it is to be expected of another batch: the mean of the batches' own ratios
   * and its standard error. All batches count alike. In a sum over them, the few pictures with a face decide what a detector's scores
   * are worth, and other pictures are not those; means of ratios hold for any mixture. `count` batches, evenly chosen, stand for all.
   */
  async of(graph: Graph, count = this.#batches.length): Promise<number[]> {
    const session = await InferenceSession.create(graph);
    const ratios: number[][] = this.#names.map(() => []);
    const parameters = new Map(session.outputs.map(({ name, qparams }) => [name, qparams]));
    try {
      for (const b of evenly(this.#batches.length, count)) {
        const results = await session.run(feedsFor(graph, this.#batches[b]!));
        for (const [o, name] of this.#names.entries()) {
          const qparams = parameters.get(name);
          const actual = realsOf({ tensor: results[name]!, ...(qparams && { qparams }) })!.data;
          const expected = this.#expected[b]![o]!;
          let noise = 0;
          for (let i = 0; i < expected.length; i++) noise += (actual[i]! - expected[i]!) ** 2;
          ratios[o]!.push(noise / this.#powers[b]![o]!);
        }
      }
    } finally {
      await session.release();
    }
    return ratios.map((own) => mean(own) + standardError(own));
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the mean; 0 of a single value. */
function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1) / values.length);
}

function evenly(length: number, count: number): readonly number[] {
  const taken = Math.min(count, length);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * length) / taken));
}
