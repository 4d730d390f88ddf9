/** A Concat of int16 with inputs of other scales. */
import test from 'ava';
import { type Graph, InferenceSession, type QParams, Tensor } from 'octensor';
import { rescaleConcat } from '#lib/passes/rescale-concat.js';
import { graphOf } from '../support/graphs.js';
import { int8, quantized, rewritten } from '../support/pass-graphs.js';
import { Random } from '../support/random.js';
import { expectSame } from '../support/same.js';

const int16 = (scale: number): QParams => ({ dtype: 'int16', scale: Math.fround(scale), zeroPoint: 0 });

function joined(a: QParams, b: QParams, y: QParams, attributes: Graph['nodes'][number]['attributes'] = {}): Graph {
  const graph = graphOf({
    values: [quantized('a', [2, 30], a), quantized('b', [2, 40], b), quantized('y', [2, 110], y)],
    inputs: ['a', 'b'],
    outputs: ['y'],
    nodes: [{ op: 'Concat', inputs: ['b', 'a', 'b'], outputs: ['y'], attributes: { axis: 1, ...attributes } }],
  });
  return { ...graph, numerics: 'onnx' };
}

test('each input of another scale is rescaled once, to the same bits', async (t) => {
  const graph = joined(int16(0.001), int16(0.0007), int16(0.001));
  const { graph: after, nodes } = rewritten(graph, rescaleConcat);
  t.deepEqual(
    nodes.map((node) => node.replace(/.*<- (\w+)\(.*/, '$1')),
    ['Quantize', 'Concat'],
  );
  const random = new Random(3);
  const shorts = (dims: readonly [number, number]) =>
    new Tensor(
      'int16',
      Int16Array.from({ length: dims[0] * dims[1] }, () => random.uint32()),
      dims,
    );
  const feeds = { a: shorts([2, 30]), b: shorts([2, 40]) };
  const run = async (each: Graph) => (await InferenceSession.create(each, { backend: 'reference' })).runSync(feeds);
  expectSame(t, await run(after), await run(graph), 'before and after');
});

test('equal scales, 8 bits, integers as they stand and other numerics stay', (t) => {
  const isKept = (graph: Graph) => rewritten(graph, rescaleConcat).nodes.length === 1;
  const [fine, coarse] = [int16(0.001), int16(0.002)];
  t.true(isKept(joined(fine, fine, fine)));
  t.true(isKept(joined(int8(0.1, 3), int8(0.2, 3), int8(0.1, 3))));
  t.true(isKept(joined(fine, coarse, fine, { rescale: false })));
  t.true(isKept({ ...joined(fine, coarse, fine), numerics: 'tflite' }));
});
