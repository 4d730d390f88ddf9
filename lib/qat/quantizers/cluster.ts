/** k-means in one dimension. */

/**
 * Lloyd's iteration from centroids at equal distances between the smallest and the largest value, the start that Deep Compression
 * found best (Han 2016, section 3.2), until nothing moves. Centroids ascend; one that no value is nearest to stays where it was. Values
 * are finite. A tie belongs to the lower centroid. O(n log n) for sorting, then O(k log n) an iteration by sums of prefixes.
 */
export function clusterValues(values: Float32Array, k: number, iterations = 300): Float32Array {
  const sorted = Float32Array.from(values).sort();
  const n = sorted.length;
  const sums = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) sums[i + 1] = sums[i]! + sorted[i]!;
  const [low, high] = [sorted[0]!, sorted[n - 1]!];
  let centroids = Float64Array.from({ length: k }, (_, i) => (k === 1 ? (low + high) / 2 : low + ((high - low) * i) / (k - 1)));
  for (let iteration = 0; iteration < iterations; iteration++) {
    const next = new Float64Array(k);
    for (let c = 0, start = 0; c < k; c++) {
      const end = c + 1 === k ? n : upperBound(sorted, (centroids[c]! + centroids[c + 1]!) / 2);
      next[c] = end > start ? (sums[end]! - sums[start]!) / (end - start) : centroids[c]!;
      start = Math.max(start, end);
    }
    const isStill = next.every((centroid, c) => centroid === centroids[c]);
    centroids = next;
    if (isStill) break;
  }
  return Float32Array.from(centroids);
}

/** The index of the nearest of ascending centroids; of two as near, the lower. */
export function nearest(value: number, centroids: Float32Array): number {
  let [low, high] = [0, centroids.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > (centroids[middle]! + centroids[middle + 1]!) / 2) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the sorted values are at most `limit`. */
function upperBound(sorted: Float32Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
