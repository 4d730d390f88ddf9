/**
 * An AveragePool2D of whole images as the Mean that it is. Of floats: an average of integers has the scale of what it averages, a mean has
 * one of its own, and means of whole images are small beside their largest pixels.
 */
import { Edit, integersOf, staticDims } from './edit.js';
import type { Pass } from './pass.js';

export const globalPool: Pass = {
  name: 'global-pool',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      if (node.op !== 'AveragePool2D' || (node.attributes.activation ?? 'none') !== 'none') continue;
      const [x, y] = [edit.value(node.inputs[0]!), edit.value(node.outputs[0]!)];
      const [input, output] = [staticDims(x), staticDims(y)];
      const size = integersOf(node, 'size');
      // One window that is the image has no pads, or a mean that leaves them out
      const isWhole = input?.[1] === size[0] && input?.[2] === size[1] && output?.[1] === 1 && output[2] === 1;
      const pads = (node.attributes.pads ?? []) as readonly number[];
      if (!isWhole || x.type !== 'float32' || pads.some((pad) => pad !== 0) || !edit.claim(node)) continue;
      edit.replace(node, { ...node, op: 'Mean', attributes: { axes: [1, 2], keepDims: true } });
    }
    return edit.finish();
  },
};
