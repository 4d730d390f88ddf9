/** Pictures: read from files, or drawn. */
import { capHeight, layOut } from './stroke-font.mjs';

/** Red, green and blue of each pixel, row by row. @typedef {{ width: number, height: number, data: Uint8Array }} Picture */
/** @typedef {import('./stroke-font.mjs').Point} Point */

/**
 * Any format that sharp reads, upright, on white where it is transparent.
 * @param {string} path
 * @returns {Promise<Picture>}
 */
export async function readPicture(path) {
  const { default: sharp } = await import('sharp').catch((cause) => {
    throw new Error('pictures are read by sharp, which is not installed: npm install sharp', { cause });
  });
  const upright = sharp(path).rotate().flatten({ background: '#ffffff' }).removeAlpha().toColourspace('srgb');
  const { data, info } = await upright.raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/**
 * Lines of text in dark ink on light paper, `size` pixels high. Throws RangeError for what the font lacks.
 * @param {readonly string[]} lines
 * @param {{ size?: number }} [options]
 * @returns {Picture}
 */
export function drawPicture(lines, { size = 32 } = {}) {
  const scale = size / capHeight;
  const penRadius = size / 14;
  const margin = size;
  const texts = lines.map(layOut);
  const width = Math.ceil(2 * margin + scale * Math.max(0, ...texts.map((text) => text.width)));
  const height = 2 * margin + Math.max(0, 2 * lines.length - 1) * size;
  const ink = new Float32Array(width * height);
  for (const [i, { strokes }] of texts.entries()) {
    const top = margin + 2 * i * size;
    for (const stroke of strokes) {
      const line = stroke.map(([x, y]) => /** @type {Point} */ ([margin + x * scale, top + y * scale]));
      for (const [j, to] of line.slice(1).entries()) drawSegment(ink, width, line[j], to, penRadius);
    }
  }
  const [paper, dark] = [240, 24];
  const data = Uint8Array.from({ length: 3 * ink.length }, (_, i) => paper + (dark - paper) * ink[Math.floor(i / 3)]);
  return { width, height, data };
}

/**
 * A round pen from `from` to `to`. The ink on a pixel is how far its centre is inside the line's edge, within half a pixel of it.
 * @param {Float32Array} ink
 * @param {number} width
 * @param {Point} from
 * @param {Point} to
 * @param {number} radius
 */
function drawSegment(ink, width, [x0, y0], [x1, y1], radius) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squaredLength = dx * dx + dy * dy;
  const reach = radius + 1;
  for (let y = Math.floor(Math.min(y0, y1) - reach); y <= Math.max(y0, y1) + reach; y++) {
    for (let x = Math.floor(Math.min(x0, x1) - reach); x <= Math.max(x0, x1) + reach; x++) {
      const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
      const along = squaredLength === 0 ? 0 : clamp((px * dx + py * dy) / squaredLength);
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const at = y * width + x;
      ink[at] = Math.max(ink[at], clamp(radius + 0.5 - distance));
    }
  }
}

/** @param {number} value */
const clamp = (value) => Math.min(1, Math.max(0, value));
