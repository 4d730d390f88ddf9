/** What may have int16 activations has cases for that, and native steps: at most one node of a case runs on the reference. */
import test from 'ava';
import { InferenceSession } from 'octensor';
import { ops } from '#lib/ops/index.js';
import { integerForms, whyNotWide } from '#lib/ops/integer-forms.js';

const wide = Object.entries(integerForms).flatMap(([op, form]) => (form?.wide ? [[op, form] as const] : []));

/** Cases that are there for what has no native form: sums that int32 does not hold, and a transposed left side. */
const onReference: Readonly<Record<string, number>> = { Conv2D: 1, DepthwiseConv2D: 1, MatMul: 5 };

for (const [op, form] of wide) {
  test(op, async (t) => {
    const slow: string[] = [];
    let count = 0;
    for (const { name, graph, feeds } of ops.get(op)!.cases()) {
      const [x, y] = [graph.values.get('x0')!, graph.values.get('y0')!];
      if (graph.numerics !== 'onnx' || (x.type !== 'int16' && y.type !== 'int16')) continue;
      const hasWeights = form.weights !== undefined && graph.constants.has('x1');
      if (whyNotWide(form, hasWeights) !== undefined || x.dims!.includes(0)) continue;
      const session = await InferenceSession.create(graph, { backend: 'native' });
      session.runSync(feeds, { profile: true });
      if (session.lastProfile().some(({ kernel }) => kernel === 'reference')) slow.push(name);
      count++;
      await session.release();
    }
    t.true(count > slow.length, 'cases with native steps');
    t.true(slow.length <= (onReference[op] ?? 0), slow.join('\n'));
  });
}
