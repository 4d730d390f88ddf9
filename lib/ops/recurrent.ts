/**
 * What Rnn, Gru and Lstm share. Shapes, for T time steps, N batches, I inputs, H units, D directions and G gates:
 *
 *     x[T, N, I], W[D, G·H, I], R[D, G·H, H], B[D, 2·G·H]?, lengths[N]?, h0[D, N, H]?  ->  y[T, D, N, H], h[D, N, H]
 *
 * B is the bias of W, then that of R. `batchFirst`: x[N, T, I], h0[N, D, H], y[N, T, D, H], h[N, D, H]. A batch shorter than T has
 * zeros in y from its end on; a reverse direction begins at its last step. Types are float32 and float64; sums are in float64,
 * what passes from step to step has the type of x.
 */
import type { Tensor } from '../tensor.js';
import {
  type AttributeReader,
  expectRank,
  expectType,
  type NodeContext,
  nodeError,
  type OutputShape,
  type RunContext,
  requiredInput,
} from './op.js';
import { type ActivationAttributes, parseActivations, type RecurrentActivation } from './recurrent-activations.js';
import { checkedSize, product, sameShape, shapeText } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';

export interface RecurrentAttributes extends ActivationAttributes {
  readonly direction: 'forward' | 'reverse' | 'bidirectional';
  readonly batchFirst: boolean;
}

export type Reals = Float32Array | Float64Array;

/** What one kind of network is made of. */
export interface Kind {
  readonly gates: number;
  /** Peepholes for each direction and unit; with them come a cell, its initial state and its output. */
  readonly peepholes: 0 | 3;
  readonly activations: readonly RecurrentActivation[];
}

export function parseRecurrent(attributes: AttributeReader, kind: Kind): RecurrentAttributes {
  const direction = attributes.oneOf('direction', ['forward', 'reverse', 'bidirectional'], 'forward');
  return {
    direction,
    batchFirst: attributes.boolean('batchFirst', false),
    ...parseActivations(attributes, kind.activations, direction === 'bidirectional' ? 2 : 1),
  };
}

interface Sizes {
  readonly steps: number;
  readonly batches: number;
  readonly depth: number;
  readonly units: number;
  readonly directions: number;
}

export function sizesOf({ inputs, attributes }: NodeContext<RecurrentAttributes>): Sizes {
  const [first, second, depth] = inputs[0]!.dims as [number, number, number];
  const [steps, batches] = attributes.batchFirst ? [second, first] : [first, second];
  return { steps, batches, depth, units: inputs[2]!.dims[2]!, directions: attributes.direction === 'bidirectional' ? 2 : 1 };
}

export function inferRecurrent(context: NodeContext<RecurrentAttributes>, kind: Kind): readonly OutputShape[] {
  const { node, inputs, attributes } = context;
  const x = requiredInput(context, 0);
  expectType(context, x, ['float32', 'float64']);
  for (const index of [0, 1, 2]) {
    expectRank(context, requiredInput(context, index), 3);
    checkedSize(node, inputs[index]!.dims);
  }
  const { steps, batches, depth, units, directions } = sizesOf(context);
  if (units === 0) throw nodeError('ERR_SHAPE', node, `expected at least 1 unit, got shape ${shapeText(inputs[2]!.dims)}`);
  const rows = kind.gates * units;
  const state = attributes.batchFirst ? [batches, directions, units] : [directions, batches, units];
  const expected = [
    x.dims,
    [directions, rows, depth],
    [directions, rows, units],
    [directions, 2 * rows],
    [batches],
    state,
    state,
    [directions, kind.peepholes * units],
  ];
  for (const [index, operand] of inputs.entries()) {
    if (operand === undefined) continue;
    expectType(context, operand, [index === lengthsInput ? 'int32' : x.type]);
    if (!sameShape(operand.dims, expected[index]!)) {
      const found = shapeText(operand.dims);
      throw nodeError('ERR_SHAPE', node, `expected shape ${shapeText(expected[index]!)} for ${operand.name}, got ${found}`);
    }
  }
  const y = attributes.batchFirst ? [batches, steps, directions, units] : [steps, directions, batches, units];
  checkedSize(node, y);
  checkedSize(node, state);
  const shapes = kind.peepholes > 0 ? [y, state, state] : [y, state];
  return shapes.slice(0, node.outputs.length).map((dims) => ({ type: x.type, dims }));
}

const lengthsInput = 4;

/** Advances `hidden` (and the cell) by one step of x, which begins at `at`. */
export type Step = (x: Reals, at: number, hidden: Reals, cell: Reals) => void;

export function runRecurrent(
  context: RunContext<RecurrentAttributes>,
  kind: Kind,
  stepOf: (direction: number) => Step,
): readonly Tensor[] {
  const { attributes, inputs, outputs } = context;
  const { steps, batches, depth, units, directions } = sizesOf(context);
  const { type } = outputs[0]!;
  const make = (size: number) => allocate(type, size) as Reals;
  const [x, hidden, cell] = [inputData(context, 0) as Reals, make(units), make(units)];
  const y = make(steps * directions * batches * units);
  const states = [make(directions * batches * units), make(kind.peepholes > 0 ? directions * batches * units : 0)] as const;
  const initial = [5, 6].map((index) => (inputs[index] === undefined ? undefined : (inputData(context, index) as Reals)));
  for (let d = 0; d < directions; d++) {
    const step = stepOf(d);
    const isReverse = d === 1 || attributes.direction === 'reverse';
    for (let n = 0; n < batches; n++) {
      const stateAt = (attributes.batchFirst ? n * directions + d : d * batches + n) * units;
      for (const [i, state] of [hidden, cell].entries()) {
        if (initial[i] === undefined) state.fill(0);
        else state.set(initial[i].subarray(stateAt, stateAt + units));
      }
      const length = lengthOf(context, n, steps);
      for (let k = 0; k < length; k++) {
        const t = isReverse ? length - 1 - k : k;
        step(x, (attributes.batchFirst ? n * steps + t : t * batches + n) * depth, hidden, cell);
        const at = attributes.batchFirst ? (n * steps + t) * directions + d : (t * directions + d) * batches + n;
        y.set(hidden, at * units);
      }
      states[0].set(hidden, stateAt);
      if (kind.peepholes > 0) states[1].set(cell, stateAt);
    }
  }
  return [y, ...states].slice(0, outputs.length).map((data, i) => outputTensor(context, i, data));
}

function lengthOf(context: RunContext<RecurrentAttributes>, batch: number, steps: number): number {
  if (context.inputs[lengthsInput] === undefined) return steps;
  const length = Number(inputData(context, lengthsInput)[batch]);
  if (length >= 0 && length <= steps) return length;
  throw nodeError('ERR_SHAPE', context.node, `expected lengths from 0 to ${steps}, got ${length}`);
}

/** `rows` sums of products with a vector, each from a bias on. */
export type Product = (vector: Reals | Float64Array, at: number, sums: Float64Array) => void;

/** Products with W (`index` 1) or R (2) of one direction, and the biases that belong to it. */
export function productOf(context: RunContext<RecurrentAttributes>, index: 1 | 2, direction: number): Product {
  const [, rows, length] = context.inputs[index]!.dims as [number, number, number];
  const weights = (inputData(context, index) as Reals).subarray(direction * rows * length);
  const biasAt = (2 * direction + index - 1) * rows;
  const bias = context.inputs[3] === undefined ? undefined : (inputData(context, 3) as Reals).subarray(biasAt);
  return (vector, at, sums) => {
    for (let row = 0; row < rows; row++) {
      let sum = bias === undefined ? 0 : bias[row]!;
      const start = row * length;
      for (let i = 0; i < length; i++) sum += weights[start + i]! * vector[at + i]!;
      sums[row] = sum;
    }
  };
}

/** Scratch space for the sums of all gates. */
export function sumsFor(context: NodeContext<RecurrentAttributes>): Float64Array {
  return new Float64Array(product(context.inputs[1]!.dims.slice(1, 2)));
}
