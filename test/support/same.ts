/** The outputs of two runs, compared. */
import type { ExecutionContext } from 'ava';
import type { Tensor } from 'octensor';
import { differenceOf } from '#lib/cli/difference.js';

export function expectSame(
  t: ExecutionContext,
  actual: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, Tensor>>,
  where: string,
  largest?: number,
): void {
  t.deepEqual(Object.keys(actual), Object.keys(expected), where);
  for (const [name, tensor] of Object.entries(expected)) {
    const difference = differenceOf(actual[name]!, tensor, largest);
    if (difference !== undefined) t.fail(`${where}: ${name}: ${difference}`);
  }
}
