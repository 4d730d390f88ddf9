import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { cpuInfo } from '#lib/cpu-info.js';

const cli = fileURLToPath(new URL('../../../dist/cli/index.js', import.meta.url));
const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Closes our end of its stdout at once. */
  readonly closeStdout?: boolean;
}

function octensor(
  args: readonly string[],
  { env = {}, cwd = process.cwd(), closeStdout = false }: Options = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    if (closeStdout) child.stdout.destroy();
    else child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** What a failed command leaves: a status, nothing on stdout, and one line on stderr. */
const failure = test.macro(async (t, args: readonly string[], code: number, line: RegExp, options: Options = {}) => {
  const ended = await octensor(args, options);
  t.is(ended.code, code, ended.stderr);
  t.is(ended.stdout, '');
  t.regex(ended.stderr, /^octensor: ERR_[A-Z]+: [^\n]+\n$/);
  t.regex(ended.stderr, line);
});

const benchTiny = ['bench', 'gemm', '--shapes', '3x5x7', '--repetitions', '1'];

test('--version prints that of the package', async (t) => {
  t.deepEqual(await octensor(['--version']), { code: 0, stdout: `${manifest.version}\n`, stderr: '' });
});

test('--help names the commands', async (t) => {
  const { code, stdout, stderr } = await octensor(['--help']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  t.regex(stdout, /^ +run /m);
  t.regex(stdout, /^ +inspect /m);
  t.regex(stdout, /^ +compare /m);
  t.regex(stdout, /^ +bench /m);
  t.regex(stdout, /^ +doctor /m);
});

test(
  'no command is wrong usage',
  failure,
  [],
  2,
  /ERR_OPTION: octensor: .*expected one of: run, inspect, quantize, compare, bench, doctor/,
);
test(
  'an unknown command is wrong usage',
  failure,
  ['nope'],
  2,
  /unknown command 'nope', expected one of: run, inspect, quantize, compare, bench, doctor/,
);
test('an unknown option is wrong usage', failure, ['doctor', '--nope'], 2, /unknown option '--nope'/);
test('an argument too many is wrong usage', failure, ['doctor', 'nope'], 2, /too many arguments/);
test('bench alone is wrong usage', failure, ['bench'], 2, /octensor bench: .*expected one of: gemm/);
test('bench names what exists', failure, ['bench', 'warp'], 2, /unknown command 'warp', expected one of: gemm, conv, model/);
test('bench conv: four dimensions', failure, ['bench', 'conv', '--shapes', '8x8x8x3'], 2, /--shapes.*SIZExCIN.*'8x8x8x3'/);
test('bench conv: a window larger than its image', failure, ['bench', 'conv', '--shapes', '2x8x8x3x1'], 2, /--shapes.*inside/);
test('a shape of two dimensions is wrong usage', failure, ['bench', 'gemm', '--shapes', '8x8'], 2, /--shapes.*MxKxN.*'8x8'/);
test('a dimension 0 is wrong usage', failure, ['bench', 'gemm', '--shapes', '8x0x8'], 2, /--shapes.*from 1.*'0'/);
test('matrices too large are wrong usage', failure, ['bench', 'gemm', '--shapes', '65536x65536x1'], 2, /--shapes.*2\^31/);
test('an unknown instruction set is wrong usage', failure, [...benchTiny, '--isa', 'sse9'], 2, /--isa.*one of.*'sse9'/);
test('an unknown element type is wrong usage', failure, [...benchTiny, '--a', 'int4'], 2, /--a.*uint8, int8.*'int4'/);
test('unknown numerics are wrong usage', failure, [...benchTiny, '--numerics', 'exact'], 2, /--numerics.*'exact'/);
test('no threads are wrong usage', failure, [...benchTiny, '--threads', '0'], 2, /--threads.*from 1/);
test(
  'too many threads are wrong usage',
  failure,
  [...benchTiny, '--threads', '65'],
  2,
  /threads: expected an integer from 1 to 64/,
);
test('an unknown peer is wrong usage', failure, [...benchTiny, '--peer', 'other'], 2, /--peer.*onnxruntime.*'other'/);
test(
  'a product that the peer does not have is wrong usage',
  failure,
  [...benchTiny, '--peer', 'onnxruntime', '--output', 'float32'],
  2,
  /--peer onnxruntime: .*float32/,
);
test('an unknown OCTENSOR_ISA is wrong usage', failure, benchTiny, 2, /OCTENSOR_ISA: .*"sse9"/, {
  env: { OCTENSOR_ISA: 'sse9' },
});

const foreign = process.arch === 'arm64' ? 'avx2' : 'neon';
test(
  'an instruction set that this machine lacks fails the run',
  failure,
  [...benchTiny, '--isa', foreign],
  1,
  /ERR_NATIVE: isa/,
);

test('without a binary, bench fails and says what to do', failure, benchTiny, 1, /ERR_NATIVE: .*npm run build/, {
  env: { OCTENSOR_PREBUILD: tmpdir(), PREBUILDS_ONLY: '1' },
});

test('bench gemm --json has the documented members', async (t) => {
  const { isa, selected } = cpuInfo();
  const { code, stdout, stderr } = await octensor([
    ...benchTiny,
    '--shapes',
    '3x5x7,1x64x32',
    '--isa',
    'all',
    '--threads',
    '1,2',
    '--json',
  ]);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const report = JSON.parse(stdout);
  t.deepEqual(Object.keys(report), ['cpu', 'isa', 'peakGops', 'results']);
  t.is(typeof report.cpu, 'string');
  t.is(report.isa, selected);
  t.deepEqual(new Set(Object.keys(report.peakGops)), new Set(isa));
  for (const gops of Object.values(report.peakGops)) t.true(Number(gops) > 0);

  t.is(report.results.length, 2 * isa.length * 2);
  for (const result of report.results) {
    for (const name of ['m', 'k', 'n', 'threads', 'gops', 'percentOfPeak', 'medianMicroseconds'])
      t.true(result[name] > 0, name);
    t.is(result.selected, result.isa === selected);
    t.deepEqual([result.a, result.b, result.out, result.numerics], ['uint8', 'int8', 'uint8', 'onnx']);
    t.is(result.speedup !== undefined, result.threads === 2);
    t.is(result.gigabytesPerSecond !== undefined, result.m === 1);
    t.is(result.readGigabytesPerSecond !== undefined, result.m === 1);
    t.false('peer' in result);
  }
  const gridOf = ({ m, k, n, isa, threads }: Record<string, unknown>) => `${m}x${k}x${n} ${isa} ${threads}`;
  t.is(new Set(report.results.map(gridOf)).size, report.results.length);
});

test('bench gemm measures every type and numerics that it is asked for', async (t) => {
  const types = ['--a', 'uint8,int8', '--b', 'int8,uint8', '--numerics', 'onnx,tflite,single'];
  const { code, stdout } = await octensor([...benchTiny, ...types, '--json']);
  t.is(code, 0);
  const seen = JSON.parse(stdout).results.map(({ a, b, out, numerics }: Record<string, string>) =>
    [a, b, out, numerics].join(' '),
  );
  const expected = ['uint8', 'int8'].flatMap((a) =>
    ['int8', 'uint8'].flatMap((b) => ['onnx', 'tflite', 'single'].map((numerics) => [a, b, a, numerics].join(' '))),
  );
  t.deepEqual(seen, expected);
});

test('the output type can differ from that of A', async (t) => {
  for (const out of ['int8', 'int32', 'float32']) {
    const { stdout } = await octensor([...benchTiny, '--output', out, '--json']);
    t.deepEqual(
      JSON.parse(stdout).results.map((result: { out: string }) => result.out),
      [out],
    );
  }
});

test('the table marks the instruction set that calls use', async (t) => {
  const { code, stdout, stderr } = await octensor([...benchTiny, '--isa', 'all']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const marked = stdout.split('\n').filter((line) => line.includes('<--'));
  t.is(marked.length, 1);
  t.regex(marked[0]!, new RegExp(`^\\| 3x5x7 +\\| ${cpuInfo().selected} `));
});

test('OCTENSOR_ISA moves the mark', async (t) => {
  const { stdout } = await octensor([...benchTiny, '--isa', 'all', '--json'], { env: { OCTENSOR_ISA: 'scalar' } });
  const { isa, results } = JSON.parse(stdout);
  t.is(isa, 'scalar');
  t.deepEqual(
    results.filter(({ selected }: { selected: boolean }) => selected).map((result: { isa: string }) => result.isa),
    ['scalar'],
  );
});

test('the peer is compared, or its absence says how to install it', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'octensor-cli-'));
  try {
    const args = [...benchTiny, '--threads', '1,2', '--peer', 'onnxruntime', '--json'];
    const { code, stdout, stderr } = await octensor(args, { cwd });
    if (isInstalled('onnxruntime-node')) {
      t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      for (const { peer } of JSON.parse(stdout).results) {
        t.is(peer.name, 'onnxruntime');
        t.true(peer.gops > 0 && peer.ratio > 0);
      }
    } else {
      t.deepEqual({ code, stdout }, { code: 1, stdout: '' });
      t.regex(stderr, /^octensor: ERR_PEER: [^\n]*npm install [^\n]*onnxruntime-node[^\n]*\n$/);
    }
  } finally {
    rmSync(cwd, { recursive: true });
  }
});

function isInstalled(name: string): boolean {
  try {
    createRequire(cli).resolve(name);
    return true;
  } catch {
    return false;
  }
}

test('doctor finds every kernel and every operator exact', async (t) => {
  const { code, stdout, stderr } = await octensor(['doctor', '--json']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const report = JSON.parse(stdout);
  const { isa, selected, cores } = cpuInfo();
  t.deepEqual([report.isa, report.selected, report.cores], [isa, selected, cores]);
  t.deepEqual([report.version, report.node, report.ok], [manifest.version, process.versions.node, true]);
  t.regex(report.binary.path, /\.node$/);
  t.deepEqual(new Set(report.kernels.map((kernel: { isa: string }) => kernel.isa)), new Set(isa));
  for (const { checks, failures } of report.kernels) {
    t.true(checks >= 100);
    t.deepEqual(failures, []);
  }
  t.deepEqual(
    report.operators.map((check: { isa: string }) => check.isa),
    isa,
  );
  for (const { checks, failures } of report.operators) {
    t.true(checks >= 500);
    t.deepEqual(failures, []);
  }
  const marked = report.kernels.filter((kernel: { selected: boolean }) => kernel.selected);
  t.deepEqual(
    marked.map((kernel: { isa: string }) => kernel.isa),
    [selected],
  );
});

test('doctor says the same to people', async (t) => {
  const { code, stdout, stderr } = await octensor(['doctor']);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  for (const line of [/^octensor +\d/m, /^Node +\d/m, /^CPU +\S/m, /^ISAs +\S.*scalar/m, /^binary +\S.*\.node/m])
    t.regex(stdout, line);
  t.regex(
    stdout,
    new RegExp(`^\\| \\S+ +\\| ${cpuInfo().selected} +\\| \\d+x\\d+x\\d+ +\\| +\\d+ \\| exact +\\| <-- \\|$`, 'm'),
  );
  t.notRegex(stdout, /WRONG/);
});

test('without a binary, doctor fails and says what to do', async (t) => {
  const { code, stdout, stderr } = await octensor(['doctor', '--json'], {
    env: { OCTENSOR_PREBUILD: tmpdir(), PREBUILDS_ONLY: '1' },
  });
  t.is(code, 1);
  t.regex(stderr, /^octensor: ERR_NATIVE: [^\n]*npm run build[^\n]*\n$/);
  const { ok, binary, error } = JSON.parse(stdout);
  t.deepEqual({ ok, binary }, { ok: false, binary: null });
  t.regex(error, /npm run build/);
});

test('a reader that leaves early is no failure', async (t) => {
  t.deepEqual(await octensor(['doctor'], { closeStdout: true }), { code: 0, stdout: '', stderr: '' });
});
