/** Shapes as values, and values of a shape. */
import type { FillAttributes } from '../../../ops/fill.js';
import type { ShapeAttributes } from '../../../ops/shape.js';
import { maxElements } from '../../../ops/shapes.js';
import { toNhwc } from '../export-layout.js';
import { elemTypeOf } from '../model.js';
import { type Exporters, exporter } from './exporter.js';
import { shapeOperand } from './moving.js';

const shape = exporter<ShapeAttributes>(({ inputs, outputs, attributes }, graph) => {
  const { to, start, end } = attributes;
  const [x] = inputs as readonly [string];
  const until = end === maxElements ? undefined : end;
  const sizes = graph.isOnlyNchw(x)
    ? graph.add('Gather', [graph.add('Shape', [graph.stored(x, 'nchw')]), graph.literal('int64', toNhwc.slice(start, until))])
    : graph.add('Shape', [graph.stored(x)], { start: start === 0 ? undefined : start, end: until });
  graph.defineStored(outputs[0]!, to === 'int64' ? sizes : graph.add('Cast', [sizes], { to: elemTypeOf(to) }));
});

const fill = exporter<FillAttributes>(({ inputs, outputs, attributes }, graph) => {
  const [value, given] = inputs as readonly [string, string?];
  const target = shapeOperand(graph, given, attributes.shape);
  const scalar =
    graph.rank(value) === 0 ? graph.stored(value) : graph.add('Reshape', [graph.stored(value), graph.literal('int64', [])]);
  graph.defineStored(outputs[0]!, graph.add('Expand', [scalar, target]));
});

const range = exporter(({ inputs, outputs }, graph) => {
  graph.defineStored(
    outputs[0]!,
    graph.add(
      'Range',
      inputs.map((name) => graph.stored(name)),
    ),
  );
});

const size = exporter(({ inputs, outputs }, graph) => {
  graph.defineStored(outputs[0]!, graph.add('Size', [graph.stored(inputs[0]!, graph.isOnlyNchw(inputs[0]!) ? 'nchw' : 'own')]));
});

export const shapeExporters: Exporters = { Fill: fill, Range: range, Shape: shape, Size: size };
