/** RNN, GRU, LSTM. */
import { type RecurrentActivation, recurrentActivations } from '../../../ops/recurrent-activations.js';
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export const recurrentRules: Rules = {
  RNN: (node, graph) => add(node, graph, 'Rnn', 6, ['Tanh'], {}),
  GRU: (node, graph) => {
    const attributes = { resetAfter: node.boolean('linear_before_reset') };
    add(node, graph, 'Gru', 6, ['Sigmoid', 'Tanh'], attributes);
  },
  LSTM: (node, graph) => {
    const attributes = { inputForget: node.boolean('input_forget') };
    add(node, graph, 'Lstm', 8, ['Sigmoid', 'Tanh', 'Tanh'], attributes);
  },
};

function add(
  node: OnnxNode,
  graph: Lowering,
  op: string,
  inputs: number,
  defaults: readonly RecurrentActivation[],
  own: Readonly<Record<string, boolean>>,
): void {
  const direction = node.oneOf('direction', ['forward', 'reverse', 'bidirectional'], 'forward');
  const activations = activationsOf(node, direction === 'bidirectional' ? [...defaults, ...defaults] : defaults);
  const alphas = parametersOf(node, 'activation_alpha', activations, defaultAlphas);
  const betas = parametersOf(node, 'activation_beta', activations, defaultBetas);
  const shared = { direction, batchFirst: node.int('layout', 0) === 1, clip: node.float('clip', 0) };
  const names = Array.from({ length: inputs }, (_, index) => (index < 3 ? node.required(index) : node.input(index)));
  graph.add(node, op, { ...shared, activations, alphas, betas, ...own }, names, node.outputs);
}

/** What the activations that have a parameter take where the file gives none. */
const defaultAlphas: Readonly<Partial<Record<RecurrentActivation, number>>> = {
  Affine: 1,
  Elu: 1,
  HardSigmoid: 0.2,
  LeakyRelu: 0.01,
  ScaledTanh: 1,
  ThresholdedRelu: 1,
};
const defaultBetas: Readonly<Partial<Record<RecurrentActivation, number>>> = { Affine: 0, HardSigmoid: 0.5, ScaledTanh: 1 };

/** As in ONNX Runtime, letters may be upper or lower case. */
function activationsOf(node: OnnxNode, defaults: readonly RecurrentActivation[]): readonly RecurrentActivation[] {
  const names = node.strings('activations', defaults);
  if (names.length !== defaults.length) {
    throw node.error('ERR_MODEL_FORMAT', `attribute activations: expected ${defaults.length} names, got ${names.length}`);
  }
  return names.map((name) => {
    const known = recurrentActivations.find((one) => one.toLowerCase() === name.toLowerCase());
    if (known !== undefined) return known;
    const found = JSON.stringify(name.slice(0, 40));
    throw node.error(
      'ERR_UNSUPPORTED_OP',
      `attribute activations: expected some of ${recurrentActivations.join(', ')}, got ${found}`,
    );
  });
}

/** One for each activation: the file lists those of the activations that have one, in order. */
function parametersOf(
  node: OnnxNode,
  attribute: string,
  activations: readonly RecurrentActivation[],
  defaults: Readonly<Partial<Record<RecurrentActivation, number>>>,
): readonly number[] {
  const given = [...node.floats(attribute, [])];
  return activations.map((name) => (defaults[name] === undefined ? 0 : (given.shift() ?? defaults[name])));
}
