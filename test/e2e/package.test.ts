import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestFn } from 'ava';
import { publint } from 'publint';
import { Installation, type Packed, root } from './installed.js';

const installedTest = test as TestFn<{ installation: Installation; packed: Packed }>;

// A 2x3 by 3x2 multiplication done by hand: [1 2 3; 4 5 6] x [1 -2; 3 -4; 5 -6].
const product = [22, -28, 49, -64];
const multiply = (backend: string) => `
  const b = PackedMatrix.pack(Int8Array.of(1, -2, 3, -4, 5, -6), { k: 3, n: 2, backend: '${backend}' });
  const c = gemm(Uint8Array.of(1, 2, 3, 4, 5, 6), b, { m: 2 });`;
const imports = `import { cpuInfo, gemm, PackedMatrix } from 'octensor/gemm';`;

installedTest.before(async (t) => {
  t.context = await Installation.create();
});

installedTest.after.always((t) => {
  if (t.context.installation) rmSync(join(t.context.installation.folder, '..'), { recursive: true });
});

installedTest.serial('the tarball holds what users need and nothing else', (t) => {
  const paths = t.context.packed.files.map(({ path }) => path);
  const wanted =
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/.+\.(js|cjs|d\.ts)|prebuilds\/[a-z0-9]+-[a-z0-9]+\/octensor[.a-z]*\.node)$/;
  t.deepEqual(
    paths.filter((path) => !wanted.test(path)),
    [],
  );

  const sourceOf = (path: string) => join(root, 'lib', `${path.replace(/^dist\/|(\.d\.ts|\.js)$/g, '')}.ts`);
  const stale = paths.filter(
    (path) => path.startsWith('dist/') && !path.startsWith('dist/chunks/') && !existsSync(sourceOf(path)),
  );
  t.deepEqual(stale, []);
  const modules = paths.filter((path) => /\.c?js$/.test(path));
  t.true(modules.length < 40, `${modules.length} files to import`); // one for each source file takes ten times as long

  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const targets = [...Object.values(exports), ...Object.values(bin)].flatMap((target) =>
    Object.values(typeof target === 'string' ? { target } : (target as object)),
  );
  for (const needed of ['README.md', 'LICENSE', 'CHANGELOG.md', ...targets])
    t.true(paths.includes(needed.replace('./', '')), needed);
  for (const platform of ['linux-x64', 'linux-arm64'])
    t.true(
      paths.some((path) => path.startsWith(`prebuilds/${platform}/`)),
      platform,
    );
  t.true(t.context.packed.unpackedSize < 8e6, `${t.context.packed.unpackedSize} bytes`);
});

installedTest.serial('publint has nothing to say', async (t) => {
  const pkgDir = join(t.context.installation.folder, 'node_modules', 'octensor');
  const { messages } = await publint({ pkgDir, pack: false, strict: true });
  t.deepEqual(messages, []);
});

installedTest.serial('without a compiler it multiplies natively', async (t) => {
  const source = `${imports} ${multiply('native')} console.log(JSON.stringify({ c: [...c], isa: cpuInfo().isa }));`;
  const { c, isa } = (await t.context.installation.evaluate(source)) as { c: number[]; isa: string[] };
  t.deepEqual(c, product);
  t.true(isa.includes('scalar'));
});

installedTest.serial('a first process leaves the code that it compiled to the next', async (t) => {
  const chunks = join(t.context.installation.folder, 'node_modules', 'octensor', 'dist', 'chunks');
  const caches = () => readdirSync(chunks).filter((name) => name.endsWith('.cache'));
  const written = () => caches().map((name) => [name, statSync(join(chunks, name)).mtimeMs]);
  for (const name of caches()) rmSync(join(chunks, name));
  const source = `${imports} ${multiply('native')} console.log(JSON.stringify([...c]));`;
  t.deepEqual(await t.context.installation.evaluate(source), product);
  const first = written();
  t.true(first.length > 0);
  t.deepEqual(await t.context.installation.evaluate(source), product);
  t.deepEqual(written(), first, 'a cache that V8 refuses would have been written again');
});

installedTest.serial('both entries have types', async (t) => {
  const { folder } = t.context.installation;
  const source = `
    import { type OctensorError, Tensor } from 'octensor';
    import { gemm, PackedMatrix } from 'octensor/gemm';
    const b = PackedMatrix.pack(Int8Array.of(1), { k: 1, n: 1 });
    export const c: Int32Array | Float32Array | Int8Array | Uint8Array = gemm(new Tensor('uint8', [1]).data, b, { m: 1 });
    // @ts-expect-error: m is required
    gemm(Uint8Array.of(1), b, {});
    export type Code = OctensorError['code'];`;
  writeFileSync(join(folder, 'types.ts'), source);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const compilerOptions = { strict: true, noEmit: true, target: 'es2023', module: 'nodenext', types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['types.ts'] }));
  const { code, stdout } = await t.context.installation.node(tsc, '--project', folder);
  t.deepEqual({ code, stdout }, { code: 0, stdout: '' });
});

installedTest.serial('the command runs', async (t) => {
  const { code, stdout } = await t.context.installation.node(
    join('node_modules', 'octensor', 'dist', 'cli', 'index.js'),
    'doctor',
  );
  t.is(code, 0);
  t.regex(stdout, /prebuil/i);
});

installedTest.serial('without a binary it imports, warns once and multiplies on the reference', async (t) => {
  const { installation } = t.context;
  const prebuilds = join(installation.folder, 'node_modules', 'octensor', 'prebuilds');
  renameSync(prebuilds, `${prebuilds}.away`);
  const source = `${imports}
    const warnings = [];
    process.on('warning', ({ code, message }) => warnings.push({ code, message }));
    ${multiply('auto')}
    PackedMatrix.pack(Int8Array.of(1), { k: 1, n: 1 });
    PackedMatrix.pack(Int8Array.of(1), { k: 1, n: 1, backend: 'reference' });
    let error;
    try { PackedMatrix.pack(Int8Array.of(1), { k: 1, n: 1, backend: 'native' }); } catch ({ name, code }) { error = { name, code }; }
    setImmediate(() => console.log(JSON.stringify({ c: [...c], warnings, error })));`;
  const { c, warnings, error } = (await installation.evaluate(source)) as {
    c: number[];
    warnings: { code: string; message: string }[];
    error: unknown;
  };
  renameSync(`${prebuilds}.away`, prebuilds);
  t.deepEqual(c, product);
  t.deepEqual(
    warnings.map(({ code }) => code),
    ['OCTENSOR_NO_NATIVE'],
  );
  t.regex(warnings[0]?.message ?? '', /npm run build|prebuil/, 'the warning names a remedy');
  t.deepEqual(error, { name: 'OctensorError', code: 'ERR_NATIVE' });
});

test('no lifecycle script runs at installation', async (t) => {
  const { scripts, gypfile } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.false(gypfile);
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) t.is(scripts[name], undefined, name);
});
