/** `octensor run`: a model on files, its outputs as files, classes or numbers. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Isa, isas } from '../isa.js';
import { backends } from '../session/options.js';
import { InferenceSession, type ProfileEntry } from '../session.js';
import type { DataType, Tensor } from '../tensor.js';
import { oneOf, positiveInteger } from './arguments.js';
import { CommandError } from './command-error.js';
import { type InputOptions, readInputs, withInputOptions, withShapes } from './inputs.js';
import { writeNpy } from './npy.js';
import { print, printJson, printTable } from './output.js';
import { type RankedClass, topOf } from './top.js';

interface Options extends InputOptions {
  readonly labels?: string;
  readonly top: number;
  readonly output?: string;
  readonly backend?: (typeof backends)[number];
  readonly isa?: Isa;
  readonly threads?: number;
  readonly profile?: boolean;
  readonly json?: boolean;
}

interface OutputReport {
  readonly name: string;
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly file?: string;
  /** Of a model whose only output is one row of scores. */
  readonly top?: readonly RankedClass[];
}

export function addRun(program: Command): void {
  withInputOptions(program.command('run <model>'))
    .description('run a model on .npy files and pictures')
    .option('--labels <FILE>', 'names of the classes, one a line')
    .option('--top <N>', 'how many classes to print (default: 5)', positiveInteger, 5)
    .option('--output <DIR>', 'write the outputs there as .npy files')
    .option('--backend <NAME>', `${backends.join(', ')} (default: auto)`, oneOf(backends))
    .option('--isa <NAME>', 'a lower instruction set than the best', oneOf(isas))
    .option('--threads <N>', 'threads', positiveInteger)
    .option('--profile', 'time of each node')
    .option('--json', 'one JSON document')
    .configureHelp({ optionDescription: ({ description }) => description })
    .action(runModel);
}

async function runModel(model: string, options: Options): Promise<void> {
  const { backend, isa, threads, profile = false, json = false, output } = options;
  const session = await InferenceSession.create(model, {
    ...(backend !== undefined && { backend }),
    ...(isa !== undefined && { isa }),
    ...(threads !== undefined && { threads }),
  });
  const feeds = await readInputs(withShapes(session.inputs, options.shape), options);
  const labels = options.labels === undefined ? undefined : await readLabels(options.labels);
  const start = performance.now();
  const results = await session.run(feeds, { profile });
  const milliseconds = performance.now() - start;
  if (output !== undefined) await mkdir(output, { recursive: true });
  const reports: OutputReport[] = [];
  for (const [i, value] of session.outputs.entries()) {
    const tensor = results[value.name]!;
    const file = output && join(output, `${fileName(value.name, i)}.npy`);
    if (file !== undefined) await writeNpy(file, tensor);
    // Several outputs are no scores of classes: a detector's boxes, say.
    const top = session.outputs.length === 1 ? topOf(tensor, value, options.top, labels) : undefined;
    const { type, dims } = tensor;
    reports.push({ name: value.name, type, dims, ...(file !== undefined && { file }), ...(top !== undefined && { top }) });
  }
  const entries = profile ? session.lastProfile() : undefined;
  await session.release();
  if (json) printJson({ model, milliseconds, outputs: reports, ...(entries !== undefined && { profile: entries }) });
  else printReport(reports, results, milliseconds, entries);
}

async function readLabels(path: string): Promise<readonly string[]> {
  try {
    return (await readFile(path, 'utf8')).trimEnd().split(/\r?\n/);
  } catch (error) {
    throw new CommandError('ERR_INPUT', (error as Error).message, 1);
  }
}

function printReport(
  reports: readonly OutputReport[],
  results: Readonly<Record<string, Tensor>>,
  milliseconds: number,
  profile: readonly ProfileEntry[] | undefined,
): void {
  for (const { name, type, dims, file, top } of reports) {
    print(`${name}  ${type} [${dims.join(', ')}]${file === undefined ? '' : `  ${file}`}`);
    if (top !== undefined) {
      printTable<RankedClass>(
        [
          { title: 'class', cell: ({ index }) => String(index) },
          { title: 'score', cell: ({ score }) => score.toFixed(4) },
          { title: 'label', align: 'left', cell: ({ label }) => label },
        ],
        top,
      );
    } else if (file === undefined) print(preview(results[name]!));
  }
  print(`${milliseconds.toFixed(1)} ms`);
  if (profile === undefined) return;
  const total = profile.reduce((sum, { microseconds }) => sum + microseconds, 0);
  printTable<ProfileEntry>(
    [
      { title: 'node', align: 'left', cell: ({ node }) => (node.length > 48 ? `${node.slice(0, 47)}…` : node) },
      { title: 'op', align: 'left', cell: ({ op }) => op },
      { title: 'kernel', align: 'left', cell: ({ kernel }) => kernel },
      { title: 'µs', cell: ({ microseconds }) => microseconds.toFixed(0) },
      { title: '%', cell: ({ microseconds }) => ((100 * microseconds) / total).toFixed(1) },
      { title: 'MACs', cell: ({ macs }) => (macs === 0 ? undefined : String(macs)) },
    ],
    profile,
  );
}

function preview({ data, size }: Tensor): string {
  const shown = Array.from(data as Float32Array)
    .slice(0, 16)
    .map(String);
  return size > shown.length ? `${shown.join(' ')} … (--output DIR writes all)` : shown.join(' ');
}

/** A name of a value may hold any character. */
function fileName(name: string, index: number): string {
  const safe = name
    .replaceAll(/[^\w.-]+/g, '_')
    .replace(/^[._]+/, '')
    .slice(0, 100);
  return `${index}-${safe === '' ? 'output' : safe}`;
}
