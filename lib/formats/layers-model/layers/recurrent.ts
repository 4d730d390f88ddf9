/** SimpleRNN, GRU, LSTM, and Bidirectional around one of them. */
import { Tensor } from '../../../tensor.js';
import { recurrentActivation } from '../activations.js';
import type { Ref } from '../builder.js';
import type { LayerCall, LayerRule, LayerRules } from '../layer-call.js';
import { scalar } from './normalization.js';

interface Kind {
  readonly op: string;
  /** For each gate of our operator, which one of Keras it is: kernels have the gates side by side in their columns. */
  readonly gates: readonly number[];
  /** h, and of an LSTM c. */
  readonly states: 1 | 2;
}

const kinds: ReadonlyMap<string, Kind> = new Map([
  ['SimpleRNN', { op: 'Rnn', gates: [0], states: 1 }],
  // z, r, h in both
  ['GRU', { op: 'Gru', gates: [0, 1, 2], states: 1 }],
  // i, f, c, o in Keras; i, o, f, c here
  ['LSTM', { op: 'Lstm', gates: [0, 3, 1, 2], states: 2 }],
]);

const recurrent: LayerRule = (call) => outputsOf(call, run(call));

export const recurrentRules: LayerRules = {
  SimpleRNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  Bidirectional: bidirectional,
};

interface Run {
  /** Of all steps, [N, T, H], in the order in which they were computed. */
  readonly sequence: Ref;
  readonly last: Ref;
  readonly states: readonly Ref[];
}

function outputsOf(call: LayerCall, { sequence, last, states }: Run): readonly Ref[] {
  const output = call.config.boolean('return_sequences', false) ? sequence : last;
  return call.config.boolean('return_state', false) ? [output, ...states] : [output];
}

function run(call: LayerCall): Run {
  const { config } = call;
  const kind = kinds.get(call.className)!;
  const [x, ...initial] = call.several(1);
  if (x.rank !== 3) throw call.error('ERR_SHAPE', `expected an input of 3 dimensions, got ${x.rank}`);
  if (initial.length > 0 && initial.length !== kind.states) {
    throw call.error('ERR_MODEL_FORMAT', `expected ${kind.states} initial states, got ${initial.length}`);
  }
  for (const option of ['stateful', 'time_major']) if (config.boolean(option, false)) throw call.unsupported(option);
  const isReverse = config.boolean('go_backwards', false);
  const resetAfter = call.className === 'GRU' && config.boolean('reset_after', false);
  // [N, H] as [1, N, H]
  const states = initial.map((state) => call.add('ExpandDims', { axis: 0 }, [state], { rank: 3 }));
  const steps = call.add('Transpose', { perm: [1, 0, 2] }, [x]);
  const attributes = {
    ...activationsOf(call, kind),
    direction: isReverse ? 'reverse' : 'forward',
    ...(kind.op === 'Gru' && { resetAfter }),
  };
  const inputs = [
    steps,
    call.parameter('kernel', 2, (weight) => gateRows(call, weight, kind)),
    call.parameter('recurrent_kernel', 2, (weight) => gateRows(call, weight, kind)),
    config.boolean('use_bias', true) ? biases(call, kind, resetAfter) : undefined,
    undefined,
    ...states,
  ];
  const outputs = [{ rank: 4 }, { rank: 3 }, { rank: 3 }].slice(0, kind.states + 1);
  const [y, ...ends] = call.addAll(
    kind.op,
    attributes,
    inputs,
    outputs.map((output) => ({ ...output, type: x.type })),
  );
  const single = ends.map((end) => call.add('Squeeze', { axes: [0] }, [end], { rank: 2 }));
  const inTime = call.add('Squeeze', { axes: [1] }, [y!], { rank: 3 });
  const sequence = call.add('Transpose', { perm: [1, 0, 2] }, [isReverse ? reversed(call, inTime, 0) : inTime]);
  return { sequence, last: single[0]!, states: single };
}

function activationsOf({ config }: LayerCall, kind: Kind) {
  const cell = recurrentActivation(config, 'activation', 'Tanh');
  // Without one, as in tfjs
  const gate = kind.op === 'Rnn' ? undefined : recurrentActivation(config, 'recurrent_activation', 'HardSigmoid');
  const all = gate === undefined ? [cell] : kind.states === 2 ? [gate, cell, cell] : [gate, cell];
  return {
    activations: all.map(({ name }) => name),
    alphas: all.map(({ alpha }) => alpha),
    betas: all.map(({ beta }) => beta),
  };
}

/** [I, G·H] as [1, G·H, I], the gates in our order. */
function gateRows(call: LayerCall, { data, dims }: Tensor<'float32'>, { gates }: Kind): Tensor {
  const [length, columns] = dims as [number, number];
  const units = unitsOf(call, columns, gates);
  const rows = new Float32Array(data.length);
  for (const [gate, from] of gates.entries()) {
    for (let unit = 0; unit < units; unit++) {
      const row = (gate * units + unit) * length;
      for (let i = 0; i < length; i++) rows[row + i] = data[i * columns + from * units + unit]!;
    }
  }
  return new Tensor('float32', rows, [1, columns, length]);
}

/** Keras has one bias, which is that of the input; with `reset_after` one for the input and one for the states, [2, 3·H]. */
function biases(call: LayerCall, { gates }: Kind, isDouble: boolean): Ref {
  return call.parameter('bias', isDouble ? 2 : 1, ({ data, dims }) => {
    const columns = dims.at(-1)!;
    const units = unitsOf(call, columns, gates);
    if (isDouble && dims[0] !== 2) throw call.error('ERR_SHAPE', `weight bias: expected 2 rows, got ${dims[0]}`);
    const both = new Float32Array(2 * columns);
    for (let i = 0; i < data.length; i++) {
      const [half, column] = [Math.floor(i / columns), i % columns];
      const gate = gates.indexOf(Math.floor(column / units));
      both[half * columns + gate * units + (column % units)] = data[i]!;
    }
    return new Tensor('float32', both, [1, 2 * columns]);
  });
}

function unitsOf(call: LayerCall, columns: number, gates: readonly number[]): number {
  if (columns > 0 && columns % gates.length === 0) return columns / gates.length;
  throw call.error('ERR_SHAPE', `expected weights of ${gates.length} gates, got ${columns} columns`);
}

function reversed(call: LayerCall, x: Ref, axis: number): Ref {
  const list = (value: number) => call.literal('int32', [value]);
  return call.add('SliceAxes', {}, [x, list(-1), list(-(2 ** 31)), list(axis), list(-1)]);
}

/** The layer, and its twin that goes the other way; both sequences in the order of time. */
function bidirectional(call: LayerCall): readonly Ref[] {
  const { config } = call;
  const layer = config.object('layer');
  const className = layer.string('class_name');
  if (!kinds.has(className)) throw call.unsupported(`a wrapped ${className.slice(0, 40)}`);
  if (config.has('backward_layer')) throw call.unsupported('a backward layer of its own');
  const inner = layer.object('config');
  const name = inner.string('name');
  const [x, ...initial] = call.several(1);
  const half = initial.length / 2;
  const of = (prefix: string, isReverse: boolean, states: readonly Ref[]) => {
    const own = { ...(layer.raw('config') as object), go_backwards: isReverse };
    return call.inner(`${prefix}_${name}`, className, own, [x, ...states]);
  };
  const isReverse = inner.boolean('go_backwards', false);
  const [forward, backward] = [
    of('forward', isReverse, initial.slice(0, half)),
    of('backward', !isReverse, initial.slice(half)),
  ];
  const [a, b] = [outputsOf(forward, run(forward)), outputsOf(backward, run(backward))] as const;
  const second = inner.boolean('return_sequences', false) ? reversed(call, b[0]!, 1) : b[0]!;
  return [...merged(call, a[0]!, second), ...a.slice(1), ...b.slice(1)];
}

function merged(call: LayerCall, a: Ref, b: Ref): readonly Ref[] {
  // Absent it is concat, null is none
  if (call.config.hasKey('merge_mode') && !call.config.has('merge_mode')) return [a, b];
  switch (call.config.oneOf('merge_mode', ['concat', 'sum', 'mul', 'ave'], 'concat')) {
    case 'concat':
      return [call.add('Concat', { axis: a.rank - 1 }, [a, b])];
    case 'sum':
      return [call.add('Add', {}, [a, b])];
    case 'mul':
      return [call.add('Mul', {}, [a, b])];
    case 'ave':
      return [call.add('Mul', {}, [call.add('Add', {}, [a, b]), scalar(call, 0.5)])];
  }
}
