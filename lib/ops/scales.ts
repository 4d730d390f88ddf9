/**
 * Scales and zero points that are inputs of a node: one for the whole tensor, one for each index along `axis`, or one for each block
 * of `blockSize` elements along `axis` (then they have the tensor's other dimensions).
 */
import { type AttributeReader, expectType, type NodeContext, nodeError, requiredInput } from './op.js';
import { checkedSize, normalizeAxis, product, sameShape, shapeText } from './shapes.js';

export interface ScaleAttributes {
  readonly axis: number;
  /** 0: no blocks. */
  readonly blockSize: number;
}

const maxRank = 32;

export function parseScales(attributes: AttributeReader): ScaleAttributes {
  return {
    axis: attributes.integer('axis', -maxRank, maxRank - 1, 1),
    blockSize: attributes.integer('blockSize', 0, 2 ** 31 - 1, 0),
  };
}

/** Inputs 1 and 2 of a node on input 0: ERR_SHAPE and ERR_DTYPE where they do not fit it. */
export function checkScales(context: NodeContext<ScaleAttributes>): void {
  const { node, attributes, inputs } = context;
  const [x, scale, zeroPoint] = [requiredInput(context, 0), requiredInput(context, 1), inputs[2]];
  expectType(context, scale, ['float32']);
  checkedSize(node, x.dims);
  if (zeroPoint !== undefined && product(zeroPoint.dims) !== 1 && !sameShape(zeroPoint.dims, scale.dims)) {
    const found = `${shapeText(scale.dims)} and ${shapeText(zeroPoint.dims)}`;
    throw nodeError('ERR_SHAPE', node, `expected scales and zero points of one shape, got ${found}`);
  }
  if (isWhole(scale.dims)) return;
  const axis = normalizeAxis(context, attributes.axis, x.dims.length);
  const { blockSize } = attributes;
  const expected = blockSize === 0 ? [x.dims[axis]!] : x.dims.with(axis, Math.ceil(x.dims[axis]! / blockSize));
  if (sameShape(scale.dims, expected)) return;
  throw nodeError('ERR_SHAPE', node, `expected scales of shape ${shapeText(expected)}, got ${shapeText(scale.dims)}`);
}

function isWhole(dims: readonly number[]): boolean {
  return dims.length <= 1 && product(dims) === 1;
}

/** Which scale element i of input 0 has. */
export function scaleIndex(context: NodeContext<ScaleAttributes>): (i: number) => number {
  const [{ dims }, scale] = [requiredInput(context, 0), requiredInput(context, 1)];
  if (isWhole(scale.dims)) return () => 0;
  const axis = normalizeAxis(context, context.attributes.axis, dims.length);
  const inner = product(dims.slice(axis + 1));
  const count = dims[axis]!;
  const { blockSize } = context.attributes;
  if (blockSize === 0) return (i) => Math.floor(i / inner) % count;
  const blocks = scale.dims[axis]!;
  return (i) => {
    const block = Math.floor((Math.floor(i / inner) % count) / blockSize);
    return (Math.floor(i / (inner * count)) * blocks + block) * inner + (i % inner);
  };
}
