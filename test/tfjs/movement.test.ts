import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { numbers, sameOnBoth, sizeOf } from './both.js';

/** The same elements as each type that native code moves, and as one that it does not. */
function ofEachType(shape: number[]): tf.Tensor[] {
  const values = numbers(sizeOf(shape), 3).map((x) => x * 100);
  return [
    tf.tensor(values, shape),
    tf.tensor(Int32Array.from(values), shape, 'int32'),
    tf.tensor(
      Uint8Array.from(values, (x) => (x > 0 ? 1 : 0)),
      shape,
      'bool',
    ),
  ];
}

const move = (f: (x: tf.Tensor) => tf.Tensor, shape: number[]) => () => ofEachType(shape).map(f);

test.serial('transpositions are those of the cpu backend', async (t) => {
  const cases: readonly (readonly [number[], number[]])[] = [
    [[], []],
    [[5], [0]],
    [
      [3, 5],
      [1, 0],
    ],
    [
      [65, 130],
      [1, 0],
    ],
    [
      [2, 3, 4],
      [2, 0, 1],
    ],
    [
      [2, 3, 4],
      [0, 2, 1],
    ],
    [
      [2, 3, 4],
      [1, 0, 2],
    ],
    [
      [2, 8, 9, 3],
      [0, 3, 1, 2],
    ],
    [
      [2, 3, 8, 9],
      [0, 2, 3, 1],
    ],
    [
      [3, 1, 4, 1, 5],
      [4, 3, 2, 1, 0],
    ],
    [
      [2, 3, 2, 3, 2, 3],
      [5, 2, 0, 4, 1, 3],
    ],
    [
      [0, 3],
      [1, 0],
    ],
    [
      [300, 257],
      [1, 0],
    ],
  ];
  for (const [shape, perm] of cases) {
    await sameOnBoth(
      t,
      `[${shape}] by ${perm}`,
      move((x) => tf.transpose(x, perm), shape),
    );
  }
});

test.serial('reversals are those of the cpu backend', async (t) => {
  const cases: readonly (readonly [number[], number[]])[] = [
    [[5], [0]],
    [[3, 5], [0]],
    [[3, 5], [1]],
    [
      [3, 5],
      [0, 1],
    ],
    [
      [2, 3, 4, 5],
      [1, 3],
    ],
    [[2, 0, 3], [0]],
    [[2, 3], []],
  ];
  for (const [shape, axes] of cases)
    await sameOnBoth(
      t,
      `[${shape}] ${axes}`,
      move((x) => tf.reverse(x, axes), shape),
    );
});

test.serial('tiles are those of the cpu backend', async (t) => {
  const cases: readonly (readonly [number[], number[]])[] = [
    [[5], [3]],
    [
      [3, 5],
      [2, 1],
    ],
    [
      [3, 5],
      [1, 4],
    ],
    [
      [3, 5],
      [2, 3],
    ],
    [
      [1, 1, 1, 7],
      [2, 3, 4, 1],
    ],
    [
      [2, 1, 3],
      [2, 5, 2],
    ],
    [
      [2, 3, 2, 3],
      [2, 2, 2, 2],
    ],
    [
      [2, 2, 2, 2, 2],
      [2, 1, 2, 2, 2],
    ],
    [
      [3, 5],
      [0, 1],
    ],
    [[1], [1]],
  ];
  for (const [shape, reps] of cases)
    await sameOnBoth(
      t,
      `[${shape}] ${reps}`,
      move((x) => tf.tile(x, reps), shape),
    );
  await sameOnBoth(
    t,
    'broadcastTo',
    move((x) => tf.broadcastTo(x, [4, 3, 5]), [3, 1]),
  );
});

test.serial('padding is that of the cpu backend', async (t) => {
  const cases: readonly (readonly [number[], [number, number][]])[] = [
    [[5], [[1, 2]]],
    [
      [3, 5],
      [
        [0, 0],
        [2, 0],
      ],
    ],
    [
      [2, 3, 4, 5],
      [
        [0, 0],
        [1, 1],
        [2, 0],
        [0, 0],
      ],
    ],
    [
      [2, 3, 4, 5],
      [
        [1, 0],
        [1, 1],
        [0, 0],
        [0, 3],
      ],
    ],
    [
      [0, 3],
      [
        [1, 1],
        [0, 2],
      ],
    ],
  ];
  for (const [shape, paddings] of cases) {
    await sameOnBoth(
      t,
      `[${shape}]`,
      move((x) => tf.pad(x, paddings, x.dtype === 'bool' ? 1 : 7), shape),
    );
  }
});

test.serial('slices are those of the cpu backend', async (t) => {
  const cases: readonly (readonly [number[], number[], number[]])[] = [
    [[5], [1], [3]],
    [
      [3, 5],
      [1, 0],
      [2, 5],
    ],
    [
      [3, 5],
      [0, 2],
      [3, 2],
    ],
    [
      [2, 3, 4, 5],
      [0, 1, 1, 0],
      [2, 2, 2, 5],
    ],
    [
      [2, 3, 4, 5],
      [1, 0, 0, 4],
      [1, 3, 4, 1],
    ],
    [
      [3, 5],
      [0, 2],
      [3, 0],
    ],
    [
      [3, 5],
      [0, 2],
      [-1, -1],
    ],
  ];
  for (const [shape, begin, size] of cases) {
    await sameOnBoth(
      t,
      `[${shape}] ${begin}`,
      move((x) => tf.slice(x, begin, size), shape),
    );
  }
  await sameOnBoth(
    t,
    'strided',
    move((x) => tf.stridedSlice(x, [0, 1], [3, 5], [2, 2]), [3, 5]),
  );
  await sameOnBoth(t, 'split', () => tf.split(ofEachType([4, 6])[0]!, 3, 1));
});

test.serial('concatenations are those of the cpu backend', async (t) => {
  const joined = (shapes: readonly number[][], axis: number) => () =>
    [0, 1, 2].map((type) =>
      tf.concat(
        shapes.map((shape) => ofEachType(shape)[type]!),
        axis,
      ),
    );
  await sameOnBoth(
    t,
    'rows',
    joined(
      [
        [2, 3],
        [1, 3],
        [4, 3],
      ],
      0,
    ),
  );
  await sameOnBoth(
    t,
    'columns',
    joined(
      [
        [2, 3],
        [2, 1],
        [2, 4],
      ],
      1,
    ),
  );
  await sameOnBoth(
    t,
    'channels',
    joined(
      [
        [2, 3, 3, 5],
        [2, 3, 3, 8],
      ],
      -1,
    ),
  );
  await sameOnBoth(
    t,
    'with an empty one',
    joined(
      [
        [2, 0],
        [2, 3],
        [2, 2],
      ],
      1,
    ),
  );
  await sameOnBoth(
    t,
    'of one that is not empty',
    joined(
      [
        [2, 0],
        [2, 3],
      ],
      1,
    ),
  );
  await sameOnBoth(
    t,
    'of empty ones',
    joined(
      [
        [0, 3],
        [0, 3],
      ],
      0,
    ),
  );
  await sameOnBoth(t, 'stack', () =>
    tf.stack(
      ofEachType([2, 3]).map((x) => tf.cast(x, 'float32')),
      1,
    ),
  );
  await sameOnBoth(t, 'complex', () => {
    const x = tf.complex([1, 2], [3, 4]);
    const both = tf.concat([x, x], 0);
    return [tf.real(both), tf.imag(both)];
  });
});
