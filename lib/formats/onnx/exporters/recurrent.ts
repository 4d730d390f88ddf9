/** RNN, GRU, LSTM. */
import type { RecurrentAttributes } from '../../../ops/recurrent.js';
import { type AttributeValues, Float } from '../export-messages.js';
import { type Exporter, type Exporters, exporter } from './exporter.js';

/** Which activations have an alpha, and which a beta: ONNX lists those alone. */
const withAlpha: ReadonlySet<string> = new Set(['Affine', 'Elu', 'HardSigmoid', 'LeakyRelu', 'ScaledTanh', 'ThresholdedRelu']);
const withBeta: ReadonlySet<string> = new Set(['Affine', 'HardSigmoid', 'ScaledTanh']);

function recurrent<A extends RecurrentAttributes>(
  opType: string,
  attributesOf: (attributes: A) => AttributeValues = () => ({}),
): Exporter {
  return exporter<A>(({ inputs, outputs, attributes }, graph) => {
    const { direction, batchFirst, activations, alphas, betas, clip } = attributes;
    const units = (graph.constant(inputs[2]!)?.dims ?? graph.dims(inputs[2]!))?.[2];
    if (typeof units !== 'number') throw graph.unsupported('an unknown number of units');
    const parameters = (values: readonly number[], names: ReadonlySet<string>) => {
      const listed = activations.flatMap((name, i) => (names.has(name) ? [new Float(values[i] ?? 0)] : []));
      return listed.length > 0 ? listed : undefined;
    };
    const own = {
      hidden_size: units,
      direction,
      layout: batchFirst || undefined,
      activations,
      activation_alpha: parameters(alphas, withAlpha),
      activation_beta: parameters(betas, withBeta),
      clip: clip > 0 ? new Float(clip) : undefined,
      ...attributesOf(attributes),
    };
    const values = inputs.map((name) => (name === '' ? undefined : graph.real(name)));
    const results = graph.addMany(opType, values, own, outputs.length);
    for (const [i, name] of outputs.entries()) graph.defineReal(name, results[i]!);
  });
}

export const recurrentExporters: Exporters = {
  Gru: recurrent<RecurrentAttributes & { readonly resetAfter: boolean }>('GRU', ({ resetAfter }) => ({
    linear_before_reset: resetAfter,
  })),
  Lstm: recurrent<RecurrentAttributes & { readonly inputForget: boolean }>('LSTM', ({ inputForget }) => ({
    input_forget: inputForget,
  })),
  Rnn: recurrent('RNN'),
};
