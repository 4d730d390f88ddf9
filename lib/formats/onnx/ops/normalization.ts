/** Normalizations. */
import type { Lowering, Rule, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';

export const normalizationRules: Rules = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNorm({ center: true }),
  RMSNormalization: layerNorm({ center: false }),
  // Of ONNX Runtime, in the default domain
  SimplifiedLayerNormalization: layerNorm({ center: false }),
  'com.microsoft.SkipLayerNormalization': skipLayerNorm({ center: true }),
  'com.microsoft.SkipSimplifiedLayerNormalization': skipLayerNorm({ center: false }),
  InstanceNormalization: (node, graph) => {
    const inputs = [node.required(0), node.required(1), node.required(2)];
    graph.add(node, 'GroupNorm', { epsilon: node.float('epsilon', 1e-5) }, inputs, node.outputs);
  },
  GroupNormalization: (node, graph) => {
    expectFloatStash(node);
    const groups = node.int('num_groups');
    if (groups < 1) throw node.error('ERR_MODEL_FORMAT', `attribute num_groups: expected at least 1, got ${groups}`);
    const inputs = [node.required(0), node.required(1), node.required(2)];
    graph.add(node, 'GroupNorm', { groups, epsilon: node.float('epsilon', 1e-5) }, inputs, node.outputs);
  },
  LRN: (node, graph) => {
    const attributes = {
      size: node.int('size'),
      alpha: node.float('alpha', 1e-4),
      beta: node.float('beta', 0.75),
      bias: node.float('bias', 1),
    };
    graph.add(node, 'LocalResponseNorm', attributes, [node.required(0)], node.outputs);
  },
  LpNormalization: (node, graph) => {
    const attributes = { axis: node.int('axis', -1), p: node.int('p', 2) };
    graph.add(node, 'LpNormalization', attributes, [node.required(0)], node.outputs);
  },
  MeanVarianceNormalization: (node, graph) => {
    const attributes = { axes: node.ints('axes', [0, 2, 3]) };
    graph.add(node, 'MeanVarianceNorm', attributes, [node.required(0)], node.outputs);
  },
};

function batchNormalization(node: OnnxNode, graph: Lowering): void {
  const isTraining = node.boolean('training_mode') || node.outputs.slice(1).some(Boolean);
  if (isTraining) throw node.error('ERR_UNSUPPORTED_OP', 'expected one output, of inference, got training mode');
  if (!node.boolean('spatial', true)) {
    throw node.error('ERR_UNSUPPORTED_OP', 'attribute spatial: expected statistics for each channel, got 0');
  }
  const inputs = [0, 1, 2, 3, 4].map((index) => node.required(index));
  graph.add(node, 'BatchNorm', { axis: 1, epsilon: node.float('epsilon', 1e-5) }, inputs, node.outputs.slice(0, 1));
}

/** Statistics are in float32 (1) in all files that there are; others have less precise ones. */
function expectFloatStash(node: OnnxNode): void {
  const type = node.int('stash_type', 1);
  if (type !== 1) throw node.error('ERR_UNSUPPORTED_OP', `attribute stash_type: expected 1 (float32), got ${type}`);
}

function layerNorm({ center }: { readonly center: boolean }): Rule {
  return (node, graph) => {
    expectFloatStash(node);
    const attributes = { axis: node.int('axis', -1), epsilon: node.float('epsilon', 1e-5), center };
    const [y = '', ...statistics] = node.outputs;
    // Without a mean the inverse deviation is the second output
    const outputs = center || statistics.length === 0 ? node.outputs : [y, '', statistics[0]!];
    graph.add(node, 'LayerNorm', attributes, [node.required(0), node.required(1), node.input(2)], outputs);
  };
}

/** Of ONNX Runtime: the layer norm of a sum; inputs are x, skip, scale, bias (where there is a mean), and a bias of the sum. */
function skipLayerNorm({ center }: { readonly center: boolean }): Rule {
  return (node, graph) => {
    const summand = node.input(center ? 4 : 3);
    const [y = '', mean = '', inverse = '', total = ''] = node.outputs;
    const [x, skip] = [node.required(0), node.required(1)];
    const [pair] = graph.add(node, 'Add', {}, [x, skip], [summand === '' ? total : '']);
    const sum = summand === '' ? pair : graph.add(node, 'Add', {}, [pair, summand], [total])[0];
    const attributes = { axis: -1, epsilon: node.float('epsilon', 1e-5), center };
    const inputs = [sum, node.required(2), center ? node.input(3) : ''];
    graph.add(node, 'LayerNorm', attributes, inputs, mean === '' && inverse === '' ? [y] : [y, mean, inverse]);
  };
}
