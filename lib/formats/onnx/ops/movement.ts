/** Operators that make tensors, ask for shapes and move elements by rule, as ours. */
import { describe } from '../../../errors.js';
import { isQuantized } from '../../../ops/elementwise.js';
import { Tensor } from '../../../tensor.js';
import type { Lowering, Rule, Rules } from '../lowering.js';
import { dataTypeOf } from '../model.js';
import type { OnnxNode } from '../node.js';
import { fromNhwc, quantizeAs, toNhwc } from './images.js';
import { pad } from './movement-pad.js';

export const movementRules: Rules = {
  Constant: (node, graph) => graph.define(node.outputs[0]!, constantTensor(node)),
  ConstantOfShape(node, graph) {
    const value = graph.constant(node, node.tensor('value', new Tensor('float32', [0])));
    graph.add(node, 'Fill', {}, [value, node.required(0)], node.outputs);
  },
  EyeLike(node, graph) {
    const to = node.has('dtype') ? dataTypeOf(node.int('dtype'), `node ${describe(node.name)} (${node.op})`) : 'same';
    const attributes = { to: to === 'float16' ? 'float32' : to, k: clamped(node.int('k', 0)) };
    graph.add(node, 'EyeLike', attributes, [node.required(0)], node.outputs);
  },
  Range: (node, graph) =>
    void graph.add(
      node,
      'Range',
      {},
      [0, 1, 2].map((i) => node.required(i)),
      node.outputs,
    ),
  Shape(node, graph) {
    const end = node.has('end') ? { end: clamped(node.int('end')) } : {};
    const attributes = { to: 'int64', start: clamped(node.int('start', 0)), ...end };
    graph.add(node, 'Shape', attributes, [node.required(0)], node.outputs);
  },
  Size: (node, graph) => void graph.add(node, 'Size', {}, [node.required(0)], node.outputs),

  Reshape: moving(reshape),
  Flatten: moving((node, graph) => {
    graph.add(node, 'Flatten', { axis: node.int('axis', 1) }, [node.required(0)], node.outputs);
  }),
  Squeeze: moving(withNumbers('Squeeze', 'axes', 13)),
  Unsqueeze: moving(withNumbers('Unsqueeze', 'axes', 13)),
  Transpose: moving(transpose),

  Concat: moving(concat),
  Split: moving(split),
  Slice: moving(slice),
  Pad: moving(pad),
  CenterCropPad(node, graph) {
    const inputs = [node.required(0), node.required(1)];
    graph.add(node, 'CenterCropPad', { axes: node.ints('axes', []) }, inputs, node.outputs);
  },
  Tile: moving(withNumbers('Tile', 'multiples', 6)),
  Expand: moving((node, graph) => {
    graph.add(node, 'BroadcastTo', { mutual: true }, [node.required(0), node.required(1)], node.outputs);
  }),
  Trilu(node, graph) {
    graph.add(node, 'Trilu', { upper: node.boolean('upper', true) }, [node.required(0), node.input(1)], node.outputs);
  },
  ReverseSequence(node, graph) {
    const attributes = { batchAxis: node.int('batch_axis', 1), timeAxis: node.int('time_axis', 0) };
    graph.add(node, 'ReverseSequence', attributes, [node.required(0), node.required(1)], node.outputs);
  },
  DepthToSpace(node, graph) {
    const order = node.oneOf('mode', ['DCR', 'CRD'], 'DCR');
    const images = toNhwc(node, graph, node.required(0), 2);
    const [moved] = graph.add(node, 'DepthToSpace', { block: node.int('blocksize'), order }, [images]);
    fromNhwc(node, graph, moved, 2, node.outputs[0]);
  },
  SpaceToDepth(node, graph) {
    const images = toNhwc(node, graph, node.required(0), 2);
    const [moved] = graph.add(node, 'SpaceToDepth', { block: node.int('blocksize') }, [images]);
    fromNhwc(node, graph, moved, 2, node.outputs[0]);
  },
};

/** The rule of an operator whose outputs are elements of input 0: quantized as that is, too. */
export function moving(rule: Rule): Rule {
  return (node, graph) => {
    rule(node, graph);
    const qparams = graph.values.get(node.input(0))?.qparams;
    for (const output of node.outputs) if (output !== '') quantizeAs(node, graph, output, qparams);
  };
}

/** A limit far outside of every shape means the same nearer by. */
function clamped(value: number): number {
  return Math.min(Math.max(value, -(2 ** 31) + 1), 2 ** 31 - 1);
}

function constantTensor(node: OnnxNode): Tensor {
  if (node.has('value')) return node.tensor('value');
  if (node.has('sparse_value')) return node.sparseTensor('sparse_value');
  if (node.has('value_float')) return new Tensor('float32', [node.float('value_float')], []);
  if (node.has('value_floats')) return new Tensor('float32', node.floats('value_floats'));
  if (node.has('value_int')) return new Tensor('int64', [node.int('value_int')], []);
  if (node.has('value_ints')) return new Tensor('int64', node.ints('value_ints'));
  if (node.has('value_string')) return new Tensor('string', [node.string('value_string')], []);
  if (node.has('value_strings')) return new Tensor('string', node.strings('value_strings'));
  throw node.error('ERR_MODEL_FORMAT', 'expected an attribute with a value, got none');
}

/**
 * An operator whose integers are an attribute of ours where they are constant, and else a second input. Before version `since` they
 * are an attribute of the file's too.
 */
function withNumbers(op: string, attribute: string, since: number): Rule {
  return (node, graph) => {
    const isInput = node.opset >= since;
    const given = isInput ? node.input(1) : '';
    const isConstant = given === '' || graph.constantOf(given) !== undefined;
    const numbers = isInput && given !== '' && isConstant ? graph.numbers(node, 1) : node.ints(attribute, []);
    if (isConstant) graph.add(node, op, { [attribute]: numbers }, [node.required(0)], node.outputs);
    else graph.add(node, op, {}, [node.required(0), given], node.outputs);
  };
}

/** A 0 copies a dimension of the input, unless the node says otherwise. */
function reshape(node: OnnxNode, graph: Lowering): void {
  const zeroCopies = !node.boolean('allowzero');
  const shape = node.opset < 5 ? graph.literal(node, 'int64', node.ints('shape')) : node.required(1);
  const numbers = graph.constantOf(shape) && node.opset >= 5 ? graph.numbers(node, 1) : undefined;
  if (numbers !== undefined && !(zeroCopies && numbers.includes(0))) {
    graph.add(node, 'Reshape', { shape: numbers }, [node.required(0)], node.outputs);
  } else graph.add(node, 'Reshape', { zeroCopies }, [node.required(0), shape], node.outputs);
}

/** Without a permutation the axes are reversed. */
function transpose(node: OnnxNode, graph: Lowering): void {
  const rank = graph.rankOf(node.required(0));
  if (node.has('perm') || rank !== undefined) {
    const perm = node.ints('perm', [...Array(rank ?? 0).keys()].reverse());
    graph.add(node, 'Transpose', { perm }, [node.required(0)], node.outputs);
  } else graph.add(node, 'ReverseAxes', {}, [node.required(0)], node.outputs);
}

/** Of integers ONNX knows no scale: they stay what they are. Reals may have a scale later, which is then the output's. */
function concat(node: OnnxNode, graph: Lowering): void {
  const axis = node.opset < 4 ? node.int('axis', 1) : node.int('axis');
  const areIntegers = node.inputs.some((input) => isQuantized(graph.typeOf(input) ?? 'float32'));
  graph.add(node, 'Concat', areIntegers ? { axis, rescale: false } : { axis }, node.inputs, node.outputs);
}

function split(node: OnnxNode, graph: Lowering): void {
  const axis = node.int('axis', 0);
  const count = node.int('num_outputs', node.outputs.length);
  if (count !== node.outputs.length) {
    throw node.error('ERR_MODEL_FORMAT', `expected ${count} outputs, got ${node.outputs.length}`);
  }
  const given = node.opset >= 13 ? node.input(1) : '';
  const sizes = node.has('split') ? { sizes: node.ints('split') } : {};
  const attributes = { axis, uneven: node.has('num_outputs'), ...sizes };
  graph.add(node, 'Split', attributes, [node.required(0), given], node.outputs);
}

/** Before version 10 starts, ends and axes are attributes. */
function slice(node: OnnxNode, graph: Lowering): void {
  const x = node.required(0);
  if (node.opset >= 10) {
    const inputs = [x, node.required(1), node.required(2), node.input(3), node.input(4)];
    graph.add(node, 'SliceAxes', {}, inputs, node.outputs);
    return;
  }
  const axes = node.has('axes') ? graph.literal(node, 'int64', node.ints('axes')) : '';
  const limits = ['starts', 'ends'].map((name) => graph.literal(node, 'int64', node.ints(name)));
  graph.add(node, 'SliceAxes', {}, [x, ...limits, axes], node.outputs);
}
