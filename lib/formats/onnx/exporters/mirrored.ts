/** Operators that are ONNX's own, with its inputs in its order: they are written as they came. */
import type { ScaleAttributes } from '../../../ops/scales.js';
import type { DataType } from '../../../tensor.js';
import type { AttributeValues } from '../export-messages.js';
import { elemTypeOf } from '../model.js';
import { type Exporter, type Exporters, exporter } from './exporter.js';

/** `attributesOf`: what the operator's attributes are called in ONNX. */
function mirrored<A>(opType: string, attributesOf: (attributes: A) => AttributeValues = () => ({})): Exporter {
  return exporter<A>(({ inputs, outputs, attributes }, graph) => {
    const values = inputs.map((name) => (name === '' ? undefined : graph.real(name)));
    const results = graph.addMany(opType, values, attributesOf(attributes), outputs.length);
    for (const [i, name] of outputs.entries()) graph.defineReal(name, results[i]!);
  });
}

interface EyeLike {
  readonly to: DataType | 'same';
  readonly k: number;
}

interface Quantizing extends ScaleAttributes {
  readonly to: DataType;
}

/** Scales that are no parameters of a value: integers that are not said to be quantized. */
function scaled(opType: string): Exporter {
  return exporter<ScaleAttributes>(({ inputs, outputs, attributes }, graph) => {
    const { axis, blockSize } = attributes;
    const values = inputs.map((name) => (name === '' ? undefined : graph.stored(name)));
    graph.defineStored(outputs[0]!, graph.add(opType, values, { axis, block_size: blockSize || undefined }));
  });
}

const quantizeLinear = exporter<Quantizing>((node, graph) => {
  const hasType = (node.inputs[2] ?? '') !== '' || node.attributes.to === 'uint8';
  if (!hasType) throw graph.unsupported('a type of integers without a zero point of it');
  scaled('QuantizeLinear')(node, graph);
});

/** The same integers; what they mean is said where they are read. */
const reinterpret = exporter(({ inputs, outputs }, graph) => graph.defineStored(outputs[0]!, graph.stored(inputs[0]!)));

type Axis = { readonly axis: number };
type Scatter = Axis & { readonly reduction: string };

export const mirroredExporters: Exporters = {
  CenterCropPad: mirrored<{ readonly axes: readonly number[] }>('CenterCropPad', ({ axes }) => ({
    axes: axes.length > 0 ? axes : undefined,
  })),
  Compress: mirrored<Axis>('Compress', ({ axis }) => ({ axis })),
  CumSum: mirrored<{ readonly exclusive: boolean; readonly reverse: boolean }>('CumSum', (own) => ({ ...own })),
  DequantizeLinear: scaled('DequantizeLinear'),
  Dropout: mirrored('Dropout'),
  DynamicQuantizeLinear: mirrored('DynamicQuantizeLinear'),
  Einsum: mirrored<{ readonly equation: string }>('Einsum', ({ equation }) => ({ equation })),
  EyeLike: mirrored<EyeLike>('EyeLike', ({ to, k }) => ({ dtype: to === 'same' ? undefined : elemTypeOf(to), k })),
  MatMulInteger: mirrored('MatMulInteger'),
  NonMaxSuppression: mirrored<{ readonly centers: boolean }>('NonMaxSuppression', ({ centers }) => ({
    center_point_box: centers,
  })),
  NonZero: mirrored('NonZero'),
  OneHot: mirrored<Axis>('OneHot', ({ axis }) => ({ axis })),
  QuantizeLinear: quantizeLinear,
  Reinterpret: reinterpret,
  ReverseSequence: mirrored<{ readonly batchAxis: number; readonly timeAxis: number }>(
    'ReverseSequence',
    ({ batchAxis, timeAxis }) => ({
      batch_axis: batchAxis,
      time_axis: timeAxis,
    }),
  ),
  ScatterElements: mirrored<Scatter>('ScatterElements', ({ axis, reduction }) => ({ axis, reduction: reductionOf(reduction) })),
  ScatterNd: mirrored<Omit<Scatter, 'axis'>>('ScatterND', ({ reduction }) => ({ reduction: reductionOf(reduction) })),
  TopK: mirrored<Axis & { readonly largest: boolean }>('TopK', ({ axis, largest }) => ({ axis, largest })),
  Trilu: mirrored<{ readonly upper: boolean }>('Trilu', ({ upper }) => ({ upper })),
  Unique: mirrored<Axis & { readonly sorted: boolean }>('Unique', ({ axis, sorted }) => ({ axis, sorted })),
};

function reductionOf(reduction: string): string | undefined {
  return reduction === 'none' ? undefined : reduction;
}
