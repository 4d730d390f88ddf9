/** The equation of an Einsum, as ONNX and NumPy write it: `ij,jk->ik`, `...ij,...jk->...ik`, `ij,jk`. */

/** What stands for one dimension: a letter, or `.0`, `.1`, ... for those of an ellipsis, counted from the last one back. */
export type Label = string;

export interface Equation {
  /** Of each operand, one label for each dimension. */
  readonly operands: readonly (readonly Label[])[];
  readonly output: readonly Label[];
}

const maxLength = 1024;
const term = /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/;

/** The labels for operands of these ranks; a text about what is wrong where there are none. */
export function parseEquation(text: string, ranks: readonly number[]): Equation | string {
  if (text.length > maxLength) return `expected at most ${maxLength} characters, got ${text.length}`;
  const [left = '', right, ...rest] = text.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (rest.length > 0 || ![...terms, right ?? ''].every((one) => term.test(one))) {
    return 'expected terms of letters and at most one ellipsis each';
  }
  if (terms.length !== ranks.length) return `expected ${terms.length} operands, got ${ranks.length}`;
  const covered = terms.map((one, i) => (one.includes('...') ? ranks[i]! - lettersOf(one).length : 0));
  const operands = terms.map((one, i) => labelsOf(one, covered[i]!));
  for (const [i, labels] of operands.entries()) {
    if (labels.length !== ranks[i] || covered[i]! < 0)
      return `expected ${terms[i]} for operand ${i}, got ${ranks[i]} dimensions`;
  }
  const all = operands.flat();
  const output =
    right === undefined
      ? impliedOutput(all)
      : labelsOf(
          right,
          covered.reduce((most, count) => Math.max(most, count), 0),
        );
  const isOnce = new Set(output).size === output.length;
  if (!isOnce || !output.every((label) => all.includes(label))) {
    return 'expected an output that names dimensions of the operands, each once';
  }
  return { operands, output };
}

function lettersOf(one: string): string {
  return one.replace('...', '');
}

function labelsOf(one: string, covered: number): readonly Label[] {
  const [before = '', after] = one.split('...');
  if (after === undefined) return [...before];
  return [...before, ...Array.from({ length: Math.max(covered, 0) }, (_, i) => `.${covered - 1 - i}`), ...after];
}

/** NumPy's rule: an ellipsis first, then the letters that occur once, in the alphabet's order. */
function impliedOutput(all: readonly Label[]): readonly Label[] {
  const ellipsis = [...new Set(all.filter((label) => label.startsWith('.')))].sort(
    (a, b) => Number(b.slice(1)) - Number(a.slice(1)),
  );
  const letters = all.filter((label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label));
  return [...ellipsis, ...letters.sort((a, b) => (a < b ? -1 : 1))];
}
