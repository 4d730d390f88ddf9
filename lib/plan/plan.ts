/** The executable form of a graph for fixed shapes: a flat list of steps. Made for a session, never saved. */
import { OctensorError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { NodeContext, Op, Operand } from '../ops/op.js';
import type { Numerics } from '../quant/requant.js';
import { fuseSums, storedOperands } from './fuse.js';
import { inferGraph, type KnownInput } from './infer.js';
import { type MemoryPlan, planMemory } from './memory.js';
import type { ResolvedNode } from './resolve.js';

export interface Step extends NodeContext<unknown> {
  readonly op: Op;
  readonly outputs: readonly Operand[];
  /** Multiply-accumulates. */
  readonly macs: number;
  /** Values that nothing reads after this step. */
  readonly lastReads: readonly string[];
  /** Of a fused step: an Add that has this step's output, which is never stored, as one of its inputs. */
  readonly sum?: Step;
}

export interface Plan {
  readonly numerics: Numerics;
  /** The graph's inputs, then the current values of its states. */
  readonly inputs: readonly Operand[];
  /** The graph's outputs, then the next values of its states; each value once. */
  readonly outputs: readonly Operand[];
  /** Nodes whose results are constants are not among them. */
  readonly steps: readonly Step[];
  /** Every value of the graph; constants carry their data. */
  readonly operands: ReadonlyMap<string, Operand>;
  readonly memory: MemoryPlan;
}

export interface PlanOptions {
  /** Whether steps may be merged, so that some values are never stored. */
  readonly fuse: boolean;
}

/** A small file can ask for any amount; offsets of up to 32 bits are enough for real networks. */
const maxPeakBytes = 2 ** 32;

/** Throws as `inferGraph` does, and ERR_SHAPE for values of more than 4 GiB at one time. `given` has a shape for each of the graph's inputs. */
export function makePlan(
  graph: Graph,
  nodes: readonly ResolvedNode[],
  given: ReadonlyMap<string, KnownInput>,
  { fuse }: PlanOptions = { fuse: false },
): Plan {
  const { numerics } = graph;
  const { nodes: inferred, operands } = inferGraph(graph, nodes, given);
  const running = inferred.filter(({ isFolded }) => !isFolded);
  const named = (names: readonly string[]) => [...new Set(names)].map((name) => operands.get(name)!);
  const inputs = named([...graph.inputs, ...graph.states.map(({ current }) => current)]);
  const outputs = named([...graph.outputs, ...graph.states.map(({ next }) => next)]);

  const kept = new Set(outputs.map(({ name }) => name));
  const steps: Step[] = [];
  const seen = new Set(kept);
  for (const { node, op, attributes, inputs: read, outputs: written, macs } of running.toReversed()) {
    // From the end, the first step that touches a value is the last one that needs it.
    const lastReads: string[] = [];
    for (const operand of [...read, ...written]) {
      if (operand === undefined || operand.constant !== undefined || seen.has(operand.name)) continue;
      seen.add(operand.name);
      lastReads.push(operand.name);
    }
    steps.push({ node, op, attributes, numerics, inputs: read, outputs: written, macs, lastReads });
  }
  steps.reverse();
  const merged = fuse ? fuseSums(steps) : steps;
  const memory = planMemory(merged.map(storedOperands), inputs, outputs);
  if (memory.peakBytes > maxPeakBytes) {
    throw new OctensorError(
      'ERR_SHAPE',
      `expected values of at most ${maxPeakBytes} bytes at one time, got ${memory.peakBytes}`,
    );
  }
  return { numerics, inputs, outputs, steps: merged, operands, memory };
}
