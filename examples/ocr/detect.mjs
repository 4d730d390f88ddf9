/** Where text is: the detector gives each pixel's probability to be inside a shrunken line of text (DB, Liao et al. 2020). */
import { InferenceSession, Tensor } from 'octensor';
import { sample } from './sample.mjs';

/** @typedef {import('octensor').Graph} Graph */
/** @typedef {import('octensor').SessionOptions} SessionOptions */
/** @typedef {import('./picture.mjs').Picture} Picture */
/** @typedef {import('./sample.mjs').Box} Box */

const normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
/** The model halves its input five times. */
const multiple = 32;
/** Of the longer side: larger pictures are made smaller, as text that small is rare. */
const maxSide = 960;

const pixelThreshold = 0.3;
const boxThreshold = 0.6;
const unclipRatio = 1.5;
/** Of a box's shorter side, in the model's pixels; less is noise. */
const minSide = 3;

export class Detector {
  #session;

  /** @param {InferenceSession} session */
  constructor(session) {
    this.#session = session;
  }

  /** @param {string | Graph} model @param {SessionOptions} [options] */
  static async create(model, options) {
    return new Detector(await InferenceSession.create(model, options));
  }

  /**
   * Boxes around the text of a picture, in its pixels, in no order.
   * @param {Picture} picture
   * @returns {Promise<Box[]>}
   */
  async detect(picture) {
    const [info] = this.#session.inputs;
    const [, , fixedHeight, fixedWidth] = info.dims.map((dim) => (typeof dim === 'number' ? dim : Infinity));
    const longest = Math.max(picture.width, picture.height);
    const scale = Math.min(1, maxSide / longest, fixedWidth / picture.width, fixedHeight / picture.height);
    const across = placeSide(picture.width * scale, fixedWidth);
    const down = placeSide(picture.height * scale, fixedHeight);

    const whole = { left: 0, top: 0, right: picture.width, bottom: picture.height };
    const to = { width: across.length, height: down.length, ...normalization };
    const pixels = sample(picture, whole, to, { width: across.frame, height: down.frame });
    const results = await this.#session.run({ [info.name]: new Tensor('float32', pixels, [1, 3, down.frame, across.frame]) });
    const map = /** @type {Float32Array} */ (results[this.#session.outputNames[0]].data);

    const [scaleX, scaleY] = [picture.width / across.length, picture.height / down.length];
    return boxesOf(map, across.frame, down.frame)
      .map((box) => ({
        left: Math.max(0, Math.floor(box.left * scaleX)),
        top: Math.max(0, Math.floor(box.top * scaleY)),
        right: Math.min(picture.width, Math.ceil(box.right * scaleX)),
        bottom: Math.min(picture.height, Math.ceil(box.bottom * scaleY)),
      }))
      .filter((box) => shorterSide(box) > 0); // none that is beyond the picture, in the rest of the frame
  }

  release() {
    return this.#session.release();
  }
}

/**
 * A side of the picture on the side of the input, which may be open: to the next multiple, else as it is, within a frame.
 * @param {number} side
 * @param {number} fixed of the input; Infinity where it is open
 */
function placeSide(side, fixed) {
  const length = Math.max(1, Math.round(side / multiple)) * multiple;
  return Number.isFinite(fixed)
    ? { length: Math.max(1, Math.min(fixed, Math.round(side))), frame: fixed }
    : { length, frame: length };
}

/**
 * The boxes of a map of probabilities [height, width]: around each group of likely pixels, where the whole box is likely enough.
 * @param {Float32Array} map
 * @param {number} width
 * @param {number} height
 * @returns {Box[]}
 */
export function boxesOf(map, width, height) {
  return groupsOf(map, width, height)
    .filter((box) => shorterSide(box) >= minSide && meanOf(map, width, box) > boxThreshold)
    .map(unclip);
}

/**
 * The bounds of each group of pixels above the threshold that touch at sides or corners.
 * @param {Float32Array} map
 * @param {number} width
 * @param {number} height
 */
function groupsOf(map, width, height) {
  const isOpen = Uint8Array.from(map, (probability) => Number(probability > pixelThreshold));
  // Each pixel is pushed once, as it is closed by then
  const stack = new Int32Array(map.length);
  /** @type {Box[]} */
  const boxes = [];
  for (let seed = isOpen.indexOf(1); seed !== -1; seed = isOpen.indexOf(1, seed)) {
    const box = { left: width, top: height, right: 0, bottom: 0 };
    let depth = 0;
    stack[depth++] = seed;
    isOpen[seed] = 0;
    while (depth > 0) {
      const pixel = stack[--depth];
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      box.left = Math.min(box.left, x);
      box.top = Math.min(box.top, y);
      box.right = Math.max(box.right, x + 1);
      box.bottom = Math.max(box.bottom, y + 1);
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const neighbour = ny * width + nx;
          if (isOpen[neighbour] === 0) continue;
          isOpen[neighbour] = 0;
          stack[depth++] = neighbour;
        }
      }
    }
    boxes.push(box);
  }
  return boxes;
}

/** @param {Box} box */
const shorterSide = ({ left, top, right, bottom }) => Math.min(right - left, bottom - top);

/** @param {Float32Array} map @param {number} width @param {Box} box */
function meanOf(map, width, { left, top, right, bottom }) {
  let sum = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) sum += map[y * width + x];
  }
  return sum / ((right - left) * (bottom - top));
}

/**
 * The model was trained on boxes shrunken by area * (1 - 0.4^2) / perimeter; this grows them again, by area * ratio / perimeter.
 * @param {Box} box
 * @returns {Box}
 */
function unclip({ left, top, right, bottom }) {
  const [width, height] = [right - left, bottom - top];
  const distance = (width * height * unclipRatio) / (2 * (width + height));
  return { left: left - distance, top: top - distance, right: right + distance, bottom: bottom + distance };
}
