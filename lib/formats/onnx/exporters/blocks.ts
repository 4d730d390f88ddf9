/** SpaceToBatchNd and BatchToSpaceNd, of which ONNX has no form: a Reshape that names blocks, a Transpose, and a Reshape. */
import type { BatchToSpaceAttributes } from '../../../ops/batch-to-space-nd.js';
import { product } from '../../../ops/shapes.js';
import type { SpaceToBatchAttributes } from '../../../ops/space-to-batch-nd.js';
import type { QParams } from '../../../quant/qparams.js';
import type { ExportGraph } from '../export-graph.js';
import { axisIn, entriesIn, imageRank, type Layout } from '../export-layout.js';
import type { OnnxValue } from '../export-names.js';
import { commonLayout, type Exporters, exporter } from './exporter.js';
import { move } from './moving.js';

/** [N, a·p, b·q, R] -> [N, a, p, b, q, R] -> [p, q, N, a, b, R] -> [p·q·N, a, b, R], after the padding. */
const spaceToBatch = exporter<SpaceToBatchAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { block, pads } = attributes;
  const layout = commonLayout(graph, inputs);
  const dims = paddedDims(graph, inputs[0]!, pads, 1);
  const placed = placeBlocks(layout, dims, block);
  move(graph, inputs, outputs, layout, ([input], integers) => {
    const value = padded(graph, inputs[0]!, input!, pads, layout, dims.length, integers);
    const { perm, sizes } = splitOrder(placed);
    const named = graph.add('Reshape', [value, graph.literal('int64', sizes)]);
    const moved = graph.add('Transpose', [named], { perm });
    const result = placed.map(({ size, block: by }, i) => (i === 0 ? size * product(block) : size / by));
    return [graph.add('Reshape', [moved, graph.literal('int64', result)])];
  });
});

/** [p·q·N, a, b, R] -> [p, q, N, a, b, R] -> [N, a, p, b, q, R] -> [N, a·p, b·q, R], and the crop. */
const batchToSpace = exporter<BatchToSpaceAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { block, crops } = attributes;
  const layout = commonLayout(graph, inputs);
  const [batch, ...rest] = paddedDims(graph, inputs[0]!, [], 0) as readonly [number, ...number[]];
  const whole = [batch / product(block), ...rest.map((dim, i) => dim * (block[i] ?? 1))];
  const placed = placeBlocks(layout, whole, block);
  move(graph, inputs, outputs, layout, ([input]) => {
    const { perm, sizes } = splitOrder(placed);
    const named = graph.add('Reshape', [
      input,
      graph.literal(
        'int64',
        perm.map((axis) => sizes[axis]!),
      ),
    ]);
    const moved = graph.add('Transpose', [named], { perm: perm.map((_, i) => perm.indexOf(i)) });
    const value = graph.add('Reshape', [
      moved,
      graph.literal(
        'int64',
        placed.map(({ size }) => size),
      ),
    ]);
    if (crops.every((crop) => crop === 0)) return [value];
    const starts = block.map((_, i) => crops[2 * i]!);
    const ends = block.map((_, i) => whole[i + 1]! - crops[2 * i + 1]!);
    const axes = block.map((_, i) => axisIn(layout, i + 1));
    return [graph.add('Slice', [value, ...[starts, ends, axes].map((list) => graph.literal('int64', list))])];
  });
});

interface PlacedDim {
  readonly size: number;
  /** 1 where the dimension has no blocks. */
  readonly block: number;
}

/** The dimensions of the larger image in the order of `layout`. */
function placeBlocks(layout: Layout, dims: readonly number[], block: readonly number[]): readonly PlacedDim[] {
  const own = dims.map((size, i) => ({ size, block: i === 0 ? 1 : (block[i - 1] ?? 1) }));
  return layout === 'own' ? own : entriesIn(layout, own);
}

/** Sizes with each block as a dimension behind its own, and the order that takes the blocks to the front. */
function splitOrder(placed: readonly PlacedDim[]) {
  const sizes: number[] = [];
  const [blocks, others]: [number[], number[]] = [[], []];
  for (const { size, block } of placed) {
    others.push(sizes.length);
    sizes.push(size / block);
    if (block === 1) continue;
    blocks.push(sizes.length);
    sizes.push(block);
  }
  return { sizes, perm: [...blocks, ...others] };
}

/** The dimensions of x, with what `pads` adds to those from `first` on. */
function paddedDims(graph: ExportGraph, x: string, pads: readonly number[], first: number): readonly number[] {
  const dims = graph.dims(x);
  if (dims === undefined || !dims.every((dim) => typeof dim === 'number'))
    throw graph.unsupported('blocks of an unknown shape');
  return dims.map((dim, i) => dim + (pads[2 * (i - first)] ?? 0) + (pads[2 * (i - first) + 1] ?? 0));
}

function padded(
  graph: ExportGraph,
  x: string,
  value: OnnxValue,
  pads: readonly number[],
  layout: Layout,
  rank: number,
  integers: QParams | undefined,
): OnnxValue {
  if (pads.every((pad) => pad === 0)) return value;
  const side = (after: 0 | 1) => {
    const own = Array.from({ length: rank }, (_, i) => (i === 0 ? 0 : (pads[2 * (i - 1) + after] ?? 0)));
    return rank === imageRank ? entriesIn(layout, own) : own;
  };
  const isReal = graph.isQuantized(x) && integers === undefined;
  const type = isReal ? 'float32' : (graph.value(x)?.type ?? 'float32');
  const zero = graph.literal(type, [integers === undefined ? 0 : (integers.zeroPoint as number)], []);
  return graph.add('Pad', [value, graph.literal('int64', [...side(0), ...side(1)]), zero]);
}

export const blockExporters: Exporters = { BatchToSpaceNd: batchToSpace, SpaceToBatchNd: spaceToBatch };
