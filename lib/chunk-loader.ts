/**
 * How the files of dist/ load the library: CommonJS chunks with V8's code cache. Until a first inference V8 spends as long compiling
 * as running, so the first process that uses the library leaves what V8 compiled beside each chunk, and the next ones start from
 * that. (Node 22 has `module.enableCompileCache`, which is for programs to call, not for libraries.)
 *
 * A cache is as trusted as the chunk it lies beside: who may write one may write the other. V8 refuses what another version or other
 * flags made; then, where the folder can't be written, and with NODE_DISABLE_COMPILE_CACHE, chunks are compiled as always. Another text
 * has another name: scripts/bundle.mjs puts its hash there.
 */

// Importing these by name would load all that they export lazily, such as streams
const { readFileSync, renameSync, rmSync, writeFileSync } = process.getBuiltinModule('node:fs');
const { createRequire } = process.getBuiltinModule('node:module');
const { fileURLToPath, pathToFileURL } = process.getBuiltinModule('node:url');
const { cachedDataVersionTag } = process.getBuiltinModule('node:v8');
const { Script } = process.getBuiltinModule('node:vm');

interface Chunk {
  exports: object;
}

/** What scripts/bundle.mjs wraps a chunk in. */
type ChunkFunction = (module: Chunk, exports: object, require: (id: string) => unknown, moduleUrl: string) => void;

/** After which a process has most likely run what it will run. */
const settledMs = 3000;

export class ChunkLoader {
  readonly #folder: URL;
  readonly #require: NodeJS.Require;
  readonly #chunks = new Map<string, Chunk>();
  /** Compiled without a cache, by the file that will be theirs. */
  readonly #uncached = new Map<string, InstanceType<typeof Script>>();

  /** `folder`: of the chunks and their caches; ends with a slash. */
  constructor(folder: URL) {
    this.#folder = folder;
    this.#require = createRequire(folder);
  }

  /** What the chunk `name` exports; its code runs the first time. */
  load(name: string): object {
    const known = this.#chunks.get(name);
    if (known) return known.exports;
    const chunk: Chunk = { exports: {} };
    this.#chunks.set(name, chunk);
    const filename = fileURLToPath(new URL(name, this.#folder));
    const run = this.#compiled(filename).runInThisContext() as ChunkFunction;
    const require = (id: string) => (id.startsWith('./') ? this.load(id.slice(2)) : this.#require(id));
    try {
      run(chunk, chunk.exports, require, pathToFileURL(filename).href);
    } catch (error) {
      this.#chunks.delete(name); // half a chunk is none
      throw error;
    }
    return chunk.exports;
  }

  #compiled(filename: string): InstanceType<typeof Script> {
    const text = readFileSync(filename, 'latin1'); // chunks are ASCII: strings of a byte a character
    if (process.env.NODE_DISABLE_COMPILE_CACHE) return new Script(text, { filename });
    const cache = `${filename}.${cachedDataVersionTag()}.cache`;
    const cachedData = readIfThere(cache);
    const script = new Script(text, { filename, ...(cachedData && { cachedData }) });
    if (!cachedData || script.cachedDataRejected) {
      if (this.#uncached.size === 0) {
        setTimeout(() => this.save(), settledMs).unref();
        process.once('exit', () => this.save());
      }
      this.#uncached.set(cache, script);
    }
    return script;
  }

  /** Writes the caches that were not there, once. */
  save(): void {
    for (const [cache, script] of this.#uncached) {
      // Others may be writing the same: each a file of its own, whole when it gets the name
      const temporary = `${cache}.${process.pid}-${process.hrtime.bigint()}`;
      try {
        writeFileSync(temporary, script.createCachedData());
        renameSync(temporary, cache);
      } catch {
        rmSync(temporary, { force: true });
        break; // a folder that can't be written, most often
      }
    }
    this.#uncached.clear();
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

const library = new ChunkLoader(new URL('chunks/', import.meta.url));

/** What one of the library's own chunks exports. */
export const load = (name: string): object => library.load(name);
