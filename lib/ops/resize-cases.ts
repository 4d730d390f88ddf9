/** Instances of Resize for every mode. */
import type { Attributes } from '../graph/graph.js';
import { affine, type CaseInput, caseGraph } from './cases.js';
import type { OpCase } from './op.js';
import { coordinateModes, nearestModes } from './resize-taps.js';

const image: CaseInput = { type: 'float32', dims: [1, 2, 5, 4] };

export function* resizeNdCases(): Iterable<OpCase> {
  for (const coordinates of coordinateModes) {
    for (const nearest of nearestModes) {
      yield* scaledBothWays(image, { mode: 'nearest', coordinates, nearest });
    }
    yield* scaledBothWays(image, { mode: 'linear', coordinates });
    yield* scaledBothWays(image, { mode: 'cubic', coordinates });
    yield* scaledBothWays(image, { mode: 'cubic', coordinates, cubicA: -0.5, excludeOutside: true });
    yield* scaledBothWays(image, { mode: 'linear', coordinates, antialias: true });
    yield* scaledBothWays(image, { mode: 'cubic', coordinates, antialias: true, excludeOutside: true });
  }
  for (const type of ['int8', 'uint8'] as const) {
    for (const quantized of [{}, { qparams: affine(type, 0.1, 5) }]) {
      for (const mode of ['nearest', 'linear', 'cubic']) yield* scaledBothWays({ ...image, type, ...quantized }, { mode });
    }
  }
  yield* scaledBothWays({ ...image, type: 'float64' }, { mode: 'linear' });
  yield* scaledBothWays({ ...image, type: 'int64' }, { mode: 'nearest', coordinates: 'tf_crop_and_resize', extrapolation: 7 });
  const axes = [3, -2];
  yield bySizes({ mode: 'linear', axes }, [7, 3], [1, 2, 3, 7]);
  yield bySizes({ mode: 'nearest', axes, aspect: 'not_larger' }, [12, 10], [1, 2, 10, 8]);
  yield bySizes({ mode: 'cubic', axes, aspect: 'not_smaller' }, [12, 10], [1, 2, 15, 12]);
  yield bySizes({ mode: 'linear' }, [1, 2, 0, 4], [1, 2, 0, 4]);
}

function* scaledBothWays(x: CaseInput, attributes: Attributes): Iterable<OpCase> {
  const isCropped = attributes.coordinates === 'tf_crop_and_resize';
  const roi = { type: 'float32', dims: [8], data: [0, 0, 0.3, -0.2, 1, 1, 0.8, 1.1] } as const;
  for (const [constant, dims] of [
    [
      [1, 1, 0.6, 2],
      [1, 2, 3, 8],
    ],
    [
      [1, 1.5, 1.3, 0.25],
      [1, 3, 6, 1],
    ],
  ] as const) {
    yield caseGraph({
      op: 'Resize',
      attributes: isCropped ? { extrapolation: 1.5, ...attributes } : attributes,
      inputs: [x, isCropped ? roi : undefined, { type: 'float32', dims: [4], constant }],
      outputs: [{ ...x, dims }],
    });
  }
}

function bySizes(attributes: Attributes, constant: readonly number[], dims: readonly number[]): OpCase {
  const none = { type: 'float32', dims: [0], constant: [] } as const;
  const sizes = { type: 'int64', dims: [constant.length], constant } as const;
  return caseGraph({ op: 'Resize', attributes, inputs: [image, none, none, sizes], outputs: [{ type: 'float32', dims }] });
}
