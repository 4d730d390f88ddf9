/** Convolutions: NCHW, weights with their channels first, biases as integers on the scale of the products. */
import type { Conv2dAttributes } from '../../../ops/conv2d.js';
import type { ConvolutionAttributes } from '../../../ops/convolution.js';
import { extentOf, type Window } from '../../../ops/window.js';
import type { ExportGraph } from '../export-graph.js';
import { toNchw } from '../export-layout.js';
import type { AttributeValues } from '../export-messages.js';
import type { OnnxValue } from '../export-names.js';
import { defineActivated, type Exporters, exporter } from './exporter.js';
import { biasOf, expectOneKind } from './products.js';
import { transposeConv2d } from './transpose-convolution.js';

type Pair = readonly [number, number];

const conv2d = exporter<Conv2dAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, w, bias = ''] = inputs as readonly [string, string, string?];
  expectOneKind(graph, x, w);
  const kernel = kernelOf(graph, w);
  const values = [graph.real(x, 'nchw'), graph.permutedReal(w, toNchw), biasOf(graph, bias, x, w)];
  const { window, groups: group, activation } = attributes;
  const y = graph.add('Conv', present(values), { group, kernel_shape: kernel, ...windowAttributes(graph, window, x, kernel) });
  defineActivated(graph, outputs[0]!, y, activation, 'nchw');
});

/** Weights [1, KH, KW, C·M] become [C·M, 1, KH, KW], in as many groups as the input has channels. */
const depthwiseConv2d = exporter<ConvolutionAttributes & { readonly groups: number }>(
  ({ inputs, outputs, attributes }, graph) => {
    const [x, w, bias = ''] = inputs as readonly [string, string, string?];
    expectOneKind(graph, x, w);
    const { window, activation } = attributes;
    const group = attributes.groups || graph.dims(x)?.[3];
    if (typeof group !== 'number') throw graph.unsupported('an unknown number of channels');
    const kernel = kernelOf(graph, w);
    const values = [graph.real(x, 'nchw'), graph.permutedReal(w, [3, 0, 1, 2]), biasOf(graph, bias, x, w)];
    const y = graph.add('Conv', present(values), {
      group,
      kernel_shape: kernel,
      ...windowAttributes(graph, window, x, kernel),
    });
    defineActivated(graph, outputs[0]!, y, activation, 'nchw');
  },
);

/** [KH, KW] of weights in our order; undefined where they are computed, and nobody knows. */
function kernelOf(graph: ExportGraph, w: string): Pair | undefined {
  const [, height, width] = graph.constant(w)?.dims ?? graph.dims(w) ?? [];
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined;
}

export function present(values: readonly (OnnxValue | undefined)[]): readonly (OnnxValue | undefined)[] {
  return values.slice(0, values.findLastIndex((value) => value !== undefined) + 1);
}

/** Paddings as numbers where the input's size is known; ONNX Runtime has no automatic ones of dilated windows. */
export function windowAttributes(graph: ExportGraph, window: Window, x: string, kernel: Pair | undefined): AttributeValues {
  const { strides, dilations, padding } = window;
  const common = { strides, dilations: dilations.every((step) => step === 1) ? undefined : dilations };
  if (padding === 'valid') return common;
  if (typeof padding !== 'string') return { ...common, pads: padding };
  const [, height, width] = graph.dims(x) ?? [];
  if (kernel === undefined || typeof height !== 'number' || typeof width !== 'number') {
    return { ...common, auto_pad: padding === 'same' ? 'SAME_UPPER' : 'SAME_LOWER' };
  }
  const sides = ([0, 1] as const).map((axis) => {
    const input = axis === 0 ? height : width;
    const { size, before } = extentOf(window, axis, input, kernel[axis]);
    const reach = (kernel[axis] - 1) * dilations[axis] + 1;
    return [before, Math.max(0, (size - 1) * strides[axis] + reach - input - before)] as const;
  });
  return { ...common, pads: [sides[0]![0], sides[1]![0], sides[0]![1], sides[1]![1]] };
}

export const convolutionExporters: Exporters = {
  Conv2D: conv2d,
  DepthwiseConv2D: depthwiseConv2d,
  TransposeConv2D: transposeConv2d,
};
