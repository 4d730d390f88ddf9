#!/usr/bin/env node
/** The `octensor` command. Exit status: 0 on success, 1 on a failed comparison or run, 2 on wrong usage. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addBench } from './bench.js';
import { addCompare } from './compare.js';
import { addDoctor } from './doctor.js';
import { addInspect } from './inspect.js';
import { addQuantize } from './quantize.js';
import { addRun } from './run.js';
import { expectSubcommand } from './subcommands.js';

async function main(): Promise<number> {
  const packageJson = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(packageJson) as { version: string };
  const program = new Command('octensor')
    .description('8-bit neural networks inside Node.js')
    .version(version)
    .exitOverride()
    // Errors are printed here, in one line.
    .configureOutput({ writeErr: () => {}, outputError: () => {} });
  addRun(program);
  addInspect(program);
  addQuantize(program);
  addCompare(program);
  addBench(program);
  addDoctor(program, version);
  expectSubcommand(program);
  try {
    await program.parseAsync();
    return 0;
  } catch (error) {
    return report(error);
  }
}

/** Prints the error in one line; returns the exit status. */
function report(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
  const { message = String(error), code, exitCode } = Object(error) as { message?: string; code?: unknown; exitCode?: unknown };
  const isUsage = error instanceof CommanderError || code === 'ERR_OPTION';
  const errorCode = error instanceof CommanderError ? 'ERR_OPTION' : typeof code === 'string' ? code : 'ERR_INTERNAL';
  const line = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  process.stderr.write(`octensor: ${errorCode}: ${line.trim()}\n`);
  return isUsage ? 2 : typeof exitCode === 'number' ? exitCode : 1;
}

// A reader that has seen enough (`octensor doctor | head -1`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? 0);
});

process.exitCode = await main();
