/** What has ONNX's order of dimensions already, or a number of them for which there is no other: pools, paddings, resizing. */
import type { Conv2dAttributes } from '../../../ops/conv2d.js';
import type { PadAxesAttributes } from '../../../ops/pad-axes.js';
import type { PoolNdAttributes } from '../../../ops/pool-nd.js';
import type { ResizeNdAttributes } from '../../../ops/resize-plan.js';
import { Float } from '../export-messages.js';
import { present, windowAttributes } from './convolution.js';
import { type Exporters, exporter } from './exporter.js';
import { int64Of, move } from './moving.js';

const poolTypes = { max: 'MaxPool', average: 'AveragePool', lp: 'LpPool' } as const;

const poolNd = exporter<PoolNdAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { mode, size, strides, dilations, pads, padding, ceil, countPadding, p, columnMajor } = attributes;
  const autoPads = { same: 'SAME_UPPER', 'same-lower': 'SAME_LOWER', valid: undefined } as const;
  const own = {
    kernel_shape: size,
    strides,
    dilations: dilations.every((step) => step === 1) ? undefined : dilations,
    pads: padding === 'valid' ? pads : undefined,
    auto_pad: autoPads[padding],
    ceil_mode: ceil || undefined,
    count_include_pad: mode === 'average' ? countPadding : undefined,
    p: mode === 'lp' ? p : undefined,
    storage_order: columnMajor || undefined,
  };
  const results = graph.addMany(poolTypes[mode], [graph.real(inputs[0]!)], own, outputs.length);
  for (const [i, name] of outputs.entries()) graph.defineReal(name, results[i]!);
});

/** Of integers, whose zero points are inputs. */
const convInteger = exporter<Conv2dAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, w, ...zeroPoints] = inputs as readonly [string, string, ...string[]];
  const tensor = graph.constant(w);
  const [, height, width] = tensor?.dims ?? graph.dims(w) ?? [];
  if (typeof height !== 'number' || typeof width !== 'number') throw graph.unsupported('a kernel of unknown size');
  const values = [
    graph.stored(x, 'nchw'),
    graph.stored(w, 'nchw'),
    ...zeroPoints.map((name) => (name === '' ? undefined : graph.stored(name))),
  ];
  const { window, groups: group } = attributes;
  const own = { group, kernel_shape: [height, width], ...windowAttributes(graph, window, x, [height, width]) };
  graph.defineStored(outputs[0]!, graph.add('ConvInteger', present(values), own), 'nchw');
});

/** The element is one of x's, integers as they stand; of real numbers it is what that means. */
const padAxes = exporter<PadAxesAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [x, pads, element = '', axes = ''] = inputs as readonly [string, string, string?, string?];
  const amounts = int64Of(graph, pads);
  const named = axes === '' ? undefined : int64Of(graph, axes);
  move(graph, [x], outputs, 'own', ([value], integers) => {
    const isReal = graph.isQuantized(x) && integers === undefined;
    const constant = element === '' ? undefined : isReal ? realElement(element) : scalarOf(element);
    return [graph.add('Pad', present([value, amounts, constant, named]), { mode: attributes.mode })];
  });

  function scalarOf(name: string) {
    const tensor = graph.constant(name);
    if (tensor === undefined || tensor.dims.length === 0) return graph.stored(name);
    return graph.literal(tensor.type, Array.from(tensor.data as Int32Array, Number), []);
  }

  function realElement(name: string) {
    const tensor = graph.constant(name);
    const { scale, zeroPoint } = graph.value(x)!.qparams!;
    if (tensor === undefined) throw graph.unsupported('a padding of integers that is computed');
    const value = ((tensor.data as Int32Array)[0]! - (zeroPoint as number)) * (scale as number);
    return graph.literal('float32', [Math.fround(value)], []);
  }
});

const resize = exporter<ResizeNdAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { mode, nearest, coordinates, cubicA, excludeOutside, antialias, extrapolation, axes, aspect } = attributes;
  if (nearest === 'simple' && mode === 'nearest') throw graph.unsupported('nearest elements as before version 11');
  const [x, region = '', scales = '', sizes = ''] = inputs as readonly [string, string?, string?, string?];
  const input = (name: string) => (name === '' ? undefined : graph.stored(name));
  const places = [input(region), input(scales), sizes === '' ? undefined : int64Of(graph, sizes)];
  const own = {
    mode,
    coordinate_transformation_mode: coordinates,
    nearest_mode: mode === 'nearest' ? nearest : undefined,
    cubic_coeff_a: mode === 'cubic' ? new Float(cubicA) : undefined,
    exclude_outside: excludeOutside || undefined,
    extrapolation_value: extrapolation === 0 ? undefined : new Float(extrapolation),
    antialias: antialias || undefined,
    axes: axes.length > 0 ? axes : undefined,
    keep_aspect_ratio_policy: aspect === 'stretch' ? undefined : aspect,
  };
  if (mode === 'nearest')
    return move(graph, [x], outputs, 'own', ([value]) => [graph.add('Resize', present([value, ...places]), own)]);
  graph.defineReal(outputs[0]!, graph.add('Resize', present([graph.real(x), ...places]), own));
});

export const windowExporters: Exporters = { ConvInteger: convInteger, PadAxes: padAxes, PoolNd: poolNd, Resize: resize };
