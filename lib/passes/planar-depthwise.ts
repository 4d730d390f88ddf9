/**
 * A depthwise convolution between two Transposes, as the borders of an NCHW model have it, works on planes:
 *
 *     Transpose(DepthwiseConv2D(Transpose(x)))  =>  PlanarDepthwiseConv2D(x)
 *
 * Runs after the pass that takes out Transposes which cancel out.
 */
import type { Node } from '../graph/graph.js';
import { Edit, integersOf, sameQParams, staticDims } from './edit.js';
import type { Pass } from './pass.js';

export const usePlanarDepthwise: Pass = {
  name: 'planar-depthwise',
  run(graph) {
    if (!graph.nodes.some(({ op }) => op === 'DepthwiseConv2D')) return { graph, nodes: [] };
    const edit = new Edit(graph);
    for (const node of graph.nodes) if (node.op === 'DepthwiseConv2D') rewrite(edit, node);
    return edit.finish();
  },
};

function rewrite(edit: Edit, node: Node): void {
  const [x, w, bias] = node.inputs as readonly [string, string, string?];
  const [y] = node.outputs as readonly [string];
  const before = edit.isReadOnce(x) ? edit.producer(x) : undefined;
  const after = edit.isReadOnce(y) ? edit.readers(y)[0] : undefined;
  if (!isTranspose(edit, before, '0,2,3,1') || !isTranspose(edit, after, '0,3,1,2')) return;
  const { constants } = edit.graph;
  const { type, dims } = edit.value(x);
  const isByte = (type === 'int8' || type === 'uint8') && edit.value(w).type.endsWith('int8');
  // A single channel is a plain convolution, and several outputs a channel are not computed in planes
  const channels = dims[3];
  if (!isByte || channels === 1 || staticDims(edit.value(w))?.[3] !== channels) return;
  if (!constants.has(w) || !(bias === undefined || bias === '' || constants.has(bias))) return;
  if (!edit.claim(before, node, after)) return;
  const inputs = [before.inputs[0]!, ...node.inputs.slice(1)];
  edit.replace(before);
  edit.replace(node, { ...node, op: 'PlanarDepthwiseConv2D', inputs, outputs: after.outputs });
  edit.replace(after);
}

/** Whether it is one that keeps what integers mean. */
function isTranspose(edit: Edit, node: Node | undefined, perm: string): node is Node {
  if (node?.op !== 'Transpose' || String(integersOf(node, 'perm')) !== perm) return false;
  return sameQParams(edit.value(node.inputs[0]!).qparams, edit.value(node.outputs[0]!).qparams);
}
