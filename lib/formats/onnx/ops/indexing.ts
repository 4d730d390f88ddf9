/** Operators that take elements from, and put them to, places that are computed. */
import { scatterReductions } from '../../../ops/scatter.js';
import type { Lowering, Rule, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { moving } from './movement.js';

export const indexingRules: Rules = {
  Gather: moving(rule('Gather', 2, (node) => ({ axis: node.int('axis', 0) }))),
  GatherElements: moving(rule('GatherElements', 2, (node) => ({ axis: node.int('axis', 0) }))),
  GatherND: moving(rule('GatherNd', 2, (node) => ({ batchDims: node.int('batch_dims', 0) }))),
  Scatter: rule('ScatterElements', 3, (node) => ({ axis: node.int('axis', 0) })),
  ScatterElements: rule('ScatterElements', 3, (node) => ({ axis: node.int('axis', 0), reduction: reductionOf(node) })),
  ScatterND: rule('ScatterNd', 3, (node) => ({ reduction: reductionOf(node) })),
  OneHot: rule('OneHot', 3, (node) => ({ axis: node.int('axis', -1) })),
  NonZero: rule('NonZero', 1),
  Compress(node, graph) {
    const { input, axis } = alongAxis(node, graph);
    graph.add(node, 'Compress', { axis }, [input, node.required(1)], node.outputs);
  },
  Unique(node, graph) {
    const { input, axis } = alongAxis(node, graph);
    graph.add(node, 'Unique', { axis, sorted: node.boolean('sorted', true) }, [input], node.outputs);
  },
  NonMaxSuppression(node, graph) {
    const inputs = [node.required(0), node.required(1), node.input(2), node.input(3), node.input(4)];
    graph.add(node, 'NonMaxSuppression', { centers: node.boolean('center_point_box') }, inputs, node.outputs);
  },
};

function rule(op: string, inputs: number, attributesOf: (node: OnnxNode) => Parameters<Lowering['add']>[2] = () => ({})): Rule {
  return (node, graph) => {
    const names = Array.from({ length: inputs }, (_, i) => node.required(i));
    graph.add(node, op, attributesOf(node), names, node.outputs);
  };
}

function reductionOf(node: OnnxNode) {
  return node.oneOf('reduction', scatterReductions, 'none');
}

/** Without an axis, the operator is about all elements in a row. */
function alongAxis(node: OnnxNode, graph: Lowering): { readonly input: string; readonly axis: number } {
  if (node.has('axis')) return { input: node.required(0), axis: node.int('axis') };
  const [input] = graph.add(node, 'Reshape', { shape: [-1] }, [node.required(0)]);
  return { input, axis: 0 };
}
