import test from 'ava';
import type { Graph, QParams, Value } from 'octensor';
import { foldRequantize } from '#lib/passes/fold-requantize.js';
import { float, graphOf, type NodeSketch } from '../support/graphs.js';
import { int8, quantized, rewritten, uint8 } from '../support/pass-graphs.js';

const signed = int8(0.05, -20);
const unsigned = uint8(0.05, 108);
/** Neither the same scale nor a simple ratio. */
const other = int8(0.037, 11);

const to = (from: string, name: string, type: QParams['dtype']): NodeSketch => ({
  op: 'Quantize',
  inputs: [from],
  outputs: [name],
  attributes: { to: type },
});

function graphWith(values: readonly Value[], nodes: readonly NodeSketch[], outputs: readonly string[] = ['y']): Graph {
  return graphOf({ values, inputs: ['x'], outputs, nodes });
}

const values = (...list: readonly (readonly [name: string, qparams: QParams])[]) =>
  list.map(([name, qparams]) => quantized(name, [4], qparams));

test('there and back is nothing, under all numerics', (t) => {
  for (const numerics of ['tflite', 'single', 'onnx'] as const) {
    const graph = graphWith(values(['x', signed], ['a', unsigned], ['b', signed], ['y', signed]), [
      to('x', 'a', 'uint8'),
      to('a', 'b', 'int8'),
      { op: 'Relu', inputs: ['b'], outputs: ['y'] },
    ]);
    t.deepEqual(rewritten({ ...graph, numerics }, foldRequantize).nodes.slice(1), ['y <- Relu(x)']);
  }
});

test('a shift by 128 and what follows are one', (t) => {
  const graph = graphWith(values(['x', signed], ['a', unsigned], ['y', other]), [to('x', 'a', 'uint8'), to('a', 'y', 'int8')]);
  t.deepEqual(rewritten(graph, foldRequantize).nodes.slice(1), ['y <- Quantize(x) to=int8']);
});

test('two roundings stay two', (t) => {
  const graph = graphWith(values(['x', signed], ['a', other], ['y', int8(0.05, -20)]), [
    to('x', 'a', 'int8'),
    to('a', 'y', 'int8'),
  ]);
  t.is(rewritten(graph, foldRequantize).graph, graph); // not back to what it was: 0.037 to 0.05 loses some
});

test('a table takes the scale before or behind it where all 256 results are the same', (t) => {
  const half = int8(0.025, -20);
  const before = graphWith(
    [...values(['x', signed], ['a', unsigned]), float('y', [4])],
    [to('x', 'a', 'uint8'), { op: 'Dequantize', inputs: ['a'], outputs: ['y'] }],
  );
  t.deepEqual(rewritten(before, foldRequantize).nodes.slice(1), ['y <- Dequantize(x)']);
  const rescaled = graphWith(
    [...values(['x', signed], ['a', half]), float('y', [4])],
    [to('x', 'a', 'int8'), { op: 'Dequantize', inputs: ['a'], outputs: ['y'] }],
  );
  t.is(rewritten(rescaled, foldRequantize).graph, rescaled); // what is beyond the smaller range is cut off
});

test('a Relu gives its result at the scale that a Quantize would take it to, if that is exact', (t) => {
  const graph = (y: QParams) =>
    graphWith(values(['x', signed], ['a', signed], ['y', y]), [
      { op: 'Relu', inputs: ['x'], outputs: ['a'] },
      to('a', 'y', 'int8'),
    ]);
  t.deepEqual(rewritten(graph(int8(0.0125, -128)), foldRequantize).nodes.slice(1), ['y <- Relu(x)']);
  const inexact = graphWith(values(['x', signed], ['a', other], ['y', int8(0.08, 0)]), [
    { op: 'Relu', inputs: ['x'], outputs: ['a'] },
    to('a', 'y', 'int8'),
  ]);
  t.is(rewritten(inexact, foldRequantize).graph, inexact);
});

test('what computes keeps its scale', (t) => {
  const graph = graphWith(values(['x', signed], ['a', signed], ['y', unsigned]), [
    { op: 'Add', inputs: ['x', 'x'], outputs: ['a'] },
    to('a', 'y', 'uint8'),
  ]);
  t.is(rewritten(graph, foldRequantize).graph, graph);
});

test('floats are quantized to the type that a shift takes them to', (t) => {
  const graph = (y: QParams) =>
    graphWith([float('x', [4]), ...values(['a', signed], ['y', y])], [to('x', 'a', 'int8'), to('a', 'y', y.dtype)]);
  t.deepEqual(rewritten(graph(unsigned), foldRequantize).nodes.slice(1), ['y <- Quantize(x) to=uint8']);
  const rescaled = graph(other);
  t.is(rewritten(rescaled, foldRequantize).graph, rescaled);
});

const moved = [
  { op: 'Reshape', inputs: ['a'], outputs: ['b'], attributes: { shape: [2, 2] } },
  { op: 'Transpose', inputs: ['b'], outputs: ['c'], attributes: { perm: [1, 0] } },
] as const;
const square = (name: string, qparams: QParams) => quantized(name, [2, 2], qparams);

test('elements that are only moved between there and back are moved as they were', (t) => {
  const list = [...values(['x', signed], ['a', unsigned]), square('b', unsigned), square('c', unsigned), square('y', signed)];
  const { graph, nodes } = rewritten(graphWith(list, [to('x', 'a', 'uint8'), ...moved, to('c', 'y', 'int8')]), foldRequantize);
  t.deepEqual(nodes.slice(1), ['b <- Reshape(x) shape=[2, 2]', 'y <- Transpose(b) perm=[1, 0]']);
  t.deepEqual(graph.values.get('b'), square('b', signed));
});

test('a shift behind moved floats is part of their quantization', (t) => {
  const list = [float('x', [4]), ...values(['a', signed]), square('b', signed), square('c', signed), square('y', unsigned)];
  const { graph, nodes } = rewritten(graphWith(list, [to('x', 'a', 'int8'), ...moved, to('c', 'y', 'uint8')]), foldRequantize);
  t.deepEqual(nodes, ['a <- Quantize(x) to=uint8', 'b <- Reshape(a) shape=[2, 2]', 'y <- Transpose(b) perm=[1, 0]']);
  t.deepEqual(
    ['a', 'b'].map((name) => graph.values.get(name)?.qparams),
    [unsigned, unsigned],
  );
});

test('moved elements that something else reads stay', (t) => {
  const list = [...values(['x', signed], ['a', unsigned]), square('b', unsigned), square('c', unsigned), square('y', signed)];
  const graph = graphWith(list, [to('x', 'a', 'uint8'), ...moved, to('c', 'y', 'int8')], ['y', 'b']);
  t.is(rewritten(graph, foldRequantize).graph, graph);
});
