/** What a box of text says: one line in, for each step of 8 pixels the probabilities of all characters out. */
import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'octensor';
import { sample } from './sample.mjs';

/** @typedef {import('octensor').Graph} Graph */
/** @typedef {import('octensor').SessionOptions} SessionOptions */
/** @typedef {import('./picture.mjs').Picture} Picture */
/** @typedef {import('./sample.mjs').Box} Box */
/** `confidence` is the mean probability of the characters, 0 for none. @typedef {{ text: string, confidence: number }} Reading */

const half = [0.5, 0.5, 0.5];
const height = 48;
/** The model was trained on lines of this width; shorter ones have zeros to their right. */
const minWidth = 320;
/** Widths are rounded up, so that lines of nearly the same length are of one shape, which is planned once. */
const widthStep = 32;
/** Flatter boxes are squeezed; no line of text is that long. */
const maxWidth = 4096;

export class Recognizer {
  #session;
  #keys;

  /** @param {InferenceSession} session @param {readonly string[]} keys */
  constructor(session, keys) {
    this.#session = session;
    this.#keys = keys;
  }

  /**
   * @param {string | Graph} model
   * @param {string} keyFile one character a line
   * @param {SessionOptions} [options]
   */
  static async create(model, keyFile, options) {
    const [session, keys] = await Promise.all([InferenceSession.create(model, options), readFile(keyFile, 'utf8')]);
    // Class 0 is the blank; the space is not in the file and comes last
    return new Recognizer(session, ['', ...keys.replace(/\r?\n$/, '').split(/\r?\n/), ' ']);
  }

  /**
   * @param {Picture} picture
   * @param {Box} box
   * @returns {Promise<Reading>}
   */
  async recognize(picture, box) {
    const [info] = this.#session.inputs;
    const fixed = info.dims[3];
    const proportion = (box.right - box.left) / (box.bottom - box.top);
    const limit = typeof fixed === 'number' ? fixed : maxWidth;
    const width = Math.min(limit, Math.max(1, Math.ceil(height * proportion)));
    const padded = typeof fixed === 'number' ? fixed : Math.max(minWidth, Math.ceil(width / widthStep) * widthStep);
    const pixels = sample(picture, box, { width, height, mean: half, std: half }, { width: padded, height });
    const results = await this.#session.run({ [info.name]: new Tensor('float32', pixels, [1, 3, height, padded]) });
    const [output] = this.#session.outputNames;
    return decode(/** @type {Float32Array} */ (results[output].data), this.#keys);
  }

  release() {
    return this.#session.release();
  }
}

/**
 * Greedy CTC: the likeliest class of each step; repetitions are one character, blanks separate characters and are dropped
 * (Graves et al. 2006).
 * @param {Float32Array} probabilities [steps, keys.length]
 * @param {readonly string[]} keys by class; the first is the blank
 * @returns {Reading}
 */
export function decode(probabilities, keys) {
  const classes = keys.length;
  if (probabilities.length % classes !== 0) {
    throw new RangeError(
      `expected probabilities of ${classes} classes, as there are keys, got ${probabilities.length} numbers`,
    );
  }
  let [text, sum, count, previous] = ['', 0, 0, 0];
  for (let start = 0; start < probabilities.length; start += classes) {
    const step = probabilities.subarray(start, start + classes);
    let best = 0;
    for (let i = 1; i < classes; i++) if (step[i] > step[best]) best = i;
    if (best !== 0 && best !== previous) {
      text += keys[best];
      sum += step[best];
      count++;
    }
    previous = best;
  }
  return { text, confidence: count === 0 ? 0 : sum / count };
}
