/**
 * Capital letters, digits and a few signs as lines of a pen.
 *
 * A glyph is its strokes, separated by `|`; a stroke is its points, each two digits of base 36: x to the right, y downwards, a
 * capital is 12 high. `~` makes the stroke round: its points are then what a quadratic B-spline follows, closed where the last
 * point is the first.
 */

/** @typedef {readonly [x: number, y: number]} Point */

export const capHeight = 12;
const gap = 3;
const spaceWidth = 5;

/** @type {Readonly<Record<string, string>>} */
const glyphs = {
  A: '0c 40 8c|28 68',
  B: '00 0c|~00 70 76 06|~06 86 8c 0c',
  C: '~82 80 00 0c 8c 8a',
  D: '00 0c|~00 90 9c 0c',
  E: '70 00 0c 7c|06 66',
  F: '70 00 0c|06 66',
  G: '~82 80 00 0c 8c 87|87 57',
  H: '00 0c|80 8c|06 86',
  I: '00 0c',
  J: '~60 6c 0c 09',
  K: '00 0c|80 07|34 8c',
  L: '00 0c 7c',
  M: '0c 00 58 a0 ac',
  N: '0c 00 8c 80',
  O: '~00 a0 ac 0c 00',
  P: '00 0c|~00 80 87 07',
  Q: '~00 a0 ac 0c 00|69 ad',
  R: '00 0c|~00 80 87 07|47 8c',
  S: '~82 80 00 06 86 8c 0c 0a',
  T: '00 80|40 4c',
  U: '~00 0c 8c 80',
  V: '00 4c 80',
  W: '00 3c 62 9c c0',
  X: '00 8c|80 0c',
  Y: '00 46 80|46 4c',
  Z: '00 80 0c 8c',
  0: '~00 60 6c 0c 00',
  1: '03 40 4c',
  2: '~03 00 80 85 0c|0c 8c',
  3: '~02 00 80 86 36|~36 86 8c 0c 0a',
  4: '6c 60 08 88',
  5: '70 10 05|~05 44 84 8c 0c 0a',
  6: '~70 00 09|~05 85 8c 0c 05',
  7: '00 80 3c',
  8: '~10 70 76 16 10|~06 86 8c 0c 06',
  9: '~1c 8c 83|~87 07 00 80 87',
  '-': '06 56',
  '+': '06 86|42 4a',
  '.': '0c 0c',
  ':': '04 04|0c 0c',
  '/': '0c 60',
};

/**
 * One line of text from (0, 0) on, in units of the font. Throws RangeError for a character that the font lacks.
 * @param {string} text
 * @returns {{ readonly width: number, readonly strokes: readonly (readonly Point[])[] }}
 */
export function layOut(text) {
  /** @type {Point[][]} */
  const strokes = [];
  let x = 0;
  for (const character of text) {
    const glyph = character === ' ' ? [] : glyphOf(character);
    const right = Math.max(spaceWidth * Number(character === ' '), ...glyph.flat().map(([px]) => px));
    for (const stroke of glyph) strokes.push(stroke.map(([px, py]) => [x + px, py]));
    x += right + gap;
  }
  return { width: Math.max(0, x - gap), strokes };
}

/** @param {string} character */
function glyphOf(character) {
  const glyph = Object.hasOwn(glyphs, character) ? glyphs[character] : undefined;
  if (glyph === undefined) {
    throw new RangeError(`expected one of "${Object.keys(glyphs).join('')} ", got ${JSON.stringify(character)}`);
  }
  return glyph.split('|').map((stroke) => {
    const points = stroke.replace('~', '').split(' ').map(pointOf);
    return stroke.startsWith('~') ? rounded(points) : points;
  });
}

/** @param {string} digits @returns {Point} */
const pointOf = (digits) => [Number.parseInt(digits.charAt(0), 36), Number.parseInt(digits.charAt(1), 36)];

/**
 * Corner cutting (Chaikin 1974), of which the spline is the limit; after three times no corner is seen.
 * @param {readonly Point[]} points
 * @returns {Point[]}
 */
function rounded(points) {
  let line = [...points];
  const [first, last] = [line[0], line[line.length - 1]];
  const isClosed = first[0] === last[0] && first[1] === last[1];
  for (let pass = 0; pass < 3; pass++) {
    const cut = line.slice(1).flatMap((point, i) => [between(line[i], point, 0.25), between(line[i], point, 0.75)]);
    line = isClosed ? [...cut, cut[0]] : [first, ...cut, last];
  }
  return line;
}

/** @param {Point} a @param {Point} b @param {number} part @returns {Point} */
const between = (a, b, part) => [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part];
