/** @typedef {import('./picture.mjs').Picture} Picture */
/** @typedef {{ width: number, height: number }} Size */
/** Edges in pixels; `right` and `bottom` are outside. @typedef {{ left: number, top: number, right: number, bottom: number }} Box */

/**
 * A box of a picture as a model's input: stretched to `width` x `height` by bilinear interpolation between pixel centres, each
 * channel (pixel / 255 - mean) / std. The channels are planes in the order blue, green, red, as these models were trained on what
 * OpenCV reads; `mean` and `std` are in that order.
 * @param {Picture} picture
 * @param {Box} box
 * @param {{ width: number, height: number, mean: readonly number[], std: readonly number[] }} to
 * @param {Size} [frame] of the result, in whose upper left corner the box is; the rest is 0
 * @returns {Float32Array} [3, frame.height, frame.width]
 */
export function sample(picture, box, { width, height, mean, std }, frame = { width, height }) {
  const planes = new Float32Array(3 * frame.height * frame.width);
  const columns = taps(box.left, box.right, width, picture.width);
  const rows = taps(box.top, box.bottom, height, picture.height);
  for (let channel = 0; channel < 3; channel++) {
    const pixel = (/** @type {number} */ y, /** @type {number} */ x) => picture.data[3 * (y * picture.width + x) + 2 - channel];
    const row = (/** @type {number} */ y, /** @type {Tap} */ { low, high, part }) =>
      pixel(y, low) * (1 - part) + pixel(y, high) * part;
    for (const [y, { low, high, part }] of rows.entries()) {
      const start = (channel * frame.height + y) * frame.width;
      for (const [x, column] of columns.entries()) {
        const value = row(low, column) * (1 - part) + row(high, column) * part;
        planes[start + x] = (value / 255 - mean[channel]) / std[channel];
      }
    }
  }
  return planes;
}

/** Two neighbours and how much of the value is the second's. @typedef {{ low: number, high: number, part: number }} Tap */

/**
 * @param {number} start
 * @param {number} end
 * @param {number} count of results between them
 * @param {number} limit of pixels; beyond the picture its border goes on
 * @returns {Tap[]}
 */
function taps(start, end, count, limit) {
  const step = (end - start) / count;
  return Array.from({ length: count }, (_, i) => {
    const position = Math.min(limit - 1, Math.max(0, start + (i + 0.5) * step - 0.5));
    const low = Math.floor(position);
    return { low, high: Math.min(limit - 1, low + 1), part: position - low };
  });
}
