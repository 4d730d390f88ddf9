/** Small instances of operators: a graph of one node with seeded random data, the same on every machine. */
import { toFloat16Bits } from '../float16.js';
import type { Attributes, Value } from '../graph/graph.js';
import { type QParams, quantizedRanges } from '../quant/qparams.js';
import type { Numerics } from '../quant/requant.js';
import { type DataType, Tensor, type TensorData } from '../tensor.js';
import type { OpCase } from './op.js';

export interface CaseValue {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly qparams?: QParams;
}

export interface CaseInput extends CaseValue {
  /** Known before the graph runs: its elements, or true for random ones. Without it the input is fed. */
  readonly constant?: true | readonly number[];
  /** The elements of an input that is fed, where random ones will not do. */
  readonly data?: readonly number[];
  /** Of random elements, inclusive. By default an integer type's own limits (int32: ±20000, int64: ±100), and ±4 for floats. */
  readonly range?: readonly [min: number, max: number];
}

export interface CaseOptions {
  readonly op: string;
  readonly attributes?: Attributes;
  /** undefined: an optional input that is absent. */
  readonly inputs: readonly (CaseInput | undefined)[];
  readonly outputs: readonly CaseValue[];
  /** `tflite` by default. */
  readonly numerics?: Numerics;
  readonly seed?: number;
  /** By default made of the numerics, the inputs and outputs, and the attributes. */
  readonly name?: string;
}

/** Inputs are named x0, x1, ...; outputs y0, y1, ... */
export function caseGraph(options: CaseOptions): OpCase {
  const { op, attributes = {}, inputs, outputs, numerics = 'tflite', seed = 1 } = options;
  const next = generator(seed);
  const values = new Map<string, Value>();
  const constants = new Map<string, Tensor>();
  const feeds: Record<string, Tensor> = {};
  const inputNames = inputs.map((input, i) => {
    if (input === undefined) return '';
    const name = `x${i}`;
    values.set(name, caseValue(name, input));
    const given = input.constant === true ? undefined : (input.constant ?? input.data);
    const tensor = given === undefined ? randomTensor(input, next) : tensorOf(input, given);
    if (input.constant === undefined) feeds[name] = tensor;
    else constants.set(name, tensor);
    return name;
  });
  const outputNames = outputs.map((output, i) => {
    values.set(`y${i}`, caseValue(`y${i}`, output));
    return `y${i}`;
  });
  const name = options.name ?? describeCase(options, numerics);
  const node = { name: op, op, attributes, inputs: inputNames, outputs: outputNames };
  const graph = {
    name,
    numerics,
    inputs: Object.keys(feeds),
    outputs: outputNames,
    values,
    constants,
    states: [],
    nodes: [node],
    metadata: {},
  };
  return { name, graph, feeds };
}

/** Scale and zero point of a whole tensor, the scale as the float32 that files store. */
export function affine(dtype: QParams['dtype'], scale: number, zeroPoint = 0): QParams {
  return { dtype, scale: Math.fround(scale), zeroPoint };
}

/** A function of one element on int16, with scales of its input and its output. */
export function wideFunctionCase(op: string, from: number, to: number): OpCase {
  const x = { type: 'int16', dims: [4, 100], qparams: affine('int16', from) } as const;
  return caseGraph({ op, inputs: [x], outputs: [{ ...x, qparams: affine('int16', to) }], numerics: 'onnx' });
}

/** An input or output of a product with int16 on one side or both: zero point 0 of int16, scales that go together. */
export function wideValue(type: 'int8' | 'uint8' | 'int16', dims: readonly number[], end: 'x' | 'y'): CaseValue & CaseInput {
  const scale = { x: { int8: 0.05, uint8: 0.05, int16: 1.7e-4 }, y: { int8: 0.08, uint8: 0.08, int16: 3.1e-4 } }[end][type];
  return { type, dims, qparams: affine(type, scale, { int8: -3, uint8: 119, int16: 0 }[type]) } as const;
}

/** Inputs and outputs of products with int16. */
export const wideTypes = [
  ['int16', 'int16'],
  ['int16', 'uint8'],
  ['int16', 'int8'],
  ['uint8', 'int16'],
  ['int8', 'int16'],
] as const;

function caseValue(name: string, { type, dims, qparams }: CaseValue): Value {
  return { name, type, dims, ...(qparams !== undefined && { qparams }) };
}

function tensorOf({ type, dims }: CaseValue, elements: readonly number[]): Tensor {
  return new Tensor<DataType>(type, elements as TensorData<DataType>, dims);
}

function randomTensor(input: CaseInput, next: () => number): Tensor {
  const size = input.dims.reduce((product, dim) => product * dim, 1);
  const [min, max] = input.range ?? defaultRange(input.type);
  if (input.type === 'float32' || input.type === 'float64') {
    return tensorOf(
      input,
      Array.from({ length: size }, () => min + next() * (max - min)),
    );
  }
  if (input.type === 'float16') {
    const bits = Uint16Array.from({ length: size }, () => toFloat16Bits(min + next() * (max - min)));
    return new Tensor('float16', bits, input.dims);
  }
  return tensorOf(
    input,
    Array.from({ length: size }, () => min + Math.floor(next() * (max - min + 1))),
  );
}

function defaultRange(type: DataType): readonly [min: number, max: number] {
  if (type === 'int8' || type === 'uint8' || type === 'int16') return quantizedRanges[type];
  if (type === 'int32') return [-20000, 20000];
  if (type === 'int64') return [-100, 100];
  if (type === 'bool') return [0, 1];
  return type.startsWith('float') ? [-4, 4] : [0, 100];
}

/** Numbers in [0, 1): the upper 24 bits of a linear congruential generator (Numerical Recipes' constants). */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

function describeCase({ op, attributes = {}, inputs, outputs }: CaseOptions, numerics: Numerics): string {
  const list = Object.entries(attributes).map(([key, value]) => `${key}=${String(value)}`);
  return [numerics, op, inputs.map(describeValue).join(' '), '->', outputs.map(describeValue).join(' '), ...list].join(' ');
}

/** `int8[2,3]*0.05-128` */
function describeValue(value: CaseValue | undefined): string {
  if (value === undefined) return '-';
  const { type, dims, qparams } = value;
  const shape = `${type}[${dims.join(',')}]`;
  if (qparams === undefined) return shape;
  const { scale, zeroPoint } = qparams;
  if (typeof scale !== 'number' || typeof zeroPoint !== 'number') return `${shape}*per-channel`;
  return `${shape}*${Number(scale.toPrecision(3))}${zeroPoint < 0 ? '' : '+'}${zeroPoint}`;
}

/** Legacy uint8 weights as minimum and maximum quantize them: around the zero point, all but the two largest of which fit int8. */
export function legacyWeights(dims: readonly number[]): CaseInput {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const next = generator(7);
  const zeroPoint = 110;
  const constant = Array.from({ length: size }, () => zeroPoint - 100 + Math.floor(next() * 220));
  constant[Math.floor(size / 3)] = 255;
  constant[size - 1] = 250;
  return { type: 'uint8', dims, qparams: affine('uint8', 0.004, zeroPoint), constant };
}
