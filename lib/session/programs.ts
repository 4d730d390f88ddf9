/** A graph's programs, one for each combination of input shapes; the ones used last are kept. */
import type { Backend, CompileOptions, Program } from '../backends/backend.js';
import type { Graph } from '../graph/graph.js';
import { optimize } from '../passes/index.js';
import { makePlan, type Plan } from '../plan/plan.js';
import { type ResolvedNode, resolveGraph } from '../plan/resolve.js';

export interface PlannedProgram {
  readonly plan: Plan;
  readonly program: Program;
}

const maxPrograms = 8;

export class Programs {
  readonly #graph: Graph;
  readonly #backend: Backend;
  readonly #options: CompileOptions;
  readonly #nodes: readonly ResolvedNode[];
  /** By shapes; the one used last stands last. */
  readonly #programs = new Map<string, PlannedProgram>();

  /** Throws for a graph that runs for no shape; plans at once where all shapes are known, so that errors come early. */
  constructor(given: Graph, backend: Backend, options: CompileOptions) {
    const resolved = resolveGraph(given);
    // The reference runs what was given, so that whatever is compared with it tests the passes too.
    const isOptimized = options.fuse && backend.name === 'native';
    const graph = isOptimized ? optimize(given).graph : given;
    this.#graph = graph;
    this.#backend = backend;
    this.#options = options;
    this.#nodes = isOptimized ? resolveGraph(graph) : resolved;
    const declared = graph.inputs.map((name) => [name, graph.values.get(name)!.dims] as const);
    const isStatic = declared.every(([, dims]) => dims.every((dim) => typeof dim === 'number'));
    if (isStatic) this.get(new Map(declared.map(([name, dims]) => [name, { dims: dims as readonly number[] }])));
  }

  /** For inputs of the shapes of these tensors. */
  get(inputs: ReadonlyMap<string, { readonly dims: readonly number[] }>): PlannedProgram {
    const key = this.#graph.inputs.map((name) => inputs.get(name)!.dims.join()).join(';');
    let found = this.#programs.get(key);
    if (found === undefined) {
      const plan = makePlan(this.#graph, this.#nodes, new Map([...inputs].map(([name, { dims }]) => [name, dims])));
      found = { plan, program: this.#backend.compile(plan, this.#options) };
    }
    this.#programs.delete(key);
    this.#programs.set(key, found);
    // A program that is evicted while it runs ends by itself; nothing but memory hangs on it.
    for (const oldest of this.#programs.keys()) {
      if (this.#programs.size <= maxPrograms) break;
      this.#programs.delete(oldest);
    }
    return found;
  }

  release(): void {
    for (const { program } of this.#programs.values()) program.release();
    this.#programs.clear();
  }
}
