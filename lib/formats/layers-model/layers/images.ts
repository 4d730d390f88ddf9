/** What layers on images share: their layout, and windows. Nodes work on [N, H, W, C]. */
import type { Attributes } from '../../../graph/graph.js';
import type { Ref } from '../builder.js';
import type { LayerCall } from '../layer-call.js';

const maxStep = 65536;

export function isChannelsFirst({ config }: LayerCall): boolean {
  return config.oneOf('data_format', ['channels_last', 'channels_first'], 'channels_last') === 'channels_first';
}

/** Applies `body` to the input with its channels last. `x` has 3 dimensions (one of them spatial) or 4. */
export function onChannelsLast(call: LayerCall, x: Ref, body: (x: Ref) => Ref): Ref {
  if (!isChannelsFirst(call)) return body(x);
  const [to, from] =
    x.rank === 3
      ? [
          [0, 2, 1],
          [0, 2, 1],
        ]
      : [
          [0, 2, 3, 1],
          [0, 3, 1, 2],
        ];
  return call.add('Transpose', { perm: from }, [body(call.add('Transpose', { perm: to }, [x]))]);
}

/** [N, L, C] as [N, 1, L, C], and back. */
export function asImage(call: LayerCall, x: Ref, body: (x: Ref) => Ref): Ref {
  const image = call.add('ExpandDims', { axis: 1 }, [x], { rank: 4 });
  return call.add('Squeeze', { axes: [1] }, [body(image)], { rank: 3 });
}

/** Two steps, of which the first is 1 where there is one spatial dimension. */
export function pairOf({ config }: LayerCall, key: string, spatial: 1 | 2, otherwise?: readonly number[]): readonly number[] {
  const values = config.integers(key, spatial, 1, maxStep, otherwise);
  return spatial === 2 ? values : [1, ...values];
}

/** Attributes of a convolution's window. */
export function windowOf(call: LayerCall, spatial: 1 | 2): Attributes {
  const ones = new Array<number>(spatial).fill(1);
  const padding = call.config.oneOf('padding', spatial === 1 ? ['valid', 'same', 'causal'] : ['valid', 'same'], 'valid');
  return {
    strides: pairOf(call, 'strides', spatial, ones),
    dilations: pairOf(call, 'dilation_rate', spatial, ones),
    padding: padding === 'causal' ? 'valid' : padding,
  };
}
