import test from 'ava';
import { InferenceSession, type Tensor } from 'octensor';
import { transposeConv2d } from '#lib/ops/transpose-conv2d.js';
import { runPasses } from '#lib/passes/pass.js';
import { expandTransposeConvolution } from '#lib/passes/transpose-convolution.js';
import { expectSame } from '../support/same.js';

test('every transposed convolution of one stride, without groups and dilation, becomes an ordinary one with the same results', async (t) => {
  let expanded = 0;
  for (const { name, graph, feeds } of transposeConv2d.cases()) {
    const after = runPasses(graph, [expandTransposeConvolution]).graph;
    if (after === graph) continue;
    expanded++;
    t.deepEqual([...new Set(after.nodes.map(({ op }) => op))], ['Conv2D', 'DepthToSpace', 'Slice'], name);
    const results: Record<string, Tensor>[] = [];
    for (const each of [graph, after]) {
      results.push((await InferenceSession.create(each, { backend: 'reference' })).runSync(feeds));
    }
    expectSame(t, results[1]!, results[0]!, name);
  }
  t.true(expanded >= 5, `${expanded} cases`);
});
