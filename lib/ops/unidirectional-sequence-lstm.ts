/**
 * UnidirectionalSequenceLstm: x[N, T, I] (timeMajor: x[T, N, I]) -> y[N, T, S], nextOutputState[N, S], nextCellState[N, S]
 *
 *     i, f, o = sigmoid(W x + R h + b),   g = tanh(W x + R h + b),   c = clip(f·c + i·g),   h = o·tanh(c),   y = h
 *
 * (Hochreiter and Schmidhuber 1997; Gers et al. 2000). Inputs are TFLite's 24: 0 x, 1-4 W [S, I] and 5-8 R [S, S] of the
 * input, forget, cell and output gates, 9-11 peepholes, 12-15 b [S], 16-17 projection, 18 h, 19 c, 20-23 layer normalisation.
 * Peepholes, projection, layer normalisation and a missing input gate are refused.
 *
 * Types are float32, or int8 with an int16 cell whose scale is a power of two; the arithmetic is in lstm-steps.ts. Without
 * layer normalisation and projection the intermediate tensors of TFLite's files play no part: gates are Q3.12, h has the
 * state's scale.
 */
import { type DataType, Tensor } from '../tensor.js';
import { affine, type CaseInput, caseGraph } from './cases.js';
import { floatStep, type Gate, type GateWeights, gates, integerStep, type Step } from './lstm-steps.js';
import {
  defineOp,
  expectRank,
  expectType,
  type NodeContext,
  nodeError,
  type OpCase,
  type Operand,
  perTensor,
  type RunContext,
  requiredInput,
} from './op.js';
import { checkedSize } from './shapes.js';

interface Attributes {
  readonly cellClip: number;
  readonly timeMajor: boolean;
}

const outputState = 18;
const cellState = 19;

export const unidirectionalSequenceLstm = defineOp<Attributes>({
  name: 'UnidirectionalSequenceLstm',
  inputs: [20, 24],
  outputs: [3, 3],

  parse(attributes) {
    attributes.oneOf('activation', ['tanh'], 'tanh');
    return { cellClip: attributes.number('cellClip', 0), timeMajor: attributes.boolean('timeMajor', false) };
  },

  infer(context) {
    const { node, inputs } = context;
    if (inputs[1] === undefined) throw nodeError('ERR_UNSUPPORTED_OP', node, 'expected an input gate, got none');
    for (const index of [9, 10, 11, 16, 17, 20, 21, 22, 23]) {
      if (inputs[index] === undefined) continue;
      const what = index < 12 ? 'peepholes' : index < 18 ? 'a projection' : 'layer normalisation';
      throw nodeError('ERR_UNSUPPORTED_OP', node, `expected no input ${index}, got ${what}`);
    }
    const x = requiredInput(context, 0);
    const [h, c] = [requiredInput(context, outputState), requiredInput(context, cellState)];
    checkTypes(context, x, h, c);
    expectRank(context, x, 3);
    const { batches, depth, units } = sizesOf(context);
    for (let gate = 0; gate < gates.length; gate++) {
      expectDims(context, requiredInput(context, 1 + gate), [units, depth]);
      expectDims(context, requiredInput(context, 5 + gate), [units, units]);
      const bias = inputs[12 + gate];
      if (bias !== undefined) expectDims(context, bias, [units]);
    }
    for (const state of [h, c]) {
      if (checkedSize(node, state.dims) !== batches * units) expectDims(context, state, [batches, units]);
    }
    const dims = [x.dims[0]!, x.dims[1]!, units];
    checkedSize(node, dims);
    return [
      { type: x.type, dims },
      { type: h.type, dims: h.dims },
      { type: c.type, dims: c.dims },
    ];
  },

  run(context) {
    const { inputs, outputs, attributes, data } = context;
    const { batches, steps, depth, units } = sizesOf(context);
    const step = (inputs[0]!.type === 'float32' ? makeFloatStep(context) : makeIntegerStep(context)) as Step<Float32Array>;
    const x = data[0]!.data as Float32Array;
    const hidden = (data[outputState]!.data as Float32Array).slice();
    const cell = (data[cellState]!.data as Float32Array).slice();
    const y =
      inputs[0]!.type === 'float32' ? new Float32Array(batches * steps * units) : new Int8Array(batches * steps * units);
    for (let n = 0; n < batches; n++) {
      for (let t = 0; t < steps; t++) {
        const at = attributes.timeMajor ? t * batches + n : n * steps + t;
        step(x, at * depth, hidden, cell, n * units);
        y.set(hidden.subarray(n * units, (n + 1) * units), at * units);
      }
    }
    return [y, hidden, cell].map((values, i) => new Tensor<DataType>(outputs[i]!.type, values, outputs[i]!.dims));
  },

  cases,
});

function sizesOf({ inputs, attributes }: NodeContext<Attributes>) {
  const [first, second, depth] = inputs[0]!.dims as [number, number, number];
  const [batches, steps] = attributes.timeMajor ? [second, first] : [first, second];
  return { batches, steps, depth, units: inputs[2]?.dims[0] ?? 0 };
}

function expectDims(context: NodeContext<Attributes>, { name, dims }: Operand, expected: readonly number[]): void {
  if (dims.length === expected.length && dims.every((dim, i) => dim === expected[i])) return;
  const found = `[${dims.join(', ')}]`;
  throw nodeError('ERR_SHAPE', context.node, `expected shape [${expected.join(', ')}] for ${name}, got ${found}`);
}

function checkTypes(context: NodeContext<Attributes>, x: Operand, h: Operand, c: Operand): void {
  const { node, inputs, numerics } = context;
  expectType(context, x, ['float32', 'int8']);
  const isFloat = x.type === 'float32';
  expectType(context, h, [x.type]);
  expectType(context, c, [isFloat ? 'float32' : 'int16']);
  const weights = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => requiredInput(context, index));
  for (const operand of weights) expectType(context, operand, [x.type]);
  for (const bias of inputs.slice(12, 16)) {
    if (bias !== undefined) expectType(context, bias, [isFloat ? 'float32' : 'int32']);
  }
  if (isFloat) return;
  for (const operand of [x, h, ...weights]) perTensor(context, operand);
  if (numerics === 'onnx') {
    throw nodeError('ERR_UNSUPPORTED_OP', node, 'expected float types in a graph with onnx numerics, got int8');
  }
  const cell = perTensor(context, c);
  const power = Math.log2(cell.scale);
  if (cell.zeroPoint !== 0 || power > 0 || power < -30 || Math.abs(power - Math.round(power)) > 1e-3) {
    const found = `scale ${cell.scale} and zero point ${cell.zeroPoint}`;
    throw nodeError(
      'ERR_QUANTIZATION',
      node,
      `expected a power of two up to 1 as the scale of ${c.name} and zero point 0, got ${found}`,
    );
  }
}

/** `pick` gives what stands at an input's index: its data, its parameters. */
function perGate<T>(pick: (gate: number) => T): Readonly<Record<Gate, T>> {
  return Object.fromEntries(gates.map((gate, i) => [gate, pick(i)])) as Record<Gate, T>;
}

function weightsOf<W, B>({ data }: RunContext<Attributes>): Readonly<Record<Gate, GateWeights<W, B>>> {
  return perGate((gate) => ({
    input: data[1 + gate]!.data as W,
    recurrent: data[5 + gate]!.data as W,
    bias: data[12 + gate]?.data as B | undefined,
  }));
}

function makeFloatStep(context: RunContext<Attributes>): Step<Float32Array> {
  return floatStep(weightsOf(context), { ...sizesOf(context), cellClip: context.attributes.cellClip });
}

function makeIntegerStep(context: RunContext<Attributes>): Step<Int8Array> {
  const { node, inputs, attributes } = context;
  const numerics = context.numerics === 'single' ? 'single' : 'tflite';
  const at = (index: number) => perTensor(context, inputs[index]!);
  const qparams = {
    x: at(0),
    hidden: at(outputState),
    cellScale: at(cellState).scale,
    weights: perGate((gate) => ({ input: at(1 + gate), recurrent: at(5 + gate) })),
  };
  return integerStep(node, weightsOf(context), qparams, { ...sizesOf(context), cellClip: attributes.cellClip }, numerics);
}

function* cases(): Iterable<OpCase> {
  const op = 'UnidirectionalSequenceLstm';
  const [n, t, i, s] = [2, 4, 5, 6];
  for (const timeMajor of [false, true]) {
    for (const cellClip of [0, 0.75]) {
      const attributes = { timeMajor, cellClip } as const;
      const [x, y] = [i, s].map((last) => (timeMajor ? [t, n, last] : [n, t, last])) as [number[], number[]];
      const float = (dims: readonly number[]) => ({ type: 'float32', dims, range: [-1, 1] }) as const;
      const floats = lstmInputs(float(x), float([s, i]), float([s, s]), float([s]), float([n, s]), float([n, s]));
      yield caseGraph({ op, attributes, inputs: floats, outputs: [float(y), float([n, s]), float([n, s])] });
      const int8 = (dims: readonly number[], scale: number, zero: number) => {
        return { type: 'int8', dims, qparams: affine('int8', scale, zero) } as const;
      };
      const hidden = int8([n, s], 1 / 128, -4);
      const cell = { type: 'int16', dims: [n, s], qparams: affine('int16', 2 ** -11) } as const;
      const bias = { type: 'int32', dims: [s], constant: true } as const;
      const inputs = lstmInputs(int8(x, 0.02, -10), int8([s, i], 0.008, 0), int8([s, s], 0.01, 0), bias, hidden, cell);
      for (const numerics of ['tflite', 'single'] as const) {
        yield caseGraph({ op, attributes, inputs, outputs: [{ ...hidden, dims: y }, hidden, cell], numerics });
      }
      // Constant weights are packed
      for (const [steps, depth, units] of [
        [t, i, s],
        [9, 37, 21],
      ] as const) {
        const known = (dims: readonly number[], zero: number) => ({ ...int8(dims, 0.006, zero), constant: true }) as const;
        const [from, to] = [depth, units].map((last) => (timeMajor ? [steps, n, last] : [n, steps, last])) as [
          number[],
          number[],
        ];
        const weights = [known([units, depth], 0), known([units, units], 3)] as const;
        const states = [int8([n, units], 1 / 128, -4), { ...cell, dims: [n, units] }] as const;
        const sums = { ...bias, dims: [units] } as const;
        const whole = lstmInputs(int8(from, 0.02, -10), ...weights, sums, ...states);
        yield caseGraph({ op, attributes, inputs: whole, outputs: [{ ...states[0], dims: to }, ...states] });
      }
    }
  }
}

function lstmInputs(
  x: CaseInput,
  input: CaseInput,
  recurrent: CaseInput,
  bias: CaseInput,
  hidden: CaseInput,
  cell: CaseInput,
): readonly (CaseInput | undefined)[] {
  const none = undefined;
  const weights = [input, input, input, input, recurrent, recurrent, recurrent, recurrent];
  return [x, ...weights, none, none, none, bias, bias, bias, bias, none, none, hidden, cell, none, none, none, none];
}
