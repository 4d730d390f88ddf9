/** Poolings. An average is that of the elements inside the image. */
import type { Ref } from '../builder.js';
import type { LayerCall, LayerRule, LayerRules } from '../layer-call.js';
import { asImage, isChannelsFirst, onChannelsLast, pairOf } from './images.js';

export const poolingRules: LayerRules = {
  MaxPooling1D: (call) => pooled1d(call, 'MaxPool2D'),
  MaxPooling2D: (call) => onChannelsLast(call, call.input(4), (x) => pool(call, x, 'MaxPool2D', 2)),
  AveragePooling1D: (call) => pooled1d(call, 'AveragePool2D'),
  AveragePooling2D: (call) => onChannelsLast(call, call.input(4), (x) => pool(call, x, 'AveragePool2D', 2)),
  GlobalMaxPooling1D: reduced('ReduceMax', 1),
  GlobalMaxPooling2D: reduced('ReduceMax', 2),
  GlobalAveragePooling1D: reduced('Mean', 1),
  GlobalAveragePooling2D: reduced('Mean', 2),
};

function pooled1d(call: LayerCall, op: string): Ref {
  return onChannelsLast(call, call.input(3), (x) => asImage(call, x, (image) => pool(call, image, op, 1)));
}

function pool(call: LayerCall, x: Ref, op: string, spatial: 1 | 2): Ref {
  const size = pairOf(call, 'pool_size', spatial, [2, 2].slice(0, spatial));
  const strides = pairOf(call, 'strides', spatial, size.slice(-spatial));
  const padding = call.config.oneOf('padding', ['valid', 'same'], 'valid');
  return call.add(op, { size, strides, padding }, [x]);
}

function reduced(op: string, spatial: 1 | 2): LayerRule {
  return (call) => {
    const x = call.input(spatial + 2);
    const keepDims = call.config.boolean('keepdims', false);
    const first = isChannelsFirst(call) ? 2 : 1;
    const axes = spatial === 2 ? [first, first + 1] : [first];
    return call.add(op, { axes, keepDims }, [x], { rank: keepDims ? x.rank : 2 });
  };
}
