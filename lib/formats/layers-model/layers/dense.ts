/** Dense, Embedding, Dot. */
import { activated } from '../activations.js';
import { isInteger } from '../fields.js';
import type { LayerRules } from '../layer-call.js';
import { permuted } from './convolution.js';

export const denseRules: LayerRules = {
  Dense(call) {
    const x = call.input();
    const weights = call.parameter('kernel', 2, (weight) => permuted(weight, [1, 0]));
    return activated(call, call.add('FullyConnected', { keepDims: true }, [x, weights, call.bias()]));
  },

  Embedding(call) {
    if (call.config.boolean('mask_zero', false)) throw call.unsupported('mask_zero');
    const x = call.input();
    const indices = call.add('Cast', { to: 'int32' }, [x], { type: 'int32' });
    const options = { rank: x.rank + 1, type: 'float32' } as const;
    return call.add('Gather', { axis: 0 }, [call.parameter('embeddings', 2), indices], options);
  },

  /** Products of vectors, one for each of the batch, or of matrices. */
  Dot(call) {
    const [a, b, ...rest] = call.several(2) as readonly [(typeof call.inputs)[0], (typeof call.inputs)[0]];
    if (rest.length > 0) throw call.error('ERR_MODEL_FORMAT', `expected two inputs, got ${call.inputs.length}`);
    if (call.config.boolean('normalize', false)) throw call.unsupported('normalize');
    if (a.rank !== b.rank || a.rank < 2 || a.rank > 3) throw call.unsupported(`inputs of ${a.rank} and ${b.rank} dimensions`);
    const { rank } = a;
    const axes = call.config.integers('axes', 2, -rank, rank - 1).map((axis) => (axis < 0 ? axis + rank : axis));
    if (!axes.every((axis) => isInteger(axis, 1, rank - 1))) throw call.unsupported('a product along the batch');
    if (rank === 2) return call.add('Sum', { axes: [1], keepDims: true }, [call.add('Mul', {}, [a, b])]);
    return call.add('MatMul', { transposeA: axes[0] === 1, transposeB: axes[1] === 2 }, [a, b]);
  },
};
