/**
 * A node that works element by element on 8 bits is a table of 256 entries. Whether one node may stand for two is then no question
 * of formulas and their rounding: their tables are equal or they are not.
 */
import { OctensorError } from '../errors.js';
import type { Node, Value } from '../graph/graph.js';
import { ops } from '../ops/index.js';
import { AttributeReader, type Operand } from '../ops/op.js';
import type { Numerics } from '../quant/requant.js';
import { type DataType, Tensor } from '../tensor.js';

/** With one input and one output of one shape, each element from its own. */
const elementwise: ReadonlySet<string> = new Set([
  'Quantize',
  'Dequantize',
  'Relu',
  'Relu6',
  'ReluN1To1',
  'LeakyRelu',
  'Logistic',
  'Tanh',
  'HardSwish',
]);

export type Table = ArrayLike<number>;

/**
 * The results for the inputs 0 to 255, or 0 to 127 and -128 to -1: the bytes in order. Undefined for a node that is no such
 * table, or that cannot run, which the plan will report.
 */
export function byteTable(node: Node, x: Value, y: Value, numerics: Numerics): Table | undefined {
  if (!elementwise.has(node.op) || !isByte(x) || node.inputs.length !== 1 || node.outputs.length !== 1) return undefined;
  const op = ops.get(node.op)!;
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const data = x.type === 'int8' ? new Int8Array(bytes.buffer) : bytes;
  const input = operandOf(x);
  try {
    const context = { node, attributes: op.parse(new AttributeReader(node)), inputs: [input], numerics };
    if (op.infer(context)[0]?.type !== y.type) return undefined;
    const [result] = op.run({ ...context, data: [new Tensor<DataType>(x.type, data, [256])], outputs: [operandOf(y)] });
    return result!.data as Int8Array;
  } catch (error) {
    if (error instanceof OctensorError) return undefined;
    throw error;
  }
}

/** First `a`, then `b`. */
export function composed(a: Table, b: Table): Table {
  return Array.from(a, (value) => b[value & 255]!);
}

export function sameTable(a: Table, b: Table): boolean {
  return a.length === b.length && Array.from(a).every((value, i) => Object.is(value, b[i]));
}

export function isIdentityTable(table: Table, type: DataType): boolean {
  return Array.from(table).every((value, i) => value === (type === 'int8' ? (i << 24) >> 24 : i));
}

/** 8 bits, quantized as a whole. */
export function isByte({ type, qparams }: Value): boolean {
  return (type === 'int8' || type === 'uint8') && typeof qparams?.scale === 'number' && typeof qparams.zeroPoint === 'number';
}

function operandOf({ name, type, qparams }: Value): Operand {
  return { name, type, dims: [256], ...(qparams !== undefined && { qparams }) };
}
