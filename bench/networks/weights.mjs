/**
 * Seeded weights: 8-bit integers, uniform in [-127, 127], with a scale for each output channel. The float network has the same
 * real numbers as the quantized one, so that the two compute the same but for rounding.
 */

/** Of the integers: a uniform distribution's, on 255 levels. */
export const integerDeviation = Math.sqrt((255 ** 2 - 1) / 12);

/** Marsaglia 2003, "Xorshift RNGs": 32 bits, shifts 13, 17, 5. @param {number} seed @param {number} length */
export function randomIntegers(seed, length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  let x = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  const integers = new Int8Array(words.buffer, 0, length);
  for (let i = 0; i < length; i++) if (integers[i] === -128) integers[i] = -127;
  return integers;
}

/** Numbers from -1 to 1. @param {number} seed @param {number} length */
export function randomReals(seed, length) {
  return Float32Array.from(randomIntegers(seed, length), (integer) => integer / 127);
}

/**
 * Weights of `dims` [outputs, ...] with a standard deviation of `deviation`, a little more in some channels than in others.
 * @param {number} seed
 * @param {readonly number[]} dims
 * @param {number} deviation
 */
export function seededWeights(seed, dims, deviation) {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const [outputs = 1] = dims;
  const scales = randomReals(seed + 1000, outputs).map((random) => (deviation / integerDeviation) * (1 + 0.25 * random));
  const integers = () => randomIntegers(seed, size);
  return {
    dims,
    size,
    scales,
    /** Made when the model is written. */
    int8: { length: size, make: () => bytesOf(integers()) },
    float32: {
      length: 4 * size,
      make: () => {
        const perOutput = size / outputs;
        const [codes, reals] = [integers(), new Float32Array(size)];
        for (let channel = 0, i = 0; channel < outputs; channel++) {
          const scale = /** @type {number} */ (scales[channel]);
          for (const end = i + perOutput; i < end; i++) reals[i] = /** @type {number} */ (codes[i]) * scale;
        }
        return bytesOf(reals);
      },
    },
  };
}

/** @param {ArrayBufferView} array */
function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(/** @type {ArrayBuffer} */ (buffer), byteOffset, byteLength);
}
