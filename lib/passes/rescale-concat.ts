/**
 * A Concat of int16 rescales inputs whose parameters are not its result's as Quantize does, which has native steps:
 *
 *     Concat(a, b)  =>  Concat(a, Quantize(b))
 *
 * Of 8 bits it is a table in the place of the copy.
 */
import { Edit, sameQParams } from './edit.js';
import type { Pass } from './pass.js';

export const rescaleConcat: Pass = {
  name: 'rescale-concat',
  run(graph) {
    const edit = new Edit(graph);
    for (const node of graph.numerics === 'onnx' ? graph.nodes : []) {
      if (node.op !== 'Concat' || node.attributes.rescale === false) continue;
      const y = edit.value(node.outputs[0]!);
      const isOther = (name: string) => !sameQParams(edit.value(name).qparams, y.qparams);
      const values = node.inputs.map((name) => edit.value(name));
      const areQuantized = [...values, y].every(({ type, qparams }) => type === 'int16' && qparams?.dtype === type);
      if (!areQuantized || !node.inputs.some(isOther) || !edit.claim(node)) continue;
      const rescaled = new Map<string, string>();
      for (const { name, dims } of values.filter(({ name }) => isOther(name))) {
        if (rescaled.has(name)) continue;
        const fresh = edit.freshName(name);
        edit.setValue({ name: fresh, type: 'int16', dims, qparams: y.qparams! });
        rescaled.set(name, fresh);
      }
      const quantizers = [...rescaled].map(([name, fresh]) => ({
        name: edit.freshName(node.name),
        op: 'Quantize',
        attributes: { to: 'int16' },
        inputs: [name],
        outputs: [fresh],
      }));
      edit.replace(node, ...quantizers, { ...node, inputs: node.inputs.map((name) => rescaled.get(name) ?? name) });
    }
    return edit.finish();
  },
};
