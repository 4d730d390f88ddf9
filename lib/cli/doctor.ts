/** `octensor doctor`: what this machine offers, what octensor makes of it, and whether the kernels are right. */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { type Addon, loadAddon } from '../addon.js';
import { type CpuInfo, cpuInfo } from '../cpu-info.js';
import { OctensorError } from '../errors.js';
import { checkOperators, type OperatorCheck } from './check-operators.js';
import { CommandError } from './command-error.js';
import { print, printJson, printTable, showProgress } from './output.js';
import { checkKernels, type KernelCheck } from './self-check.js';

interface Environment extends CpuInfo {
  readonly version: string;
  readonly platform: string;
  readonly cpu: string;
  readonly libc: string | undefined;
  readonly node: string;
  /** Node-API, and the ABI that Node-API binaries need not match. */
  readonly nodeApi: string | undefined;
  readonly nodeAbi: string;
}

interface Binary {
  /** Relative to the package. */
  readonly path: string;
  readonly kind: 'prebuild' | 'source build' | 'elsewhere';
}

interface Kernel extends KernelCheck {
  /** Whether calls use it unless they force another instruction set. */
  readonly selected: boolean;
}

export function addDoctor(program: Command, version: string): void {
  program
    .command('doctor')
    .description('CPU, instruction sets, binary and kernels; checks kernels and operators against the reference')
    .option('--json', 'one JSON document')
    .action(({ json = false }: { json?: boolean }) => doctor(version, json));
}

async function doctor(version: string, json: boolean): Promise<void> {
  const environment = environmentOf(version);
  if (!json) printEnvironment(environment);
  let addon: Addon;
  try {
    addon = loadAddon();
  } catch (error) {
    if (!(error instanceof OctensorError)) throw error;
    if (json) printJson({ ...environment, binary: null, kernels: [], operators: [], ok: false, error: error.message });
    else print('binary        none');
    throw error; // its message has the remedies
  }

  showProgress('checking the kernels');
  const checks = checkKernels(addon);
  showProgress('checking the operators');
  const operators = await checkOperators(addon);
  showProgress('');
  const used = checks.find(({ isa }) => isa === environment.selected);
  const kernels = checks.map((check): Kernel => ({ ...check, selected: check === used }));
  const binary = binaryOf(addon);
  const checked = [...kernels, ...operators.map((check) => ({ ...check, name: `operators on ${check.isa}` }))];
  const wrong = checked.filter(({ failures }) => failures.length > 0);
  if (json) printJson({ ...environment, binary, kernels, operators, ok: wrong.length === 0 });
  else printChecks(binary, kernels, operators);
  if (wrong.length === 0) return;
  const { name, failures } = wrong[0]!;
  throw new CommandError(
    'ERR_COMPARISON',
    `${wrong.length} of ${checked.length} checks differ from the reference, first ${name}: ${failures[0]}`,
    1,
  );
}

function environmentOf(version: string): Environment {
  const { node, napi, modules } = process.versions;
  const { isa, selected, cores } = cpuInfo();
  return {
    version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores,
    isa,
    selected,
    libc: libc(),
    node,
    nodeApi: napi,
    nodeAbi: modules,
  };
}

function libc(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  report.excludeNetwork = true; // where Node has it: resolving the names of open sockets can take seconds
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? 'musl' : `glibc ${header.glibcVersionRuntime}`;
}

/** Node keeps loaded addons among its modules. */
function binaryOf(addon: Addon): Binary {
  const { cache } = createRequire(import.meta.url);
  const file = Object.values(cache).find((module) => module?.exports === addon)?.filename;
  if (file === undefined) return { path: 'unknown', kind: 'elsewhere' };
  const path = relative(fileURLToPath(new URL('../..', import.meta.url)), file);
  const kind = path.startsWith(`prebuilds${sep}`) ? 'prebuild' : path.startsWith(`build${sep}`) ? 'source build' : 'elsewhere';
  return { path, kind };
}

function printEnvironment(environment: Environment): void {
  const { version, platform, cpu, cores, isa, selected, libc, node, nodeApi, nodeAbi } = environment;
  const origin = process.env.OCTENSOR_ISA ? `, by OCTENSOR_ISA=${process.env.OCTENSOR_ISA}` : '';
  print(
    `octensor      ${version}`,
    `platform      ${[platform, ...(libc === undefined ? [] : [libc])].join(', ')}`,
    `Node          ${node} (Node-API ${nodeApi ?? 'unknown'}, ABI ${nodeAbi})`,
    `CPU           ${cpu}, ${cores} cores`,
    `ISAs          ${isa.join(', ')}; used: ${selected}${origin}`,
  );
}

function printChecks(binary: Binary, kernels: readonly Kernel[], operators: readonly OperatorCheck[]): void {
  print(`binary        ${binary.path} (${binary.kind})`, '');
  printTable<Kernel>(
    [
      { title: 'kernel', align: 'left', cell: ({ name }) => name },
      { title: 'isa', align: 'left', cell: ({ isa }) => isa },
      { title: 'tile MRxNRxKR', align: 'left', cell: ({ mr, nr, kr }) => `${mr}x${nr}x${kr}` },
      { title: 'checks', cell: ({ checks }) => String(checks) },
      { title: 'result', align: 'left', cell: ({ failures }) => (failures.length === 0 ? 'exact' : 'WRONG') },
      { title: '', align: 'left', cell: ({ selected }) => (selected ? '<--' : undefined) },
    ],
    kernels,
  );
  print('');
  printTable<OperatorCheck>(
    [
      { title: 'operators', align: 'left', cell: ({ operators }) => String(operators) },
      { title: 'isa', align: 'left', cell: ({ isa }) => isa },
      { title: 'checks', cell: ({ checks }) => String(checks) },
      { title: 'result', align: 'left', cell: ({ failures }) => (failures.length === 0 ? 'exact' : 'WRONG') },
    ],
    operators,
  );
  for (const { name, failures } of kernels) for (const failure of failures) print(`${name}: ${failure}`);
  for (const { isa, failures } of operators) for (const failure of failures) print(`${isa}: ${failure}`);
}
