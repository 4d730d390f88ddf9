/** Resizing of images, and moves between their channels and their pixels. */
import type { DepthToSpaceAttributes } from '../../../ops/depth-to-space.js';
import type { ResizeAttributes } from '../../../ops/resize.js';
import type { ExportGraph } from '../export-graph.js';
import type { OnnxValue } from '../export-names.js';
import { type Exporter, type Exporters, exporter } from './exporter.js';
import { move } from './moving.js';

type Write = (values: readonly OnnxValue[]) => readonly OnnxValue[];

function resize(mode: 'nearest' | 'linear'): Exporter {
  return exporter<ResizeAttributes>(({ inputs, outputs, attributes }, graph) => {
    const { height, width, alignCorners, halfPixelCenters } = attributes;
    const [x, y] = [inputs[0]!, outputs[0]!];
    if (alignCorners && halfPixelCenters) throw graph.unsupported('aligned corners of pixels that are areas');
    const coordinates = alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric';
    // Up to half a pixel more is what rounding down leaves of half_pixel's centers
    const nearest = alignCorners || halfPixelCenters ? 'round_prefer_ceil' : 'floor';
    const own = {
      mode,
      coordinate_transformation_mode: coordinates,
      nearest_mode: mode === 'nearest' ? nearest : undefined,
    };
    const write: Write = ([value]) => [
      graph.add('Resize', [value, undefined, undefined, sizes(graph, x, value!, height, width)], own),
    ];
    // Between pixels are values that have to be rounded
    if (mode === 'nearest') move(graph, [x], [y], 'nchw', write);
    else graph.defineReal(y, write([graph.real(x, 'nchw')])[0]!, 'nchw');
  });
}

/** [N, C, height, width] */
function sizes(graph: ExportGraph, x: string, value: OnnxValue, height: number, width: number): OnnxValue {
  const [batch, , , channels] = graph.dims(x) ?? [];
  if (typeof batch === 'number' && typeof channels === 'number')
    return graph.literal('int64', [batch, channels, height, width]);
  const first = graph.add('Shape', [value], { end: 2 });
  return graph.add('Concat', [first, graph.literal('int64', [height, width])], { axis: 0 });
}

const spaceToDepth = exporter<{ readonly block: number }>(({ inputs, outputs, attributes }, graph) => {
  const value = graph.add('SpaceToDepth', [graph.real(inputs[0]!, 'nchw')], { blocksize: attributes.block });
  graph.defineReal(outputs[0]!, value, 'nchw');
});

const depthToSpace = exporter<DepthToSpaceAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { block: blocksize, order: mode } = attributes;
  graph.defineReal(outputs[0]!, graph.add('DepthToSpace', [graph.real(inputs[0]!, 'nchw')], { blocksize, mode }), 'nchw');
});

export const resizeExporters: Exporters = {
  DepthToSpace: depthToSpace,
  ResizeBilinear: resize('linear'),
  ResizeNearest: resize('nearest'),
  SpaceToDepth: spaceToDepth,
};
