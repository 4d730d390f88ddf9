/** Reductions along axes, where the largest is, running sums, the softmax family, TopK and Einsum. */
import type { Lowering, Rule, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { einsum } from './einsum.js';

export const reductionRules: Rules = {
  ReduceL1: reduce('ReduceL1'),
  ReduceL2: reduce('ReduceL2'),
  ReduceLogSum: reduce('ReduceLogSum'),
  ReduceLogSumExp: reduce('ReduceLogSumExp'),
  ReduceMax: reduce('ReduceMax'),
  ReduceMean: reduce('Mean'),
  ReduceMin: reduce('ReduceMin'),
  ReduceProd: reduce('ReduceProd'),
  ReduceSum: reduce('Sum'),
  ReduceSumSquare: reduce('ReduceSumSquare'),
  ArgMax: arg('ArgMax'),
  ArgMin: arg('ArgMin'),
  CumSum: (node, graph) => {
    const attributes = { exclusive: node.boolean('exclusive'), reverse: node.boolean('reverse') };
    graph.add(node, 'CumSum', attributes, [node.required(0), node.required(1)], node.outputs);
  },
  Softmax: rows('Softmax'),
  LogSoftmax: rows('LogSoftmax'),
  Hardmax: rows('Hardmax'),
  TopK: topK,
  Einsum: einsum,
};

/** Axes are an attribute, or an input from opset 13 (ReduceSum) or 18 on. */
function reduce(op: string): Rule {
  return (node, graph) => {
    const axes = node.has('axes') ? node.ints('axes') : constantAxes(node, graph);
    const attributes = {
      axes: axes ?? [],
      keepDims: node.boolean('keepdims', true),
      allByDefault: !node.boolean('noop_with_empty_axes'),
    };
    const inputs = axes === undefined ? [node.required(0), node.input(1)] : [node.required(0)];
    graph.add(node, op, attributes, inputs, node.outputs);
  };
}

/** The axes of input 1, none where it is absent; undefined where they are computed. */
function constantAxes(node: OnnxNode, graph: Lowering): readonly number[] | undefined {
  if (node.input(1) === '') return [];
  return graph.constantOf(node.input(1)) === undefined ? undefined : graph.numbers(node, 1);
}

function arg(op: string): Rule {
  return (node, graph) => {
    const attributes = {
      axis: node.int('axis', 0),
      keepDims: node.boolean('keepdims', true),
      selectLast: node.boolean('select_last_index'),
      to: 'int64',
    };
    graph.add(node, op, attributes, [node.required(0)], node.outputs);
  };
}

/** Before opset 13 the dimensions from the axis on are one, and it is the second by default. */
function rows(op: string): Rule {
  return (node, graph) => {
    const flatten = node.opset < 13;
    graph.add(node, op, { axis: node.int('axis', flatten ? 1 : -1), flatten }, [node.required(0)], node.outputs);
  };
}

/** k is an attribute before opset 10. */
function topK(node: OnnxNode, graph: Lowering): void {
  const k = node.opset < 10 ? graph.literal(node, 'int64', [node.int('k')]) : node.required(1);
  const attributes = { axis: node.int('axis', -1), largest: node.boolean('largest', true) };
  graph.add(node, 'TopK', attributes, [node.required(0), k], node.outputs);
}
