/**
 * Second moments of what a layer multiplies: G = E[x·xᵀ] over patches x of its input. A change d of the weights of one output
 * channel changes what it gives by d·x, and E[(d·x)²] = dᵀ·G·d: once G is known the data are not needed, nor does their number
 * cost anything.
 */
import { OctensorError } from '../../errors.js';
import { nodeError } from '../../ops/op.js';
import type { Tensor } from '../../tensor.js';
import type { Layer } from './layer.js';
import { patchesOf } from './patches.js';

/** Weights `start` to `start + size` of the channels of one group. Those of different blocks are taken to be uncorrelated. */
export interface GramBlock {
  readonly group: number;
  readonly start: number;
  readonly size: number;
  /** E[x·xᵀ]: size · size. */
  readonly moments: Float32Array;
  /** E[x·(x - x')ᵀ], x being what the quantized network gives, and x' the float one; undefined where they are the same. */
  readonly drift?: Float32Array;
}

export interface Gram {
  readonly blocks: readonly GramBlock[];
  /** E[x] of each group, one after the other. */
  readonly means: Float64Array;
  /** Patches that were seen. */
  readonly count: number;
}

export interface GramOptions {
  /** How many patches of each batch are taken, at random places: 256. */
  readonly patches?: number;
  readonly seed?: number;
  /** The largest block: 2304, 3·3·256. Longer patches fall apart into equal blocks, between which correlations are not seen. */
  readonly maxBlock?: number;
}

/**
 * Of all blocks of one layer, and of G·d for all its channels: beyond them, blocks are smaller. 512 MiB, and a second or two.
 */
const maxElements = 2 ** 27;
const maxProducts = 2 ** 31;
/** Patches that are read before they are multiplied; of patches of at most so many elements, those of all groups together. */
const tile = 64;
const maxPatch = 2 ** 20;

/**
 * Of a layer's inputs, batch by batch; what is kept does not depend on how many there are. Places are drawn from `seed` and the
 * number of the batch: the same batches give the same moments.
 */
export class GramAccumulator {
  readonly #layer: Layer;
  readonly #patches: number;
  readonly #blocks: readonly GramBlock[];
  readonly #drifts: Float32Array[] = [];
  readonly #means: Float64Array;
  #state: number;
  #count = 0;

  constructor(layer: Layer, { patches = 256, seed = 1, maxBlock = 2304 }: GramOptions = {}) {
    for (const [name, value] of Object.entries({ patches, maxBlock })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new OctensorError('ERR_OPTION', `${name}: expected an integer of at least 1, got ${value}`);
      }
    }
    this.#layer = layer;
    this.#patches = patches;
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0;
    const { groups, patch, outputs } = layer;
    if (groups * patch > maxPatch) {
      const found = `${groups} groups of ${patch}`;
      throw nodeError('ERR_QUANTIZATION', layer.node, `expected patches of at most ${maxPatch} elements, got ${found}`);
    }
    const largest = Math.min(maxBlock, maxElements / (groups * patch), maxProducts / (outputs * patch));
    const count = Math.ceil(patch / Math.max(1, Math.floor(largest)));
    const bounds = Array.from({ length: count + 1 }, (_, i) => Math.floor((i * patch) / count));
    this.#blocks = Array.from({ length: groups * count }, (_, i) => {
      const [group, start] = [Math.floor(i / count), bounds[i % count]!];
      const size = bounds[(i % count) + 1]! - start;
      return { group, start, size, moments: new Float32Array(size * size) };
    });
    this.#means = new Float64Array(groups * patch);
  }

  /**
   * An input of the layer: float32, shaped as the node has it. `float` is the same of the float network, where `x` is from the
   * quantized one: then rounding also makes up for what came before (asymmetric reconstruction); given with all batches or with
   * none. Throws ERR_SHAPE for shapes that do not fit, ERR_QUANTIZATION for elements that are not finite.
   */
  add(x: Tensor<'float32'>, float?: Tensor<'float32'>): void {
    const { node, groups, patch } = this.#layer;
    const patches = patchesOf(this.#layer, x.dims);
    if (float !== undefined && (float.size !== x.size || patchesOf(this.#layer, float.dims).count !== patches.count)) {
      throw nodeError(
        'ERR_SHAPE',
        node,
        `expected inputs of one shape, got [${x.dims.join(', ')}] and [${float.dims.join(', ')}]`,
      );
    }
    if (this.#count > 0 && (float !== undefined) !== this.#drifts.length > 0) {
      throw nodeError('ERR_QUANTIZATION', node, 'expected inputs of the float network with all batches or with none');
    }
    if (float !== undefined && this.#drifts.length === 0) {
      for (const { size } of this.#blocks) this.#drifts.push(new Float32Array(size * size));
    }
    const places = this.#draw(patches.count);
    const [rows, differences] = [new Float64Array(groups * patch * tile), new Float64Array(float ? groups * patch * tile : 0)];
    for (let start = 0; start < places.length; start += tile) {
      const some = places.subarray(start, start + tile);
      // Of each element of the patch, what it is in all of them, then zeros
      rows.fill(0);
      for (let p = 0; p < some.length; p++) patches.read(x.data, some[p]!, rows, p, tile);
      this.#checkAndAverage(rows);
      if (float !== undefined) {
        differences.fill(0);
        for (let p = 0; p < some.length; p++) patches.read(float.data, some[p]!, differences, p, tile);
        for (let i = 0; i < rows.length; i++) differences[i] = rows[i]! - differences[i]!;
      }
      for (const [b, { group, start: first, size, moments }] of this.#blocks.entries()) {
        const offset = (group * patch + first) * tile;
        addProducts(moments, rows, rows, offset, size, true);
        if (float !== undefined) addProducts(this.#drifts[b]!, rows, differences, offset, size, false);
      }
    }
    this.#count += places.length;
  }

  /** Throws ERR_QUANTIZATION where nothing was added, or the moments are not finite. */
  finish(): Gram {
    const { node } = this.#layer;
    if (this.#count === 0)
      throw nodeError('ERR_QUANTIZATION', node, 'expected at least one input for its second moments, got none');
    const scaled = (sums: Float32Array) => sums.map((sum) => sum / this.#count);
    const blocks = this.#blocks.map((block, b) => {
      const { size } = block;
      const moments = scaled(block.moments);
      for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) moments[j * size + i] = moments[i * size + j]!;
      const largest = moments.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (!Number.isFinite(largest))
        throw nodeError('ERR_QUANTIZATION', node, 'expected inputs whose squares are finite in float32');
      const drift = this.#drifts[b];
      return { ...block, moments, ...(drift !== undefined && { drift: scaled(drift) }) };
    });
    return { blocks, means: this.#means.map((sum) => sum / this.#count), count: this.#count };
  }

  /** One place from each of as many equal stretches, in order; all places, where there are no more. */
  #draw(count: number): Uint32Array {
    const taken = Math.min(count, this.#patches);
    return Uint32Array.from({ length: taken }, (_, i) => {
      const [from, to] = [Math.floor((i * count) / taken), Math.floor(((i + 1) * count) / taken)];
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
      return from + Math.floor((this.#state / 2 ** 32) * (to - from));
    });
  }

  #checkAndAverage(rows: Float64Array): void {
    for (let k = 0; k < this.#means.length; k++) {
      let sum = 0;
      for (let p = k * tile; p < (k + 1) * tile; p++) sum += rows[p]!;
      if (!Number.isFinite(sum))
        throw nodeError('ERR_QUANTIZATION', this.#layer.node, 'expected a finite input, got NaN or infinity');
      this.#means[k]! += sum;
    }
  }
}

/**
 * sums[i, j] += Σ a[i] · b[j] over a tile, of j <= i alone where only the lower half is wanted. Four at a time: each is read
 * once for two.
 */
function addProducts(
  sums: Float32Array,
  a: Float64Array,
  b: Float64Array,
  offset: number,
  size: number,
  isLower: boolean,
): void {
  for (let i = 0; i < size; i += 2) {
    const hasSecondRow = i + 1 < size;
    const i0 = offset + i * tile;
    const i1 = hasSecondRow ? i0 + tile : i0;
    const end = isLower ? i + 2 : size;
    for (let j = 0; j < Math.min(end, size); j += 2) {
      const hasSecondColumn = j + 1 < size;
      const j0 = offset + j * tile;
      const j1 = hasSecondColumn ? j0 + tile : j0;
      let s00 = 0;
      let s01 = 0;
      let s10 = 0;
      let s11 = 0;
      for (let p = 0; p < tile; p++) {
        const a0 = a[i0 + p]!;
        const a1 = a[i1 + p]!;
        const b0 = b[j0 + p]!;
        const b1 = b[j1 + p]!;
        s00 += a0 * b0;
        s01 += a0 * b1;
        s10 += a1 * b0;
        s11 += a1 * b1;
      }
      sums[i * size + j]! += s00;
      if (hasSecondColumn) sums[i * size + j + 1]! += s01;
      if (hasSecondRow) sums[(i + 1) * size + j]! += s10;
      if (hasSecondRow && hasSecondColumn) sums[(i + 1) * size + j + 1]! += s11;
    }
  }
}
