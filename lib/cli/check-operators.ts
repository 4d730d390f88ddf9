/** Every case of every operator on the native backend, against the reference. */
import type { Addon } from '../addon.js';
import type { Isa } from '../isa.js';
import { ops } from '../ops/index.js';
import { InferenceSession } from '../session.js';
import { differenceOf } from './difference.js';

export interface OperatorCheck {
  readonly isa: Isa;
  readonly operators: number;
  /** Cases compared. */
  readonly checks: number;
  /** The first few that differ. */
  readonly failures: readonly string[];
}

const maxFailures = 3;

export async function checkOperators({ isas }: Addon): Promise<OperatorCheck[]> {
  const counts = new Map(isas.map((isa) => [isa, { checks: 0, failures: [] as string[] }]));
  for (const op of ops.values()) {
    for (const { name, graph, feeds } of op.cases()) {
      const reference = await InferenceSession.create(graph, { backend: 'reference' });
      const expected = reference.runSync(feeds);
      for (const [isa, count] of counts) {
        const session = await InferenceSession.create(graph, { backend: 'native', isa, threads: 1 + (count.checks++ % 2) });
        const actual = session.runSync(feeds);
        await session.release();
        for (const [output, tensor] of Object.entries(expected)) {
          const difference = differenceOf(actual[output]!, tensor);
          if (difference !== undefined) count.failures.push(`${name}: ${output}: ${difference}`);
        }
      }
    }
  }
  return [...counts].map(([isa, { checks, failures }]) => {
    return { isa, operators: ops.size, checks, failures: failures.slice(0, maxFailures) };
  });
}
