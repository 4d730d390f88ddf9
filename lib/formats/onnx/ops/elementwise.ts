/** Operators that work element by element, as ours. From opset 7 on all of them broadcast as in NumPy. */
import { describe } from '../../../errors.js';
import type { Attributes } from '../../../graph/graph.js';
import type { Lowering, Rule, Rules } from '../lowering.js';
import { dataTypeOf } from '../model.js';
import type { OnnxNode } from '../node.js';
import { clip } from './elementwise-clip.js';

export const elementwiseRules: Rules = {
  ...same(['Abs', 'Neg', 'Sign', 'Ceil', 'Floor', 'Round', 'Sqrt', 'Reciprocal', 'Exp', 'Log', 'Erf', 'IsNaN', 'BitwiseNot']),
  ...same(['Sin', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Tanh', 'Asinh', 'Acosh', 'Atanh']),
  ...same(['Relu', 'HardSwish', 'Softplus', 'Softsign', 'Mish']),
  Not: unary('LogicalNot'),
  Sigmoid: unary('Logistic'),
  IsInf: unary('IsInf', (node) => {
    return { positive: node.boolean('detect_positive', true), negative: node.boolean('detect_negative', true) };
  }),

  Celu: unary('Celu', floats({ alpha: 1 })),
  Elu: elu,
  Selu: unary('Selu', floats({ alpha: 1.6732631921768188, gamma: 1.0507010221481323 })),
  LeakyRelu: unary('LeakyRelu', floats({ alpha: 0.01 })),
  ThresholdedRelu: unary('ThresholdedRelu', floats({ alpha: 1 })),
  HardSigmoid: unary('HardSigmoid', floats({ alpha: 0.2, beta: 0.5 })),
  Shrink: unary('Shrink', (node) => ({ bias: node.float('bias', 0), lambda: node.float('lambd', 0.5) })),
  Swish: unary('Swish', floats({ alpha: 1 })),
  'com.microsoft.QuickGelu': unary('Swish', floats({ alpha: 1.702 })),
  Gelu: unary('Gelu', (node) => ({ approximate: node.oneOf('approximate', ['none', 'tanh'], 'none') })),
  'com.microsoft.Gelu': unary('Gelu'),
  'com.microsoft.BiasGelu': biasedGelu('none'),
  'com.microsoft.FastGelu': biasedGelu('tanh'),

  ...pairs({ Add: 'Add', Sub: 'Sub', Mul: 'Mul', Div: 'Div', PRelu: 'PRelu' }),
  ...pairs({ Equal: 'Equal', Less: 'Less', LessOrEqual: 'LessEqual', Greater: 'Greater', GreaterOrEqual: 'GreaterEqual' }),
  ...pairs({ And: 'LogicalAnd', Or: 'LogicalOr', Xor: 'NotEqual' }),
  ...pairs({ BitwiseAnd: 'BitwiseAnd', BitwiseOr: 'BitwiseOr', BitwiseXor: 'BitwiseXor' }),
  BitShift(node, graph) {
    const direction = node.oneOf('direction', ['LEFT', 'RIGHT']);
    binary(direction === 'LEFT' ? 'ShiftLeft' : 'ShiftRight')(node, graph);
  },
  Mod: (node, graph) => binary(node.boolean('fmod') ? 'Fmod' : 'Mod')(node, graph),
  Pow: pow,
  Where(node, graph) {
    graph.add(node, 'Select', {}, [node.required(0), node.required(1), node.required(2)], node.outputs);
  },

  Max: (node, graph) => void reduce(node, graph, 'Maximum', node.outputs),
  Min: (node, graph) => void reduce(node, graph, 'Minimum', node.outputs),
  Sum: (node, graph) => void reduce(node, graph, 'Add', node.outputs),
  Mean: mean,
  Clip: clip,

  Cast: (node, graph) => castTo(node, graph, node.int('to')),
  CastLike: castLike,
  Identity: (node, graph) => alias(node, graph, node.outputs),
  Dropout: dropout,
};

function unary(op: string, attributesOf: (node: OnnxNode) => Attributes = () => ({})): Rule {
  return (node, graph) => void graph.add(node, op, attributesOf(node), [node.required(0)], node.outputs);
}

function binary(op: string): Rule {
  return (node, graph) => void graph.add(node, op, {}, [node.required(0), node.required(1)], node.outputs);
}

/** Functions of one tensor that have the same name here and there. */
function same(names: readonly string[]): Rules {
  return Object.fromEntries(names.map((name) => [name, unary(name)]));
}

/** Functions of two tensors: ONNX's names, and ours. */
function pairs(names: Readonly<Record<string, string>>): Rules {
  return Object.fromEntries(Object.entries(names).map(([name, op]) => [name, binary(op)]));
}

/** Reads attributes that have the same names here and there. */
function floats(defaults: Readonly<Record<string, number>>): (node: OnnxNode) => Attributes {
  return (node) => Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, node.float(name, value)]));
}

/** Our Elu is the one whose alpha is 1; Selu has alpha, and a factor besides. */
function elu(node: OnnxNode, graph: Lowering): void {
  const alpha = node.float('alpha', 1);
  if (alpha === 1) unary('Elu')(node, graph);
  else unary('Selu', () => ({ alpha, gamma: 1 }))(node, graph);
}

/** Gelu(x + bias); FastGelu's bias is optional. */
function biasedGelu(approximate: 'none' | 'tanh'): Rule {
  return (node, graph) => {
    const [x, bias] = [node.required(0), node.input(1)];
    const sum = bias === '' ? x : graph.add(node, 'Add', {}, [x, bias])[0];
    graph.add(node, 'Gelu', { approximate }, [sum], node.outputs);
  };
}

/** Squares are common, and cheaper than powers. */
function pow(node: OnnxNode, graph: Lowering): void {
  const exponent = graph.constantOf(node.required(1));
  const isSquare = exponent !== undefined && exponent.dims.length === 0 && Number(exponent.data[0]) === 2;
  if (isSquare) unary('Square')(node, graph);
  else binary('Pow')(node, graph);
}

/** x0 op x1 op ...: the name of the result. */
function reduce(node: OnnxNode, graph: Lowering, op: string, outputs: readonly string[] | number): string {
  const names = node.inputs.map((_, i) => node.required(i));
  const last = names.length - 1;
  if (last < 1) return alias(node, graph, outputs);
  return names.reduce((sum, name, i) => graph.add(node, op, {}, [sum, name], i === last ? outputs : 1)[0]);
}

function mean(node: OnnxNode, graph: Lowering): void {
  const sum = reduce(node, graph, 'Add', 1);
  const type = node.inputs.map((name) => graph.typeOf(name)).find((found) => found !== undefined);
  const literal = graph.literal(node, type ?? 'float32', [node.inputs.length], []);
  const count = type === undefined ? graph.add(node, 'CastLike', {}, [literal, sum])[0] : literal;
  graph.add(node, 'Div', {}, [sum, count], node.outputs);
}

function castTo(node: OnnxNode, graph: Lowering, elemType: number): void {
  const to = dataTypeOf(elemType, `node ${describe(node.name)} (${node.op})`);
  if (to === 'string' || graph.typeOf(node.required(0)) === 'string') {
    throw node.error('ERR_UNSUPPORTED_OP', 'expected a cast of numbers to numbers, got one of strings');
  }
  graph.add(node, 'Cast', { to }, [node.required(0)], node.outputs);
}

function castLike(node: OnnxNode, graph: Lowering): void {
  const [x, like] = [node.required(0), node.required(1)];
  const to = graph.typeOf(like);
  if (to === undefined) graph.add(node, 'CastLike', {}, [x, like], node.outputs);
  else if (to === 'string') throw node.error('ERR_UNSUPPORTED_OP', 'expected a cast of numbers to numbers, got one of strings');
  else graph.add(node, 'Cast', { to }, [x], node.outputs);
}

/** Input 0 under another name; a constant stays one for the rules after this. */
function alias(node: OnnxNode, graph: Lowering, outputs: readonly string[] | number): string {
  const x = node.required(0);
  const constant = graph.constantOf(x);
  if (typeof outputs === 'number') return x;
  if (constant === undefined || outputs.length !== 1) return graph.add(node, 'Identity', {}, [x], outputs)[0];
  graph.define(outputs[0]!, constant, graph.values.get(x)?.qparams);
  return outputs[0]!;
}

/** As in inference, where nothing is dropped. */
function dropout(node: OnnxNode, graph: Lowering): void {
  const [y = '', mask = ''] = node.outputs;
  const isTraining = constantOr(node, graph, 2, 0);
  const ratio = constantOr(node, graph, 1, 0.5);
  if (isTraining === 0 || ratio === 0) alias(node, graph, [y]);
  else if (isTraining === undefined || ratio === undefined) {
    graph.add(node, 'Dropout', {}, dropoutInputs(node, graph), [y]);
  } else throw node.error('ERR_UNSUPPORTED_OP', `expected inference, got training_mode with a ratio of ${ratio}`);
  if (mask === '') return;
  // True everywhere, in the shape of x; before opset 10 it has x's type
  const [isNan] = graph.add(node, 'IsNaN', {}, [node.required(0)]);
  const [all] = graph.add(node, 'Equal', {}, [isNan, isNan], node.opset < 10 ? 1 : [mask]);
  if (node.opset < 10) graph.add(node, 'CastLike', {}, [all, node.required(0)], [mask]);
}

/** The first number of an input, or what it is where the input is absent; undefined where it is computed. */
function constantOr(node: OnnxNode, graph: Lowering, index: number, otherwise: number): number | undefined {
  const name = node.input(index);
  if (name === '') return otherwise;
  return graph.constantOf(name) && graph.numbers(node, index)[0];
}

function dropoutInputs(node: OnnxNode, graph: Lowering): readonly string[] {
  return [node.required(0), node.input(1) || graph.literal(node, 'float32', [0.5], []), node.required(2)];
}
