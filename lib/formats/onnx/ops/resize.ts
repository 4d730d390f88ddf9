/** Resize, Upsample, which it replaced in version 10, and GridSample. */
import type { Attributes } from '../../../graph/graph.js';
import { coordinateModes, nearestModes } from '../../../ops/resize-taps.js';
import type { Lowering, Rules } from '../lowering.js';
import type { OnnxNode } from '../node.js';
import { moving } from './movement.js';

export const resizeRules: Rules = {
  Resize: moving((node, graph) => {
    if (node.opset < 11) return scaled(node, graph, node.required(1));
    const inputs = [node.required(0), node.input(1), node.input(2), node.input(3)];
    graph.add(node, 'Resize', attributesOf(node), inputs, node.outputs);
  }),
  GridSample(node, graph) {
    // Version 20 dropped the bi-
    const mode = node.oneOf('mode', ['nearest', 'linear', 'cubic', 'bilinear', 'bicubic'], 'linear').replace(/^bi/, '');
    const padding = node.oneOf('padding_mode', ['zeros', 'border', 'reflection'], 'zeros');
    const attributes = { mode, padding, alignCorners: node.boolean('align_corners') };
    graph.add(node, 'GridSample', attributes, [node.required(0), node.required(1)], node.outputs);
  },
  Upsample: moving((node, graph) => {
    scaled(node, graph, node.opset < 9 ? graph.literal(node, 'float32', node.floats('scales')) : node.required(1));
  }),
};

/** As before version 11: the first elements of both stand on each other. */
function scaled(node: OnnxNode, graph: Lowering, scales: string): void {
  // Version 7 called linear bilinear as well
  const mode = node.oneOf('mode', ['nearest', 'linear', 'bilinear'], 'nearest').replace('bilinear', 'linear');
  const attributes = { mode, coordinates: 'asymmetric', nearest: 'simple' };
  graph.add(node, 'Resize', attributes, [node.required(0), '', scales], node.outputs);
}

function attributesOf(node: OnnxNode): Attributes {
  const known = nearestModes.filter((mode) => mode !== 'simple');
  return {
    mode: node.oneOf('mode', ['nearest', 'linear', 'cubic'], 'nearest'),
    coordinates: node.oneOf('coordinate_transformation_mode', coordinateModes, 'half_pixel'),
    nearest: node.oneOf('nearest_mode', known, 'round_prefer_floor'),
    cubicA: node.float('cubic_coeff_a', -0.75),
    excludeOutside: node.boolean('exclude_outside'),
    antialias: node.boolean('antialias'),
    extrapolation: node.float('extrapolation_value', 0),
    axes: node.ints('axes', []),
    aspect: node.oneOf('keep_aspect_ratio_policy', ['stretch', 'not_larger', 'not_smaller'], 'stretch'),
  };
}
