/** Whether a quantized model still says what the float one does. */
import type { Graph } from '../graph/graph.js';
import { InferenceSession } from '../session.js';
import type { Tensor } from '../tensor.js';
import type { Batch } from './options.js';

/** How many batches are compared: enough to tell chance from agreement. */
const maxBatches = 16;
/** Classes are along the last dimension; more of them are pixels or words. */
const maxClasses = 2 ** 16;
/** A quarter of the way from what guessing would reach to perfect: of two classes 62.5 %, of many 25 %. */
const nearChance = (classes: number): number => 1 / classes + (1 - 1 / classes) / 4;

/** Of the first output that looks like scores of classes: in how many rows the largest is the same. Undefined where none does. */
export interface Agreement {
  readonly output: string;
  readonly rows: number;
  readonly same: number;
  readonly isNearChance: boolean;
}

export async function agreementOf(float: Graph, quantized: Graph, batches: readonly Batch[]): Promise<Agreement | undefined> {
  const sessions = await Promise.all([float, quantized].map((graph) => InferenceSession.create(graph)));
  let [rows, same, classes, output] = [0, 0, 0, ''];
  try {
    for (const batch of batches.slice(0, maxBatches)) {
      const [expected, actual] = (await Promise.all(sessions.map((session) => session.run(batch)))) as [
        Record<string, Tensor>,
        Record<string, Tensor>,
      ];
      output ||= float.outputs.find((name) => isScores(expected[name]!)) ?? '';
      if (output === '' || actual[output]?.size !== expected[output]!.size) return undefined;
      classes = expected[output]!.dims.at(-1)!;
      for (let start = 0; start < expected[output]!.size; start += classes, rows++) {
        same += Number(best(expected[output]!, start, classes) === best(actual[output]!, start, classes));
      }
    }
  } finally {
    await Promise.all(sessions.map((session) => session.release()));
  }
  return rows === 0 ? undefined : { output, rows, same, isNearChance: same / rows <= nearChance(classes) };
}

/** One row of scores for each item of the batch. */
function isScores({ dims }: Tensor): boolean {
  const classes = dims.at(-1) ?? 0;
  return classes >= 2 && classes <= maxClasses && dims.slice(1, -1).every((dim) => dim === 1);
}

function best({ data }: Tensor, start: number, count: number): number {
  const values = data as Float32Array;
  let index = 0;
  for (let i = 1; i < count; i++) if (values[start + i]! > values[start + index]!) index = i;
  return index;
}
