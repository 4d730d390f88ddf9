/**
 * Pad, then a convolution without padding of its own or with explicit one: one convolution with explicit padding, which needs no
 * copy of its input. Only where the padding is height and width alone and real zero, which is what convolutions pad with.
 */
import type { Node } from '../graph/graph.js';
import { AttributeReader } from '../ops/op.js';
import { type PadAttributes, pad, paddingElement } from '../ops/pad.js';
import { realZero } from '../ops/storage.js';
import { maxPadding } from '../ops/window.js';
import { Edit, sameQParams } from './edit.js';
import type { Pass } from './pass.js';

const convolutions: ReadonlySet<string> = new Set(['Conv2D', 'DepthwiseConv2D']);

type Pads = readonly [top: number, left: number, bottom: number, right: number];

export const fusePad: Pass = {
  name: 'fuse-pad',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.nodes) {
      const pads = node.op === 'Pad' ? zeroPadding(edit, node) : undefined;
      if (pads === undefined) continue;
      const name = node.outputs[0]!;
      const readers = edit.readers(name);
      const fused = readers.map((reader) => fusedPadding(edit, reader, name, pads));
      if (edit.isKept(name) || readers.length === 0 || fused.includes(undefined) || !edit.claim(node, ...readers)) continue;
      for (const [i, reader] of readers.entries()) {
        const { padding: _, ...attributes } = reader.attributes;
        edit.replace(reader, {
          ...reader,
          inputs: reader.inputs.with(0, node.inputs[0]!),
          attributes: { ...attributes, pads: fused[i]! },
        });
      }
      edit.replace(node);
    }
    return edit.finish();
  },
};

/** Undefined where the padding is not of real zeros around height and width. */
function zeroPadding(edit: Edit, node: Node): Pads | undefined {
  const { pads, value, mode } = pad.parse(new AttributeReader(node)) as PadAttributes;
  const [x, y] = [edit.value(node.inputs[0]!), edit.value(node.outputs[0]!)];
  const [n0, n1, top, bottom, left, right, c0, c1] = pads;
  if (mode !== 'constant' || pads.length !== 8 || n0 !== 0 || n1 !== 0 || c0 !== 0 || c1 !== 0) return undefined;
  const isZero = paddingElement(y, value) === realZero(y);
  return isZero && sameQParams(x.qparams, y.qparams) ? [top!, left!, bottom!, right!] : undefined;
}

/** Undefined for a reader that cannot pad by itself. */
function fusedPadding(edit: Edit, reader: Node, padded: string, pads: Pads): Pads | undefined {
  const isInput = convolutions.has(reader.op) && reader.inputs[0] === padded && reader.inputs.lastIndexOf(padded) === 0;
  const { pads: own = [0, 0, 0, 0], padding = 'valid' } = reader.attributes;
  const isExplicit = reader.attributes.pads !== undefined || padding === 'valid';
  if (!isInput || !isExplicit || !multipliesZeros(edit, reader)) return undefined;
  const sum = pads.map((count, i) => count + (own as Pads)[i]!);
  return sum.every((count) => count <= maxPadding) ? (sum as unknown as Pads) : undefined;
}

/**
 * Padding that a convolution does itself is not multiplied: the same, unless a float weight times 0 is no 0. Hybrid convolutions
 * quantize their input by its extremes, of which zeros may be one.
 */
function multipliesZeros(edit: Edit, { inputs }: Node): boolean {
  const [x, w] = [edit.value(inputs[0]!), edit.value(inputs[1]!)];
  if (x.type !== 'float32') return true;
  const weights = edit.graph.constants.get(w.name)?.data;
  return weights instanceof Float32Array && weights.every(Number.isFinite);
}
