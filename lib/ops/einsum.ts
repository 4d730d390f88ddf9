/**
 * Einsum: sums of products of elements whose indices have the same names: `ij,jk->ik` is the matrix product. Operands of one type
 * and any number: from the left on, each is multiplied with the next and summed over what no later one and not the result has.
 * Floats are summed in float64, intermediate results too; integers wrap.
 */
import type { DataType } from '../tensor.js';
import { caseGraph } from './cases.js';
import { type Equation, type Label, parseEquation } from './einsum-equation.js';
import { type Elements, keptAfter, ownLabels, product, type Sizes, summedAlone, type Term } from './einsum-terms.js';
import { type AttributeReader, defineOp, expectRank, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface EinsumAttributes {
  readonly equation: string;
}

const types = ['float32', 'float64', 'int32', 'uint32', 'int64', 'uint64'] as const;
const maxOperands = 16;
const maxRank = 64;
/** Of one step. */
const maxProducts = 2 ** 37;
const maxSummands = 2 ** 28;

export const einsum = defineOp<EinsumAttributes>({
  name: 'Einsum',
  inputs: [1, maxOperands],
  outputs: [1, 1],
  parse: (attributes: AttributeReader) => ({ equation: attributes.string('equation') }),
  infer(context) {
    const { node, inputs } = context;
    const { type } = requiredInput(context, 0);
    for (const index of inputs.keys()) {
      expectType(context, requiredInput(context, index), index === 0 ? types : [type]);
      checkedSize(node, inputs[index]!.dims);
      if (inputs[index]!.dims.length > maxRank) expectRank(context, inputs[index]!, maxRank);
    }
    const equation = equationOf(context);
    const sizes = sizesOf(context, equation);
    const dims = equation.output.map((label) => sizes.get(label)!);
    checkedSize(node, dims);
    checkWork(context, equation, sizes);
    return [{ type, dims }];
  },
  run(context) {
    const equation = equationOf(context);
    const sizes = sizesOf(context, equation);
    const { type } = context.outputs[0]!;
    const terms = equation.operands.map((labels, i): Term => {
      const steps = new Map<Label, number>();
      const own = strides(context.inputs[i]!.dims);
      // A label twice is the diagonal; a dimension of 1 repeats
      for (const [axis, label] of labels.entries()) {
        const step = context.inputs[i]!.dims[axis] === sizes.get(label) ? own[axis]! : 0;
        steps.set(label, (steps.get(label) ?? 0) + step);
      }
      return summedAlone({ data: widened(type, inputData(context, i) as Elements), steps }, i, equation, sizes);
    });
    const last = terms.length - 1;
    const result =
      last === 0
        ? product(undefined, terms[0]!, equation.output, sizes)
        : terms.reduce((left, term, i) => product(left, term, i === last ? equation.output : keptAfter(equation, i), sizes));
    const y = allocate(type, result.data.length) as Elements;
    const isShort = type === 'int32' || type === 'uint32';
    for (let i = 0; i < y.length; i++) y[i] = isShort ? Number(BigInt.asIntN(32, BigInt(result.data[i]!))) : result.data[i]!;
    return [outputTensor(context, 0, y)];
  },
  *cases() {
    // One digit for each dimension
    const shapes = [
      ['ij,jk->ik', '23 34', '24'],
      ['bij, bjk -> bik', '234 245', '235'],
      ['bhqd,bhkd->bhqk', '2234 2254', '2235'],
      ['...ii->...i', '233', '23'],
      ['...ij,...jk', '2134 542', '2532'],
      ['i,j->', '3 4', ''],
      ['ij->ji', '34', '43'],
      ['ij,jk,kl->il', '23 34 45', '25'],
      ['i,ij,j->i', '3 34 4', '3'],
      ['ij,jk->ik', '20 03', '23'],
    ] as const;
    const dimsOf = (digits: string) => [...digits].map(Number);
    for (const type of types) {
      for (const [equation, operands, result] of shapes) {
        const inputs = operands.split(' ').map((operand) => ({ type, dims: dimsOf(operand) }));
        const outputs = [{ type, dims: dimsOf(result) }];
        yield caseGraph({ op: 'Einsum', attributes: { equation }, inputs, outputs });
      }
    }
  },
});

function equationOf({ node, inputs, attributes }: NodeContext<EinsumAttributes>): Equation {
  const equation = parseEquation(
    attributes.equation,
    inputs.map((input) => input!.dims.length),
  );
  if (typeof equation !== 'string') return equation;
  throw nodeError('ERR_SHAPE', node, `equation ${JSON.stringify(attributes.equation.slice(0, 80))}: ${equation}`);
}

/** The size of each label; dimensions of 1 repeat. */
function sizesOf({ node, inputs }: NodeContext<EinsumAttributes>, { operands }: Equation): Sizes {
  const sizes = new Map<Label, number>();
  for (const [i, labels] of operands.entries()) {
    for (const [axis, label] of labels.entries()) {
      const [dim, known = 1] = [inputs[i]!.dims[axis]!, sizes.get(label)];
      if (dim !== known && dim !== 1 && known !== 1) {
        const found = `${dim} in ${shapeText(inputs[i]!.dims)}`;
        throw nodeError('ERR_SHAPE', node, `expected ${known} for each dimension ${label}, got ${found}`);
      }
      sizes.set(label, dim === 1 ? known : dim);
    }
  }
  return sizes;
}

const sizeOf = (labels: Iterable<Label>, sizes: Sizes) => [...labels].reduce((size, label) => size * sizes.get(label)!, 1);

function checkWork({ node }: NodeContext<EinsumAttributes>, equation: Equation, sizes: Sizes): void {
  let left: readonly Label[] = [];
  for (const [i, labels] of equation.operands.entries()) {
    const own = ownLabels(equation, i);
    const both = new Set([...left, ...labels.filter((label) => !own.has(label))]);
    left = i === equation.operands.length - 1 ? equation.output : keptAfter(equation, i);
    const kept = checkedSize(
      node,
      left.map((label) => sizes.get(label)!),
    );
    const products = sizeOf(both, sizes);
    const summands = kept === 0 ? 0 : products / kept;
    if (products > maxProducts || summands > maxSummands) {
      const found = `${products} products for ${kept} elements`;
      throw nodeError(
        'ERR_SHAPE',
        node,
        `expected at most 2^37 products, and 2^28 for each element, at operand ${i}, got ${found}`,
      );
    }
  }
}

function widened(type: DataType, data: ArrayLike<number> | ArrayLike<bigint>): Elements {
  if (type.startsWith('float')) return data instanceof Float64Array ? data : Float64Array.from(data as ArrayLike<number>);
  return BigInt64Array.from(data as ArrayLike<bigint>, BigInt) as unknown as Elements;
}
