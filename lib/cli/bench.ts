/** `octensor bench`. */
import type { Command } from 'commander';
import { addBenchConv } from './bench-conv.js';
import { addBenchGemm } from './bench-gemm.js';
import { addBenchModel } from './bench-model.js';
import { expectSubcommand } from './subcommands.js';

export function addBench(program: Command): void {
  const bench = program.command('bench').description('measure speed against the limits of this machine');
  addBenchGemm(bench);
  addBenchConv(bench);
  addBenchModel(bench);
  expectSubcommand(bench);
}
