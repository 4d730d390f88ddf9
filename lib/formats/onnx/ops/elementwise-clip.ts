/**
 * Clip: min(max(x, min), max). Bounds that are known become those of one operator, an activation where they are one's, which fuses
 * into what comes before it; others are tensors of one element. A missing bound clips nothing.
 */
import { describe } from '../../../errors.js';
import type { Tensor } from '../../../tensor.js';
import type { Lowering } from '../lowering.js';
import type { OnnxNode } from '../node.js';

/** A number, where it is known and a number holds it: else the name of the value. Undefined where nothing clips. */
type Bound = number | string | undefined;

export function clip(node: OnnxNode, graph: Lowering): void {
  const [min, max] = node.opset < 11 ? attributeBounds(node) : [inputBound(node, graph, 1), inputBound(node, graph, 2)];
  if (typeof min === 'string' || typeof max === 'string') {
    clipByTensors(node, graph);
    return;
  }
  const activation = activationOf(min, max);
  const bounds = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
  graph.add(node, activation ?? 'Clip', activation === undefined ? bounds : {}, [node.required(0)], node.outputs);
}

function activationOf(min: number | undefined, max: number | undefined): string | undefined {
  if (min === undefined && max === undefined) return 'Identity';
  if (min === 0 && max === undefined) return 'Relu';
  if (min === 0 && max === 6) return 'Relu6';
  return min === -1 && max === 1 ? 'ReluN1To1' : undefined;
}

/** Opsets before 11 have them in attributes, float32's own limits by default. */
function attributeBounds(node: OnnxNode): readonly [Bound, Bound] {
  return [node.has('min') ? node.float('min') : undefined, node.has('max') ? node.float('max') : undefined].map((bound) => {
    if (bound === undefined || Number.isFinite(bound)) return bound;
    if (Math.abs(bound) === Infinity) return undefined;
    throw node.error('ERR_MODEL_FORMAT', `expected numbers for min and max, got ${bound}`);
  }) as [Bound, Bound];
}

function inputBound(node: OnnxNode, graph: Lowering, index: 1 | 2): Bound {
  const name = node.input(index);
  if (name === '') return undefined;
  const constant = graph.constantOf(name);
  if (constant === undefined) return name;
  const value = numberOf(node, name, constant);
  if (value === (index === 1 ? -Infinity : Infinity)) return undefined;
  const isExact = constant.type.startsWith('float') ? Number.isFinite(value) : Number.isSafeInteger(value);
  return isExact ? value : name;
}

function numberOf(node: OnnxNode, name: string, { type, data, size }: Tensor): number {
  const isNumbers = type !== 'string' && type !== 'bool';
  if (isNumbers && size === 1) return Number(data[0]);
  throw node.error('ERR_MODEL_FORMAT', `expected one number for ${describe(name)}, got ${size} of type ${type}`);
}

function clipByTensors(node: OnnxNode, graph: Lowering): void {
  const [x, min, max] = [node.required(0), node.input(1), node.input(2)];
  const atLeast = min === '' ? x : graph.add(node, 'Maximum', {}, [x, min], max === '' ? node.outputs : 1)[0];
  if (max !== '') graph.add(node, 'Minimum', {}, [atLeast, max], node.outputs);
}
