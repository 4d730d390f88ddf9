/**
 * Runs a graph whose shapes or branches depend on data: node by node, each prepared when the data of its inputs is there. Slow, on
 * the JavaScript thread, with the operators' own definitions.
 */
import type { Graph } from '../graph/graph.js';
import { FoldBudget } from '../ops/fold.js';
import { type Inference, inferSteps } from '../plan/infer.js';
import type { Step } from '../plan/plan.js';
import type { ResolvedNode } from '../plan/resolve.js';
import { aborted, copyTensor, type RunOptions, type Values } from './backend.js';
import { SteppedProgram } from './stepped.js';

export class InterpretedProgram extends SteppedProgram {
  readonly #graph: Graph;
  readonly #nodes: readonly ResolvedNode[];

  constructor(graph: Graph, nodes: readonly ResolvedNode[]) {
    super();
    this.#graph = graph;
    this.#nodes = nodes;
  }

  protected *execute(feeds: Values, { signal, onValues, onTime }: RunOptions): Generator<void, Values, void> {
    const { numerics, outputs } = this.#graph;
    const execution = inferSteps(this.#graph, this.#nodes, feeds, new FoldBudget({ isLimited: false }));
    let result: Inference;
    for (let start = performance.now(); ; start = performance.now()) {
      const { done, value } = execution.next();
      if (done) {
        result = value;
        break;
      }
      const step: Step = { ...value, numerics, lastReads: [] };
      if (signal?.aborted) throw aborted(step, signal);
      onTime?.(step, (performance.now() - start) * 1000);
      onValues?.(
        step,
        value.outputs.map(({ constant }) => copyTensor(constant!)),
      );
      yield;
    }
    return new Map(
      outputs.map((name) => {
        return [name, copyTensor(result.operands.get(name)!.constant!)];
      }),
    );
  }
}
