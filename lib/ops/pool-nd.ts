/**
 * PoolNd: x[N, C, d1, ..., dk] -> y[N, C, o1, ..., ok], and for `max` the place in x that each largest element comes from (int64,
 * row-major over all of x; over the spatial dimensions in the order k, ..., 1 with `columnMajor`).
 *
 *     max:      the largest element; the first of several
 *     average:  the mean of those that lie inside x, or with `countPadding` inside the padding
 *     lp:       (Σ |x|^p)^(1/p)
 *
 * of a window of `size` elements, `dilations` apart. For every number of dimensions, and for what MaxPool2D and AveragePool2D, which
 * are faster, do not do. ONNX's MaxPool, AveragePool and LpPool.
 */
import { caseGraph } from './cases.js';
import {
  type AttributeReader,
  defineOp,
  expectRank,
  expectType,
  type NodeContext,
  nodeError,
  type OpCase,
  perTensor,
  type RunContext,
  requiredInput,
} from './op.js';
import { checkedSize, product, shapeText, strides } from './shapes.js';
import { allocate, inputData, outputTensor } from './storage.js';
import { extentOf, maxPadding, type Window } from './window.js';

export interface PoolNdAttributes {
  readonly mode: 'max' | 'average' | 'lp';
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** All before, then all after. */
  readonly pads: readonly number[];
  readonly padding: 'same' | 'same-lower' | 'valid';
  readonly ceil: boolean;
  readonly countPadding: boolean;
  readonly p: number;
  readonly columnMajor: boolean;
}

export const poolNd = defineOp<PoolNdAttributes>({
  name: 'PoolNd',
  inputs: [1, 1],
  outputs: [1, 2],
  parse,

  infer(context) {
    const { node, attributes } = context;
    const { mode, size } = attributes;
    const x = requiredInput(context, 0);
    const integers = mode === 'max' ? (['int8', 'uint8'] as const) : [];
    expectType(context, x, ['float32', 'float64', ...integers]);
    if (x.qparams !== undefined) perTensor(context, x);
    expectRank(context, x, size.length + 2);
    const axes = axesOf(context);
    const spatial = axes.map(({ outputs }) => outputs);
    if (axes.some(({ outputs, before, size: taps, dilation }) => outputs < 1 || before > (taps - 1) * dilation)) {
      const found = `a window of ${size.join(' x ')} on ${shapeText(x.dims)}`;
      throw nodeError('ERR_SHAPE', node, `expected a window that fits its input, got ${found}`);
    }
    const dims = [...x.dims.slice(0, 2), ...spatial];
    checkedSize(node, dims);
    const y = { type: x.type, dims };
    return mode === 'max' && node.outputs.length > 1 ? [y, { type: 'int64', dims }] : [y];
  },

  run,
  cases,
});

function parse(attributes: AttributeReader): PoolNdAttributes {
  const maxSize = 2 ** 20;
  const size = attributes.integers('size', 1, maxSize);
  const ones = size.map(() => 1);
  const list = (name: string) => {
    const values = attributes.integers(name, 1, maxPadding, ones);
    if (values.length !== size.length) throw attributes.wrong(name, `${size.length} integers`, values);
    return values;
  };
  const pads = attributes.integers('pads', 0, maxPadding, [...ones, ...ones].fill(0));
  if (pads.length !== 2 * size.length) throw attributes.wrong('pads', `${2 * size.length} integers`, pads);
  return {
    mode: attributes.oneOf('mode', ['max', 'average', 'lp']),
    size,
    strides: list('strides'),
    dilations: list('dilations'),
    pads,
    padding: attributes.oneOf('padding', ['same', 'same-lower', 'valid'], 'valid'),
    ceil: attributes.boolean('ceil', false),
    countPadding: attributes.boolean('countPadding', false),
    p: attributes.integer('p', 1, maxSize, 2),
    columnMajor: attributes.boolean('columnMajor', false),
  };
}

interface Axis {
  readonly inputs: number;
  readonly outputs: number;
  readonly before: number;
  /** Where what counts as padding ends. */
  readonly end: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
}

function axesOf({ inputs, attributes }: NodeContext<PoolNdAttributes>): readonly Axis[] {
  const { pads, padding, ceil } = attributes;
  return attributes.size.map((size, i) => {
    const [stride, dilation, input] = [attributes.strides[i]!, attributes.dilations[i]!, inputs[0]!.dims[i + 2]!];
    const explicit = [pads[i]!, 0, pads[i + attributes.size.length]!, 0] as const;
    const window: Window = {
      strides: [stride, 1],
      dilations: [dilation, 1],
      padding: padding === 'valid' ? explicit : padding,
      ceil: ceil && padding === 'valid',
    };
    const { size: outputs, before } = extentOf(window, 0, input, size);
    const after = padding === 'valid' ? explicit[2] : Infinity;
    return { inputs: input, outputs, before, end: input + after, size, stride, dilation };
  });
}

/** The positions of one window along one axis that lie inside x: `count` of them, from `first` on. */
interface Taps {
  readonly first: number;
  readonly count: number;
  /** With those in the padding. */
  readonly counted: number;
}

function tapsAt({ inputs, before, end, size, stride, dilation }: Axis, output: number): Taps {
  const start = output * stride - before;
  const tapsBelow = (limit: number) => Math.min(Math.max(Math.ceil((limit - start) / dilation), 0), size);
  const outside = tapsBelow(0);
  return { first: start + outside * dilation, count: tapsBelow(inputs) - outside, counted: tapsBelow(end) };
}

function run(context: RunContext<PoolNdAttributes>) {
  const { mode, dilations, countPadding, columnMajor } = context.attributes;
  const x = inputData(context, 0) as Float32Array;
  const spatialDims = context.inputs[0]!.dims.slice(2);
  const { type, dims: outputDims } = context.outputs[0]!;
  const y = allocate(type, product(outputDims)) as Float32Array;
  const places = mode === 'max' && context.outputs[1] !== undefined ? new BigInt64Array(y.length) : undefined;
  const axes = axesOf(context);
  const steps = strides(spatialDims);
  const imageSize = product(spatialDims);
  const outputSteps = strides(outputDims.slice(2));
  const outputSize = product(outputDims.slice(2));
  const pool = poolOf(context);
  for (let i = 0; i < y.length; i++) {
    const start = Math.floor(i / outputSize) * imageSize;
    const taps = axes.map((axis, k) => tapsAt(axis, Math.floor((i % outputSize) / outputSteps[k]!) % axis.outputs));
    const window = taps.map(({ first, count }, k) => ({ start: first * steps[k]!, step: dilations[k]! * steps[k]!, count }));
    const counted = taps.reduce((all, own) => all * (countPadding ? own.counted : own.count), 1);
    const { value, offset } = pool((visit) => forEachOffset(window, 0, start, visit), x, counted);
    y[i] = value;
    if (places === undefined) continue;
    const place = columnMajor ? columnMajorOf(offset - start, spatialDims) : offset - start;
    places[i] = BigInt(start + place);
  }
  const first = outputTensor(context, 0, y);
  return places === undefined ? [first] : [first, outputTensor(context, 1, places)];
}

type Window1d = { readonly start: number; readonly step: number; readonly count: number };

/** The elements of a window, row-major. */
function forEachOffset(window: readonly Window1d[], axis: number, offset: number, visit: (offset: number) => void): void {
  const own = window[axis];
  if (own === undefined) {
    visit(offset);
    return;
  }
  for (let tap = 0, at = offset + own.start; tap < own.count; tap++, at += own.step) forEachOffset(window, axis + 1, at, visit);
}

function columnMajorOf(offset: number, dims: readonly number[]): number {
  let [result, step] = [0, 1];
  for (const [axis, stride] of strides(dims).entries()) {
    result += (Math.floor(offset / stride) % dims[axis]!) * step;
    step *= dims[axis]!;
  }
  return result;
}

type Pool = (
  forEach: (visit: (offset: number) => void) => void,
  x: Float32Array,
  counted: number,
) => { readonly value: number; readonly offset: number };

function poolOf({ attributes, outputs }: RunContext<PoolNdAttributes>): Pool {
  const { mode, p } = attributes;
  if (mode === 'max') {
    const lowest = { int8: -128, uint8: 0 }[outputs[0]!.type as 'int8'] ?? -Infinity;
    return (forEach, x) => {
      let [value, offset] = [lowest, -1];
      forEach((at) => {
        const isLarger = x[at]! > value || (Number.isNaN(x[at]) && !Number.isNaN(value));
        if (isLarger || offset < 0) [value, offset] = [x[at]!, at];
      });
      return { value, offset };
    };
  }
  const isAverage = mode === 'average';
  return (forEach, x, counted) => {
    let sum = 0;
    forEach((at) => {
      sum += isAverage ? x[at]! : Math.abs(x[at]!) ** p;
    });
    return { value: isAverage ? sum / counted : sum ** (1 / p), offset: 0 };
  };
}

function* cases(): Iterable<OpCase> {
  const op = 'PoolNd';
  const shapes = [
    { x: [2, 3, 7], y: [2, 3, 4], attributes: { size: [2], strides: [2], pads: [1, 0] } },
    { x: [1, 2, 5, 6], y: [1, 2, 3, 2], attributes: { size: [2, 3], dilations: [2, 2] } },
    { x: [1, 2, 5, 6], y: [1, 2, 3, 3], attributes: { size: [3, 3], strides: [2, 2], padding: 'same-lower' } },
    { x: [1, 2, 4, 4, 5], y: [1, 2, 2, 2, 3], attributes: { size: [3, 2, 2], strides: [2, 2, 2], ceil: true } },
    { x: [1, 2, 3, 3, 3], y: [1, 2, 3, 3, 3], attributes: { size: [3, 3, 3], pads: [1, 1, 1, 1, 1, 1] } },
  ] as const;
  for (const { x, y, attributes } of shapes) {
    for (const type of ['float32', 'float64'] as const) {
      const [inputs, outputs] = [[{ type, dims: x }], [{ type, dims: y }]];
      for (const mode of ['average', 'lp'] as const)
        yield caseGraph({ op, attributes: { mode, ...attributes }, inputs, outputs });
      const counting = { mode: 'average', countPadding: true, ...attributes };
      yield caseGraph({ op, attributes: counting, inputs, outputs });
      yield caseGraph({ op, attributes: { mode: 'lp', p: 3, ...attributes }, inputs, outputs });
    }
    for (const type of ['float32', 'int8', 'uint8'] as const) {
      const outputs = [{ type, dims: y } as const, { type: 'int64', dims: y } as const];
      for (const columnMajor of [false, true]) {
        yield caseGraph({ op, attributes: { mode: 'max', columnMajor, ...attributes }, inputs: [{ type, dims: x }], outputs });
      }
      yield caseGraph({
        op,
        attributes: { mode: 'max', ...attributes },
        inputs: [{ type, dims: x }],
        outputs: outputs.slice(0, 1),
      });
    }
  }
}
