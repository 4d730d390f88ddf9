/** Padding of convolutions and poolings as layers have it. */
import { layers, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { extentOf, type Window } from '../../ops/window.js';
import type { NodeCall } from './node-call.js';

type Pair = readonly [number, number];

/** `same` or `valid` where that puts every window where it is; else undefined. */
export function namedPadding(window: Window, size: Pair, kernel: Pair): 'same' | 'valid' | undefined {
  const axes = [0, 1] as const;
  const isAt = (padding: 'same' | 'valid') =>
    axes.every((axis) => {
      const [own, named] = [window, { strides: window.strides, dilations: window.dilations, padding }].map((each) =>
        extentOf(each, axis, size[axis], kernel[axis]),
      ) as [ReturnType<typeof extentOf>, ReturnType<typeof extentOf>];
      return own.size === named.size && own.before === named.before;
    });
  return (['valid', 'same'] as const).find(isAt);
}

/** The input with zeros around it, so that whole windows on it are those of the convolution. */
export function padded(call: NodeCall, window: Window, size: Pair, kernel: Pair): SymbolicTensor {
  const sides = ([0, 1] as const).map((axis) => {
    const { size: outputs, before } = extentOf(window, axis, size[axis], kernel[axis]);
    const reach = (kernel[axis] - 1) * window.dilations[axis] + 1;
    return [before, Math.max(0, (outputs - 1) * window.strides[axis] + reach - size[axis] - before)] as [number, number];
  }) as [[number, number], [number, number]];
  return call.apply((name) => layers.zeroPadding2d({ padding: sides, name }), call.tensor(0), { part: 'pad' });
}
