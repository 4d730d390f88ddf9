/**
 * If and Loop. Whatever chooses a branch or ends a loop is known when a plan is made, or else when the graph is interpreted with all
 * data at hand (lib/plan/expand.ts puts the chosen nodes in their place); so neither ever runs as a step.
 *
 * If: condition, then what both branches read -> the outputs of a branch. `thenBranch` and `elseBranch` are graphs with those values as inputs.
 * Loop: count or nothing, condition or nothing, the carried values, then what the body reads -> the carried values, then one stacked
 * value for each further output of the body. `body` is a graph of (iteration, condition, carried..., read...) ->
 * (condition, carried..., stacked...); `carried` says how many. As ONNX defines both.
 */
import type { Graph, Node } from '../graph/graph.js';
import { caseGraph } from './cases.js';
import { defineOp, nodeError, requiredInput } from './op.js';
import { needsData } from './storage.js';

/** A loop that goes on for longer is taken for one that never ends. */
export const maxRounds = 2 ** 16;

export const ifOp = defineOp({
  name: 'If',
  inputs: [1, Infinity],
  outputs: [1, Infinity],
  parse(attributes) {
    for (const name of ['thenBranch', 'elseBranch']) attributes.graph(name);
  },
  infer(context) {
    throw needsData(context, requiredInput(context, 0));
  },
  run(context) {
    throw needsData(context, requiredInput(context, 0));
  },
  *cases() {
    const attributes = { thenBranch: graphOf('Relu'), elseBranch: graphOf('Neg') };
    const x = { type: 'float32', dims: [2, 3] } as const;
    for (const condition of [0, 1]) {
      const known = { type: 'bool', dims: [], constant: [condition] } as const;
      const fed = { type: 'bool', dims: [1], data: [condition] } as const;
      yield caseGraph({ op: 'If', attributes, inputs: [known, x], outputs: [x], name: `If, known to be ${condition}` });
      yield caseGraph({ op: 'If', attributes, inputs: [fed, x], outputs: [x], name: `If of ${condition}` });
    }
  },
});

export const loop = defineOp({
  name: 'Loop',
  inputs: [2, Infinity],
  outputs: [0, Infinity],
  parse(attributes) {
    attributes.graph('body');
    attributes.integer('carried', 0, 2 ** 31 - 1);
  },
  infer(context) {
    const unknown = context.inputs.slice(0, 2).find((input) => input !== undefined && input.constant === undefined);
    throw needsData(context, unknown ?? requiredInput(context, 0));
  },
  run(context) {
    throw needsData(context, requiredInput(context, 0));
  },
  *cases() {
    const x = { type: 'float32', dims: [2, 3] } as const;
    const stacked = { type: 'float32', dims: [3, 2, 3] } as const;
    const attributes = { body: roundGraph(), carried: 1 };
    const known = { type: 'int64', dims: [], constant: [3] } as const;
    const fed = { type: 'int64', dims: [1], data: [3] } as const;
    const isTrue = { type: 'bool', dims: [], constant: [1] } as const;
    yield caseGraph({
      op: 'Loop',
      attributes,
      inputs: [known, undefined, x],
      outputs: [x, stacked],
      name: 'Loop, known rounds',
    });
    yield caseGraph({ op: 'Loop', attributes, inputs: [fed, isTrue, x], outputs: [x, stacked], name: 'Loop' });
  },
});

export function branchesOf(node: Node): { readonly taken: Graph; readonly otherwise: Graph } {
  return {
    taken: checkedGraph(node, 'thenBranch', node.inputs.length - 1),
    otherwise: checkedGraph(node, 'elseBranch', node.inputs.length - 1),
  };
}

export function bodyOf(node: Node): Graph {
  return checkedGraph(node, 'body', node.inputs.length);
}

function checkedGraph(node: Node, name: string, inputs: number): Graph {
  const graph = node.attributes[name] as Graph;
  const expected = name === 'body' ? node.outputs.length + 1 : node.outputs.length;
  if (graph.inputs.length === inputs && graph.outputs.length >= expected) return graph;
  const found = `${graph.inputs.length} and ${graph.outputs.length}`;
  throw nodeError('ERR_MODEL_FORMAT', node, `expected ${inputs} inputs and ${expected} outputs of ${name}, got ${found}`);
}

/** x -> the operator's result. */
function graphOf(op: string, more: Partial<Graph> = {}): Graph {
  return {
    name: op,
    numerics: 'tflite',
    inputs: ['x'],
    outputs: ['y'],
    values: new Map(),
    constants: new Map(),
    states: [],
    nodes: [{ name: op, op, attributes: {}, inputs: ['x'], outputs: ['y'] }],
    metadata: {},
    ...more,
  };
}

/** One round: the sum of x and x, carried and stacked. */
function roundGraph(): Graph {
  const node = { name: 'sum', op: 'Add', attributes: {}, inputs: ['x', 'x'], outputs: ['y'] };
  return graphOf('Add', { inputs: ['round', 'going', 'x'], outputs: ['going', 'y', 'y'], nodes: [node] });
}
