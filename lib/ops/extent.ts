/**
 * Extent: x float32 -> [smallest, largest] of its elements, 0 for -0; NaN twice where an element is NaN or infinite, and Infinity and
 * -Infinity where there is none. What calibration asks of a value, put into the graph so that nothing else has to leave a run.
 */
import { caseGraph } from './cases.js';
import { defineOp, expectType, requiredInput } from './op.js';
import { checkedSize } from './shapes.js';
import { inputData, outputTensor } from './storage.js';

export const extent = defineOp<Record<string, never>>({
  name: 'Extent',
  inputs: [1, 1],
  outputs: [1, 1],
  parse: () => ({}),
  infer(context) {
    const x = requiredInput(context, 0);
    expectType(context, x, ['float32']);
    checkedSize(context.node, x.dims);
    return [{ type: 'float32', dims: [2] }];
  },
  run: (context) => [outputTensor(context, 0, finiteExtent(inputData(context, 0) as Float32Array))],
  *cases() {
    for (const { name, dims, data } of statisticsCases()) {
      const x = { type: 'float32', dims, ...(data && { data }) } as const;
      yield caseGraph({ op: 'Extent', name, inputs: [x], outputs: [{ type: 'float32', dims: [2] }] });
    }
  },
});

/** [smallest, largest], as the operator gives them. */
export function finiteExtent(values: Float32Array): Float32Array {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    // One branch, seldom taken, for all that is not inside: NaN is neither
    if (!(x >= min && x <= max)) {
      if (Number.isNaN(x)) return Float32Array.of(NaN, NaN);
      if (x < min) min = x;
      if (x > max) max = x;
    }
  }
  const isInfinite = values.length > 0 && !(min > -Infinity && max < Infinity);
  return isInfinite ? Float32Array.of(NaN, NaN) : Float32Array.of(min + 0, max + 0); // -0 becomes 0
}

interface StatisticsCase {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data?: readonly number[];
}

/** Edges of what statistics of float32 elements take in. */
export function statisticsCases(): readonly StatisticsCase[] {
  const ramp = (length: number, elementAt: (i: number) => number) => ({
    dims: [length],
    data: Array.from({ length }, (_, i) => elementAt(i)),
  });
  return [
    { name: 'a large image, in parts for threads', dims: [1, 61, 67, 41] },
    { name: 'one element', dims: [], data: [-3] },
    { name: 'none', dims: [0, 2], data: [] },
    { name: 'less than a vector', ...ramp(3, (i) => 0.5 - i) },
    { name: 'zeros of both signs', ...ramp(33, (i) => (i % 2 === 0 ? -0 : 0)) },
    { name: 'half zeros', ...ramp(40, (i) => Math.max(i - 20, 0) / 7) },
    { name: 'all negative', ...ramp(35, (i) => -1 - i / 3) },
    { name: 'powers of two', ...ramp(17, (i) => (i % 2 === 0 ? 1 : -1) * 2 ** (i - 8)) },
    { name: 'smallest numbers', dims: [3], data: [2 ** -149, -(2 ** -148), 2 ** -140] },
    { name: 'far apart', dims: [4], data: [2 ** -149, 2 ** 100, 0, -(2 ** -126)] },
    { name: 'largest numbers', dims: [3], data: [3.4028234663852886e38, -3.4028234663852886e38, 1] },
    ...[NaN, Infinity, -Infinity].flatMap((bad) =>
      [0, 16, 99].map((at) => ({ name: `${bad} at ${at}`, ...ramp(100, (i) => (i === at ? bad : i - 18)) })),
    ),
  ];
}
