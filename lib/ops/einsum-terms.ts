/** The arithmetic of Einsum: sums of products of two operands whose dimensions have labels. */
import type { Equation, Label } from './einsum-equation.js';
import { strides } from './shapes.js';

/** float64 of floats and int64 of integers. TypeScript sees the former: the arithmetic is written alike. */
export type Elements = Float64Array;

export interface Term {
  readonly data: Elements;
  /** Each label once, with what it takes from one element to the next along it. */
  readonly steps: ReadonlyMap<Label, number>;
}

export type Sizes = ReadonlyMap<Label, number>;

/** The labels that the product of the operands up to `index` must still have. */
export function keptAfter({ operands, output }: Equation, index: number): readonly Label[] {
  const later = new Set([...operands.slice(index + 1).flat(), ...output]);
  return [...new Set(operands.slice(0, index + 1).flat())].filter((label) => later.has(label));
}

/** Labels of operand `index` that nothing else has. */
export function ownLabels({ operands, output }: Equation, index: number): ReadonlySet<Label> {
  const others = new Set([...operands.filter((_, i) => i !== index).flat(), ...output]);
  return new Set(operands[index]!.filter((label) => !others.has(label)));
}

/** The operand summed over the labels that only it has. */
export function summedAlone(term: Term, index: number, equation: Equation, sizes: Sizes): Term {
  const own = ownLabels(equation, index);
  if (own.size === 0) return term;
  return product(
    undefined,
    term,
    [...term.steps.keys()].filter((label) => !own.has(label)),
    sizes,
  );
}

/** Σ a · b over all labels but `kept`, or just Σ b. */
export function product(a: Term | undefined, b: Term, kept: readonly Label[], sizes: Sizes): Term {
  const labels = new Set([...(a?.steps.keys() ?? []), ...b.steps.keys()]);
  const summed = [...labels].filter((label) => !kept.includes(label));
  const [bKept, bSummed] = [offsets(b, kept, sizes), offsets(b, summed, sizes)];
  const result = zeros(b.data, bKept.length);
  if (a === undefined) {
    for (let i = 0; i < result.length; i++) {
      let sum = result[i]!;
      for (let k = 0; k < bSummed.length; k++) sum += b.data[bKept[i]! + bSummed[k]!]!;
      result[i] = sum;
    }
  } else {
    const [aKept, aSummed] = [offsets(a, kept, sizes), offsets(a, summed, sizes)];
    for (let i = 0; i < result.length; i++) {
      const [p, q] = [aKept[i]!, bKept[i]!];
      let sum = result[i]!;
      for (let k = 0; k < bSummed.length; k++) sum += a.data[p + aSummed[k]!]! * b.data[q + bSummed[k]!]!;
      result[i] = sum;
    }
  }
  const own = strides(kept.map((label) => sizes.get(label)!));
  return { data: result, steps: new Map(kept.map((label, i) => [label, own[i]!])) };
}

function zeros(like: unknown, size: number): Elements {
  return like instanceof BigInt64Array ? (new BigInt64Array(size) as unknown as Elements) : new Float64Array(size);
}

/** Where each combination of the labels' indices is in the term's data, the last label running fastest. */
function offsets({ steps }: Term, labels: readonly Label[], sizes: Sizes): Uint32Array {
  let result = new Uint32Array(1);
  for (const label of labels) {
    const [size, step] = [sizes.get(label)!, steps.get(label) ?? 0];
    const next = new Uint32Array(result.length * size);
    for (let i = 0, to = 0; i < result.length; i++) for (let k = 0; k < size; k++) next[to++] = result[i]! + k * step;
    result = next;
  }
  return result;
}
