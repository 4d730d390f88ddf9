/** Data of tensors in files beside the model, which a model may only name inside its own folder. */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { posix, relative, resolve, sep, win32 } from 'node:path';
import { describe, invalid, OctensorError } from '../errors.js';

/** How often a model's tensors together may read each byte of its files: some share theirs. */
const readsPerByte = 8;
/** Of one call: the system takes no more than 2^31 - 1. */
const maxRead = 2 ** 30;

export class ExternalData {
  readonly #folder: string | undefined;
  /** The bytes of each file that was read from. */
  readonly #sizes = new Map<string, number>();
  #budget = 0;

  /** Without a folder, a model that was given as bytes has no files. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /**
   * A copy of `length` bytes of a file, which is opened for it alone. Throws ERR_MODEL_FORMAT, beginning with `where`, for a
   * location that is not inside the folder, links followed, or no regular file, and for bytes that the file does not have;
   * ERR_OPTION without a folder.
   */
  read(location: string, offset: number, length: number, where: string): Uint8Array {
    return this.#open(location, where, (file, path, size, place) => {
      this.#charge(path, size, offset, length, place);
      return readExactly(file, offset, length, place);
    });
  }

  /** As `read`, all of a file that has at most `most` bytes. */
  readAll(location: string, most: number, where: string): Uint8Array {
    return this.#open(location, where, (file, path, size, place) => {
      if (size > most) throw invalid('ERR_MODEL_FORMAT', place, `at most ${most} bytes`, size);
      this.#charge(path, size, 0, size, place);
      return readExactly(file, 0, size, place);
    });
  }

  #open<T>(location: string, where: string, use: (file: number, path: string, size: number, place: string) => T): T {
    const place = `${where}, external data ${describe(location)}`;
    const path = this.#resolve(location, place);
    let file: number;
    try {
      // Not to wait for a writer, should it be a pipe; nor to follow a link that was not there a moment ago
      file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
    } catch (error) {
      throw unreadable(place, error);
    }
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw invalid('ERR_MODEL_FORMAT', place, 'a regular file', 'something else');
      return use(file, path, stats.size, place);
    } finally {
      closeSync(file);
    }
  }

  #resolve(location: string, place: string): string {
    if (this.#folder === undefined) {
      throw invalid('ERR_OPTION', place, 'the model as a path, from which its folder is known', 'bytes');
    }
    const isInside =
      location !== '' &&
      !location.includes('\0') &&
      !posix.isAbsolute(location) &&
      !win32.isAbsolute(location) &&
      !/^[a-z]:/i.test(location) &&
      !location.split(/[\\/]/).includes('..');
    if (!isInside) throw invalid('ERR_MODEL_FORMAT', place, "a relative path in the model's folder", location);
    let folder: string;
    let path: string;
    try {
      folder = realpathSync(this.#folder);
      path = realpathSync(resolve(folder, location));
    } catch (error) {
      throw unreadable(place, error);
    }
    const inFolder = relative(folder, path);
    if (inFolder === '..' || inFolder.startsWith(`..${sep}`) || win32.isAbsolute(inFolder) || posix.isAbsolute(inFolder)) {
      throw invalid('ERR_MODEL_FORMAT', place, "a path in the model's folder", 'a link out of it');
    }
    return path;
  }

  #charge(path: string, size: number, offset: number, length: number, place: string): void {
    if (
      !(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 && length <= size - offset)
    ) {
      throw invalid('ERR_MODEL_FORMAT', place, `bytes inside the file's ${size}`, `${length} from ${offset}`);
    }
    if (!this.#sizes.has(path)) {
      this.#sizes.set(path, size);
      this.#budget += size * readsPerByte;
    }
    this.#budget -= length;
    if (this.#budget < 0) throw invalid('ERR_MODEL_FORMAT', place, 'each byte to be read once or so', 'far more to read');
  }
}

function readExactly(file: number, offset: number, length: number, place: string): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(file, bytes, done, Math.min(length - done, maxRead), offset + done);
    if (count === 0) throw invalid('ERR_MODEL_FORMAT', place, `${length} bytes`, `${done}: the file became shorter`);
    done += count;
  }
  return bytes;
}

function unreadable(place: string, error: unknown): OctensorError {
  const code = (error as NodeJS.ErrnoException).code ?? 'an error';
  return new OctensorError('ERR_MODEL_FORMAT', `${place}: expected a file that can be read, got ${code}`, { cause: error });
}
