/** A graph's programs, one for each combination of input shapes; the ones used last are kept. */
import type { Backend, Program } from '../backends/backend.js';
import { InterpretedProgram } from '../backends/interpreter.js';
import type { Graph } from '../graph/graph.js';
import { NeedsData } from '../ops/storage.js';
import { optimize } from '../passes/index.js';
import { makePlan, type Plan } from '../plan/plan.js';
import { type ResolvedNode, resolveGraph } from '../plan/resolve.js';
import { isDeclared, specializeGraph } from '../plan/specialize.js';

export interface PlannedProgram {
  /** Undefined where shapes or branches depend on data, so that nothing can be planned. */
  readonly plan: Plan | undefined;
  readonly program: Program;
}

const maxPrograms = 8;

export class Programs {
  readonly #graph: Graph;
  readonly #backend: Backend;
  readonly #isOptimized: boolean;
  /** Whether passes wait for the shapes of the inputs. */
  readonly #isOpen: boolean;
  readonly #nodes: readonly ResolvedNode[];
  /** Where all shapes are known there is one, and nothing to look up. */
  #only: PlannedProgram | undefined;
  /** By shapes; the one used last stands last. */
  readonly #programs = new Map<string, PlannedProgram>();

  /**
   * With `everyValue`, each value of the graph exists in a run. Throws for a graph that runs for no shape; plans at once where
   * all shapes are known, so that errors come early.
   */
  constructor(given: Graph, backend: Backend, { everyValue }: { readonly everyValue: boolean }) {
    const resolved = resolveGraph(given);
    this.#isOptimized = backend.optimizes && !everyValue;
    this.#isOpen = !isDeclared(given);
    const graph = this.#isOptimized && !this.#isOpen ? optimize(given).graph : given;
    this.#graph = graph;
    this.#backend = backend;
    this.#nodes = graph === given ? resolved : resolveGraph(graph);
    const declared = graph.inputs.map((name) => [name, graph.values.get(name)!.dims] as const);
    const isStatic = declared.every(([, dims]) => dims?.every((dim) => typeof dim === 'number'));
    if (isStatic) this.#only = this.get(new Map(declared.map(([name, dims]) => [name, { dims: dims as readonly number[] }])));
  }

  /** For inputs of the shapes of these tensors. */
  get(inputs: ReadonlyMap<string, { readonly dims: readonly number[] }>): PlannedProgram {
    if (this.#only !== undefined) return this.#only;
    const key = this.#graph.inputs.map((name) => inputs.get(name)!.dims.join()).join(';');
    let found = this.#programs.get(key);
    if (found === undefined) {
      found = this.#make(new Map([...inputs].map(([name, tensor]) => [name, tensor.dims])));
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

  #make(dims: ReadonlyMap<string, readonly number[]>): PlannedProgram {
    try {
      const plan = this.#plan(dims);
      return { plan, program: this.#backend.compile(plan) };
    } catch (error) {
      // What is interpreted hands no states on
      if (!(error instanceof NeedsData) || this.#graph.states.length > 0) throw error;
      return { plan: undefined, program: new InterpretedProgram(this.#graph, this.#nodes) };
    }
  }

  #plan(dims: ReadonlyMap<string, readonly number[]>): Plan {
    if (!this.#isOpen || !this.#isOptimized) return makePlan(this.#graph, this.#nodes, dims, { fuse: this.#isOptimized });
    const { graph } = optimize(specializeGraph(this.#graph, this.#nodes, dims));
    return makePlan(graph, resolveGraph(graph), dims, { fuse: true });
  }

  release(): void {
    for (const { program } of this.#programs.values()) program.release();
    this.#programs.clear();
  }
}
