/** Graphs whose values are not declared, for given shapes. */
import test from 'ava';
import { type Dim, type Graph, Tensor } from 'octensor';
import { importOnnx } from '#lib/formats/onnx/import.js';
import { FoldBudget } from '#lib/ops/fold.js';
import { NeedsData } from '#lib/ops/storage.js';
import { inferSteps, type KnownInput } from '#lib/plan/infer.js';
import { resolveGraph } from '#lib/plan/resolve.js';
import { isDeclared, specializeGraph } from '#lib/plan/specialize.js';
import { chain } from '../support/graphs.js';
import { type GraphInit, graph, int, type NodeInit, node, onnxModel, value } from '../support/onnx-file.js';
import { throwsCode } from '../support/throws.js';

type Constants = Readonly<Record<string, Tensor>>;

const long = (...data: readonly number[]) => new Tensor('int64', data.map(BigInt));

function load(nodes: readonly NodeInit[], initializers: Constants = {}, dims: readonly Dim[] = ['n', 3]): Graph {
  const inputs = [value('x', 'float32', dims), value('z', 'float32', ['n'])];
  return importOnnx(onnxModel({ inputs, outputs: [value('y')], nodes, initializers }));
}

function specialized(given: Graph, x: readonly number[], z = [x[0]!]): Graph {
  return specializeGraph(
    given,
    resolveGraph(given),
    new Map<string, KnownInput>([
      ['x', x],
      ['z', z],
    ]),
  );
}

const dimsOf = ({ values }: Graph, name: string) => values.get(name)!.dims;
const opsOf = ({ nodes }: Graph) => nodes.map(({ op }) => op);

test('every value is declared afterwards', (t) => {
  const given = load([node('a = Relu x'), node('y = Neg a')]);
  t.false(isDeclared(given));
  const after = specialized(given, [2, 3]);
  t.true(isDeclared(after));
  t.deepEqual(
    ['x', 'a', 'y'].map((name) => dimsOf(after, name)),
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
  );
  t.true(isDeclared(chain(3)));
});

test('what works out a shape is gone', (t) => {
  const given = load(
    [
      node('shape = Shape x'),
      node('first = Gather shape zero'),
      node('flat = Concat first rest', int('axis', 0)),
      node('y = Reshape x flat'),
    ],
    { zero: long(0), rest: long(-1) },
    ['n', 3, 2],
  );
  const after = specialized(given, [4, 3, 2]);
  t.deepEqual(opsOf(after), ['Reshape']);
  t.deepEqual(dimsOf(after, 'y'), [4, 6]);
  t.deepEqual([...after.constants.keys()], ['flat']);
});

test('names of dimensions are the same wherever they stand', (t) => {
  const given = load([node('y = Relu x')]);
  throwsCode(t, () => specialized(given, [2, 3], [3]), 'ERR_SHAPE', '"z" is declared as [n], got [3]');
});

test('an If whose condition follows from the shape is the branch', (t) => {
  const branch = (op: string): GraphInit => ({ node: [node(`b = ${op} x`)], output: [value('b')] });
  const given = load(
    [
      node('size = Size x'),
      node('isLarge = Greater size limit'),
      node('y = If isLarge', graph('then_branch', branch('Relu')), graph('else_branch', branch('Neg'))),
    ],
    { limit: new Tensor('int64', [9n], []) },
  );
  t.deepEqual(opsOf(specialized(given, [4, 3])), ['Relu']);
  t.deepEqual(opsOf(specialized(given, [3, 3])), ['Neg']);
});

test('a Loop is as long as the shape says', (t) => {
  const body: GraphInit = {
    input: [value('i', 'int64', []), value('going', 'bool', []), value('s')],
    node: [node('still = Identity going'), node('more = Neg s')],
    output: [value('still'), value('more')],
  };
  const nodes = [node('shape = Shape x'), node('rounds = Gather shape zero'), node('y = Loop rounds - x', graph('body', body))];
  const given = load(nodes, { zero: new Tensor('int64', [0n], []) });
  for (const rounds of [1, 2, 5]) {
    const after = specialized(given, [rounds, 3]);
    t.is(opsOf(after).filter((op) => op === 'Neg').length, rounds);
    t.true(opsOf(after).every((op) => op === 'Neg' || op === 'Identity'));
  }
});

test('shapes and branches that depend on data', (t) => {
  const branch = (op: string): GraphInit => ({ node: [node(`b = ${op} x`)], output: [value('b')] });
  const nonZero = load([node('y = NonZero x')]);
  const chosen = load([
    node('sum = ReduceSum x', int('keepdims', 0)),
    node('c = Greater sum sum'),
    node('y = If c', graph('then_branch', branch('Relu')), graph('else_branch', branch('Neg'))),
  ]);
  for (const given of [nonZero, chosen]) t.throws(() => specialized(given, [2, 3]), { instanceOf: NeedsData });
});

test('with data at hand every node is computed as soon as it is known', (t) => {
  const given = load([node('at = NonZero x'), node('y = Cast at', int('to', 1))]);
  const feeds = new Map<string, KnownInput>([
    ['x', new Tensor('float32', [0, 1, 0, 2, 0, 0], [2, 3])],
    ['z', new Tensor('float32', [0, 0])],
  ]);
  const steps = inferSteps(given, resolveGraph(given), feeds, new FoldBudget({ isLimited: false }));
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const y = step.value.operands.get('y')!.constant!;
  t.deepEqual(
    [y.dims, [...(y.data as Float32Array)]],
    [
      [2, 2],
      [0, 1, 1, 0],
    ],
  );
});

test('constants that are too much to compute beforehand stay nodes', (t) => {
  const size = 2 ** 13;
  const given = load(
    [node('wide = Expand one shape'), node('sum = ReduceSum wide', int('keepdims', 0)), node('y = Add x sum')],
    { one: new Tensor('float32', [1], []), shape: long(size, size + 1) },
  );
  t.deepEqual(opsOf(specialized(given, [1, 3])), ['BroadcastTo', 'Sum', 'Add']);
});

test('where all is computed, there is a limit too', (t) => {
  const budget = new FoldBudget({ isLimited: false });
  const large = [{ type: 'float32', dims: [2 ** 29] }] as const;
  t.true(budget.allows(large, 2 ** 60, []));
  t.true(budget.allows(large, 0, []));
  throwsCode(t, () => budget.allows([{ type: 'float32', dims: [] }], 0, []), 'ERR_SHAPE', 'in all');
});

test('the budget counts what is computed, multiplied and read', (t) => {
  const one = { type: 'float32', dims: [] } as const;
  const constant = new Tensor('float32', new Float32Array(2 ** 20));
  const input = { name: 'k', type: 'float32', dims: constant.dims, constant } as const;
  const times = (allows: (budget: FoldBudget) => boolean) => {
    const budget = new FoldBudget();
    let count = 0;
    while (count < 2 ** 12 && allows(budget)) count++;
    return count;
  };
  t.is(
    times((budget) => budget.allows([{ type: 'float32', dims: [2 ** 20] }], 0, [])),
    2 ** 6,
  );
  t.is(
    times((budget) => budget.allows([one], 2 ** 20, [])),
    2 ** 9,
  );
  t.is(
    times((budget) => budget.allows([one], 0, [input, undefined])),
    2 ** 9,
  );
});

test('shapes that are data have no more dimensions than tensors may have', (t) => {
  const ones = (count: number) => load([node('y = Reshape x shape')], { shape: long(...new Array<number>(count).fill(1), 6) });
  t.deepEqual(dimsOf(specialized(ones(63), [2, 3]), 'y')?.length, 64);
  throwsCode(t, () => specialized(ones(64), [2, 3]), 'ERR_SHAPE', 'at most 64 dimensions');
});
