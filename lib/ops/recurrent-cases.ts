/** Instances of recurrent operators: directions, optional inputs and activations. */
import type { Attributes } from '../graph/graph.js';
import { type CaseInput, caseGraph } from './cases.js';
import type { OpCase } from './op.js';
import type { Kind } from './recurrent.js';
import type { RecurrentActivation } from './recurrent-activations.js';

const [steps, batches, depth, units] = [4, 3, 5, 6];

/** `extra`: attributes that only this operator has, each set of which is an instance. */
export function* recurrentCases(op: string, kind: Kind, extra: readonly Attributes[]): Iterable<OpCase> {
  const hasCell = kind.peepholes > 0;
  for (const type of ['float32', 'float64'] as const) {
    for (const direction of ['forward', 'reverse', 'bidirectional'] as const) {
      const directions = direction === 'bidirectional' ? 2 : 1;
      for (const batchFirst of [false, true]) {
        const state = batchFirst ? [batches, directions, units] : [directions, batches, units];
        const float = (dims: readonly number[]): CaseInput => ({ type, dims, range: [-1, 1] });
        const rows = kind.gates * units;
        const required = [
          float(batchFirst ? [batches, steps, depth] : [steps, batches, depth]),
          float([directions, rows, depth]),
          float([directions, rows, units]),
        ];
        const optional = [
          float([directions, 2 * rows]),
          { type: 'int32', dims: [batches], data: [4, 0, 2] } as const,
          float(state),
          ...(hasCell ? [float(state), float([directions, 3 * units])] : []),
        ];
        const y = { type, dims: batchFirst ? [batches, steps, directions, units] : [steps, directions, batches, units] };
        const outputs = [y, { type, dims: state }, ...(hasCell ? [{ type, dims: state }] : [])];
        const shared = { direction, batchFirst };
        yield caseGraph({ op, attributes: shared, inputs: required, outputs: outputs.slice(0, 1) });
        for (const own of extra) {
          const attributes = { ...shared, ...own };
          yield caseGraph({ op, attributes, inputs: [...required, ...optional], outputs });
        }
        const attributes = { ...shared, ...otherActivations(kind.activations.length * directions), clip: 0.5 };
        yield caseGraph({ op, attributes, inputs: required, outputs });
      }
    }
  }
}

function otherActivations(count: number) {
  const names: RecurrentActivation[] = ['HardSigmoid', 'Softsign', 'ScaledTanh', 'LeakyRelu', 'Elu', 'Affine'];
  const alphas = [0.2, 0, 1.2, 0.1, 0.7, 0.9];
  const betas = [0.5, 0, 0.8, 0, 0, 0.1];
  return { activations: names.slice(0, count), alphas: alphas.slice(0, count), betas: betas.slice(0, count) };
}
