/** What poolings share: x[N, H, W, C] -> y[N, OH, OW, C], each output from the part of its window that lies inside x. */
import { type QuantizedType, quantizedRanges } from '../quant/qparams.js';
import { extentsOf } from './convolution.js';
import { isQuantized } from './elementwise.js';
import {
  type AttributeReader,
  expectRank,
  expectType,
  type NodeContext,
  nodeError,
  type OutputShape,
  perTensor,
  type RunContext,
  requiredInput,
} from './op.js';
import { type Activation, activationBounds, activations, quantizedBounds } from './output-stage.js';
import { checkedSize } from './shapes.js';
import { parseWindow, type Window } from './window.js';

export interface PoolAttributes {
  readonly window: Window;
  readonly size: readonly [number, number];
  readonly activation: Activation;
}

export function parsePool(attributes: AttributeReader): PoolAttributes {
  const [height = 0, width = 0, ...rest] = attributes.integers('size', 1, 2 ** 20);
  if (height === 0 || width === 0 || rest.length > 0) throw attributes.wrong('size', 'two integers', [height, width, ...rest]);
  const window = parseWindow(attributes);
  if (window.dilations[0] !== 1 || window.dilations[1] !== 1) throw attributes.wrong('dilations', '1, 1', window.dilations);
  const ceil = attributes.boolean('ceil', false);
  return {
    window: { ...window, ceil },
    size: [height, width],
    activation: attributes.oneOf('activation', activations, 'none'),
  };
}

/** `plainIntegers`: whether integers need not be quantized, for all that is done is to compare them. */
export function inferPool(context: NodeContext<PoolAttributes>, plainIntegers = false): readonly OutputShape[] {
  const { node, attributes } = context;
  const { window, size, activation } = attributes;
  const x = requiredInput(context, 0);
  expectType(context, x, ['float32', 'float64', 'int8', 'uint8', 'int16']);
  const isPlain = plainIntegers && x.qparams === undefined && activation === 'none';
  if (isQuantized(x.type) && !isPlain) perTensor(context, x);
  expectRank(context, x, 4);
  const [batches, height, width, channels] = x.dims as [number, number, number, number];
  const { padding } = window;
  if (typeof padding !== 'string' && padding.some((pad, i) => pad >= size[i % 2]!)) {
    throw nodeError(
      'ERR_SHAPE',
      node,
      `expected padding below the window's size of ${size.join(' x ')}, got ${padding.join(', ')}`,
    );
  }
  const [vertical, horizontal] = extentsOf(context, window, [height, width], size);
  const dims = [batches, vertical.size, horizontal.size, channels];
  checkedSize(node, dims);
  return [{ type: x.type, dims }];
}

/** Pixels of x from a row and column on: those of one window, edges cut off. At least one. */
export interface PoolWindow {
  readonly rows: number;
  readonly columns: number;
  /** Of the first pixel's first channel in x, and the distance from one row to the next. */
  readonly start: number;
  readonly rowStep: number;
}

/** Calls `pool` once for each output pixel, with where its window lies and where its channels begin in y. */
export function forEachWindow(context: RunContext<PoolAttributes>, pool: (window: PoolWindow, offset: number) => void): void {
  const { inputs, attributes } = context;
  const { window, size } = attributes;
  const [batches, height, width, channels] = inputs[0]!.dims as [number, number, number, number];
  const [vertical, horizontal] = extentsOf(context, window, [height, width], size);
  let offset = 0;
  for (let n = 0; n < batches; n++) {
    for (let oy = 0; oy < vertical.size; oy++) {
      const top = oy * window.strides[0] - vertical.before;
      const firstRow = Math.max(top, 0);
      const rows = Math.min(top + size[0], height) - firstRow;
      for (let ox = 0; ox < horizontal.size; ox++) {
        const left = ox * window.strides[1] - horizontal.before;
        const firstColumn = Math.max(left, 0);
        const columns = Math.min(left + size[1], width) - firstColumn;
        const start = ((n * height + firstRow) * width + firstColumn) * channels;
        pool({ rows, columns, start, rowStep: width * channels }, offset);
        offset += channels;
      }
    }
  }
}

/** The fused activation's bounds in terms of what y holds. */
export function poolBounds(context: RunContext<PoolAttributes>): readonly [number, number] {
  const { activation } = context.attributes;
  const y = context.outputs[0]!;
  if (!isQuantized(y.type)) return activationBounds[activation];
  if (y.qparams === undefined && activation === 'none') return quantizedRanges[y.type as QuantizedType];
  return quantizedBounds(activation, perTensor(context, y), context.numerics);
}

/** TFLite pools integers as they are, so that both sides must mean the same by them (it tolerates 1e-6 between the scales). */
export function expectSameQParams<A>(context: RunContext<A>): void {
  const [x, y] = [context.inputs[0]!, context.outputs[0]!];
  const [a, b] = [perTensor(context, x), perTensor(context, y)];
  if (a.zeroPoint === b.zeroPoint && Math.abs(a.scale - b.scale) <= 1e-6) return;
  const found = `${a.scale}, ${a.zeroPoint} and ${b.scale}, ${b.zeroPoint}`;
  throw nodeError(
    'ERR_QUANTIZATION',
    context.node,
    `expected the scale and zero point of ${x.name} in ${y.name}, got ${found}`,
  );
}
