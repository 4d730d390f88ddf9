/** Branches and loops: graphs inside nodes. What those read from around them becomes inputs of the node. */
import type { Rules } from '../lowering.js';

export const controlFlowRules: Rules = {
  If(node, graph) {
    const [thenBranch, elseBranch] = [node.graph('then_branch'), node.graph('else_branch')];
    const { alias, capture, lower } = graph.surroundings;
    const captured = capture([thenBranch, elseBranch]);
    const branches = { thenBranch: lower(thenBranch, captured), elseBranch: lower(elseBranch, captured) };
    graph.add(node, 'If', branches, [node.required(0), ...captured.map(alias)], node.outputs);
  },

  Loop(node, graph) {
    const body = node.graph('body');
    const { alias, capture, lower } = graph.surroundings;
    const captured = capture([body]);
    const carried = Math.max(0, body.input.length - 2);
    const attributes = { body: lower(body, captured), carried };
    const values = Array.from({ length: carried }, (_, i) => node.required(2 + i));
    const inputs = [node.input(0), node.input(1), ...values, ...captured.map(alias)];
    graph.add(node, 'Loop', attributes, inputs, node.outputs);
  },
};
