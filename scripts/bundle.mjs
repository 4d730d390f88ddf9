/**
 * Makes dist/ what users import: a few files instead of some two hundred, whose opening one by one would take most of the time from
 * `import 'octensor'` to a first result. dist/chunks/ has the library's code, as lib/chunk-loader.ts loads it, and what the entries
 * share once, so that there is one OctensorError for all. Types in dist/ come from tsc, and so do the modules in build/lib/, one for
 * one, on which the tests run: for everything below build/, `octensor` and `#lib/` mean those.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { build, transform } from 'esbuild';
import { root } from './run.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const dist = join(root, 'dist');

/**
 * Leaves out what nobody uses, and no bundler can tell: static methods of the FlatBuffers classes, which write files, and, but for
 * the command (`octensor doctor` runs them), the cases of each operator.
 * @param {boolean} isLibrary
 * @returns {import('esbuild').Plugin}
 */
const withoutUnused = (isLibrary) => ({
  name: 'without-unused',
  setup({ onLoad }) {
    /** @param {RegExp} filter @param {RegExp} unused */
    const leaveOut = (filter, unused) =>
      onLoad({ filter }, ({ path }) => ({ loader: 'ts', contents: readFileSync(path, 'utf8').replace(unused, '') }));
    leaveOut(/[\\/]schema[\\/]tflite[\\/].*\.ts$/, /^static (?!getRootAsModel)[\s\S]*?^}$/gm);
    if (isLibrary) leaveOut(/[\\/]lib[\\/]ops[\\/].*\.ts$/, /^( +)\*?cases\(.*\{\n[\s\S]*?^\1\},$/gm);
  },
});

/**
 * Puts the texts of a report's page into the command, where lib/cli/report/assets.ts reads them from files.
 * @type {import('esbuild').Plugin}
 */
const reportAssets = {
  name: 'report-assets',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]report[\\/]assets\.ts$/ }, async () => {
      const installed = createRequire(import.meta.url);
      const page = join(root, 'lib', 'cli', 'report', 'page');
      /** @param {string} name @param {'js' | 'css'} loader */
      const minified = async (name, loader) =>
        (await transform(readFileSync(join(page, name), 'utf8'), { loader, minify: true })).code;
      const assets = {
        plotScript: readFileSync(installed.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8'),
        plotStyle: readFileSync(installed.resolve('uplot/dist/uPlot.min.css'), 'utf8'),
        script: await minified('page.js', 'js'),
        style: await minified('page.css', 'css'),
      };
      return { loader: 'js', contents: `export const pageAssets = () => (${JSON.stringify(assets)});` };
    });
  },
};

const notice =
  '/* octensor, Apache-2.0. With FlatBuffers, Copyright Google Inc., Apache-2.0' +
  '; cli-progress, and in the command tinyglobby, fdir, picomatch and uPlot, MIT. */';
/** CommonJS that became part of a file asks for Node's own modules. */
const requireForBundled = `import { createRequire as octensorRequire } from 'node:module'; const require = octensorRequire(import.meta.url);`;

/** @satisfies {import('esbuild').BuildOptions} */
const common = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // The FlatBuffers reader becomes part of a file; what users install with the package is imported.
  external: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
  mainFields: ['module', 'main'],
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
};

/**
 * The library: CommonJS chunks, wrapped in the function that ChunkLoader (lib/chunk-loader.ts) calls, and a module for each entry that
 * exports what its chunk does. esbuild splits ES modules only, so each chunk is made CommonJS after that.
 * @param {readonly string[]} entries
 */
async function bundleLibrary(entries) {
  const sources = join(root, 'lib');
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: entries.map((name) => join(sources, `${name}.ts`)),
    outdir: join(dist, 'chunks'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    splitting: true,
    plugins: [withoutUnused(true)],
    absWorkingDir: root,
    write: false,
    metafile: true,
  });
  mkdirSync(join(dist, 'chunks'), { recursive: true });
  for (const { path, text } of outputFiles) {
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: common.target,
      supported: { 'dynamic-import': false },
      define: { 'import.meta.url': 'moduleUrl' },
      minifyWhitespace: true,
      minifySyntax: true,
    });
    writeFileSync(path, `${notice}\n(function(module,exports,require,moduleUrl){${code}})`);
  }
  await build({ ...common, entryPoints: [join(sources, 'chunk-loader.ts')], outdir: dist, banner: { js: notice } });
  for (const [chunk, { entryPoint, exports }] of Object.entries(metafile.outputs)) {
    const name = entries.find((entry) => entryPoint === `lib/${entry}.ts`);
    if (name === undefined) continue;
    const loader = name.includes('/') ? '../chunk-loader.js' : './chunk-loader.js';
    const code = `import{load}from'${loader}';export const{${exports.join(',')}}=load('${basename(chunk)}');\n`;
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, `${name}.js`), `${notice}\n${code}`);
  }
}

/**
 * Programs of their own, a file each: their code would be in twice as many, were they bundled with the library.
 * @param {readonly string[]} entries
 */
async function bundlePrograms(entries) {
  await build({
    ...common,
    entryPoints: entries.map((name) => join(root, 'lib', `${name}.ts`)),
    outbase: join(root, 'lib'),
    outdir: dist,
    plugins: [withoutUnused(false), reportAssets],
    banner: { js: `${notice}\n${requireForBundled}` },
    minifyIdentifiers: true, // the command prints one line, where stack traces of the library name its functions
  });
}

/** build/package.json: Node takes the nearest one for what a package's own name and `#` mean. */
function scopeOfModules() {
  const { name, version, type } = manifest;
  /** @param {string} file */
  const moduleOf = (file) => file.replace('./dist/', './lib/');
  const exports = Object.fromEntries(
    ['.', './gemm', './qat', './tfjs'].map((entry) => [entry, moduleOf(manifest.exports[entry].default)]),
  );
  const imports = { '#lib/*.js': moduleOf(manifest.imports['#lib/*.js']) };
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(join(root, 'build', 'package.json'), `${JSON.stringify({ name, version, type, exports, imports }, null, 2)}\n`);
}

mkdirSync(dist, { recursive: true });
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (/\.(js|cjs|cache)$/.test(name)) rmSync(join(dist, name));
}
await bundleLibrary(['index', 'gemm', 'qat/index', 'tfjs/index']);
// The second one is what lib/cli/programs.ts starts
await bundlePrograms(['cli/index', 'cli/peers/onnxruntime-process']);
scopeOfModules();
