/** A rewrite of graphs: named, pure, and exact: a graph gives the same bits before and after. */
import type { Graph } from '../graph/graph.js';

export interface Rewrite {
  /** The very graph that was given, where there was nothing to do. */
  readonly graph: Graph;
  /** Names of the nodes that it changed, replaced or took out; empty where only values nobody reads are gone. */
  readonly nodes: readonly string[];
}

export interface Pass {
  readonly name: string;
  run(graph: Graph): Rewrite;
}

export interface LogEntry {
  readonly pass: string;
  readonly nodes: readonly string[];
}

export interface Optimized {
  readonly graph: Graph;
  readonly log: readonly LogEntry[];
}

/**
 * Every pass does in one sweep what does not overlap, and leaves less to do. Real networks need two or three rounds; a bound keeps a
 * file that was made to need many from taking long. The graph is right after any number of them.
 */
const maxRounds = 20;

/** Runs the passes in order, again and again, until none of them finds anything. The log has an entry for each that did. */
export function runPasses(graph: Graph, passes: readonly Pass[]): Optimized {
  const log: LogEntry[] = [];
  // An object of its own, of which passes may keep what they find out: the caller's may be another graph the next time
  const given = { ...graph };
  let current: Graph = given;
  for (let round = 0; round < maxRounds; round++) {
    const before = current;
    for (const pass of passes) {
      const rewrite = pass.run(current);
      if (rewrite.graph === current) continue;
      current = rewrite.graph;
      log.push({ pass: pass.name, nodes: rewrite.nodes });
    }
    if (current === before) break;
  }
  return { graph: current === given ? graph : current, log };
}
