import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cachedDataVersionTag } from 'node:v8';
import test from 'ava';
import { ChunkLoader } from '#lib/chunk-loader.js';

const chunks = {
  'entry.cjs': `(function(module,exports,require,moduleUrl){
    exports.url = moduleUrl; exports.twice = (x) => 2 * x; exports.other = () => require('./other.cjs'); exports.path = require('node:path');
  })`,
  'other.cjs': `(function(module,exports,require,moduleUrl){ module.exports = { entry: require('./entry.cjs'), run: Symbol() }; })`,
};

interface Entry {
  readonly url: string;
  readonly twice: (x: number) => number;
  readonly other: () => { readonly entry: Entry; readonly run: symbol };
  readonly path: typeof import('node:path');
}

/** A folder of the chunks above. V8 remembers what it compiled by the file's name, so the next process is one with a copy of it. */
function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'octensor-chunks-'));
  for (const [name, text] of Object.entries(chunks)) writeFileSync(join(folder, name), text);
  return folderAt(folder);
}

function folderAt(folder: string) {
  const cacheOf = (name: keyof typeof chunks) => join(folder, `${name}.${cachedDataVersionTag()}.cache`);
  return {
    folder,
    cacheOf,
    caches: () => readdirSync(folder).filter((name) => !Object.hasOwn(chunks, name)),
    makeLoader: () => new ChunkLoader(new URL(`${pathToFileURL(folder)}/`)),
    copy: () => {
      const other = mkdtempSync(join(tmpdir(), 'octensor-chunks-'));
      cpSync(folder, other, { recursive: true });
      return folderAt(other);
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** A loader that has loaded both chunks. */
function loaded({ makeLoader }: ReturnType<typeof makeFolder>): { loader: ChunkLoader; entry: Entry } {
  const loader = makeLoader();
  const entry = loader.load('entry.cjs') as Entry;
  entry.other();
  return { loader, entry };
}

test('chunks require each other and modules, and run once', (t) => {
  const folder = makeFolder();
  const { loader, entry } = loaded(folder);
  t.is(entry.url, pathToFileURL(join(folder.folder, 'entry.cjs')).href);
  t.is(entry.path.join('a', 'b'), join('a', 'b'));
  t.is(entry.other().entry, entry);
  t.is(entry.other().run, entry.other().run);
  t.is(loader.load('entry.cjs'), entry);
  folder.remove();
});

test('a chunk that throws throws again, and is not half there', (t) => {
  const folder = makeFolder();
  writeFileSync(join(folder.folder, 'entry.cjs'), `(function(module,exports){ exports.a = 1; throw new Error('no entry'); })`);
  const loader = folder.makeLoader();
  for (const _ of ['first', 'again']) t.throws(() => loader.load('entry.cjs'), { message: 'no entry' });
  folder.remove();
});

test('the next process starts from the caches of the first', (t) => {
  const first = makeFolder();
  loaded(first).loader.save();
  t.is(first.caches().length, 2);
  const next = first.copy();
  const { loader, entry } = loaded(next);
  t.is(entry.twice(4), 8);
  for (const name of next.caches()) rmSync(join(next.folder, name));
  loader.save();
  t.deepEqual(next.caches(), [], 'nothing was compiled without a cache');
  first.remove();
  next.remove();
});

test('a cache that V8 refuses is replaced', (t) => {
  const first = makeFolder();
  loaded(first).loader.save();
  writeFileSync(first.cacheOf('entry.cjs'), 'no cache');
  const next = first.copy();
  const { loader, entry } = loaded(next);
  t.is(entry.twice(4), 8);
  for (const name of next.caches()) rmSync(join(next.folder, name));
  loader.save();
  t.deepEqual(next.caches(), [`entry.cjs.${cachedDataVersionTag()}.cache`]);
  first.remove();
  next.remove();
});

test('where a cache can be neither read nor written, chunks are compiled and nothing is left', (t) => {
  const folder = makeFolder();
  mkdirSync(join(folder.cacheOf('entry.cjs'), 'taken'), { recursive: true });
  const { loader, entry } = loaded(folder);
  t.is(entry.twice(4), 8);
  t.notThrows(() => loader.save());
  t.deepEqual(folder.caches(), [`entry.cjs.${cachedDataVersionTag()}.cache`]);
  folder.remove();
});

test.serial('NODE_DISABLE_COMPILE_CACHE leaves no cache', (t) => {
  const folder = makeFolder();
  process.env.NODE_DISABLE_COMPILE_CACHE = '1';
  loaded(folder).loader.save();
  delete process.env.NODE_DISABLE_COMPILE_CACHE;
  t.deepEqual(folder.caches(), []);
  folder.remove();
});
