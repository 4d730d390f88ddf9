/** Which float operators have an integer form, and what it takes; and which do not care what the elements are that they move. */
import type { Node, Value } from '../graph/graph.js';
import type { QParams } from '../quant/qparams.js';
import type { Numerics } from '../quant/requant.js';
import type { Tensor } from '../tensor.js';
import type { Activation } from './output-stage.js';

export interface IntegerForm {
  /** The input that is a constant and may be quantized per channel, along the axis of the output channels. */
  readonly weights?: { readonly input: number; readonly axis: (node: Node) => number };
  /** The input that is int32 at the scale of the products. */
  readonly bias?: number;
  /** Whether it clamps to an `activation`. */
  readonly clamps?: true;
  /** Whether its result has the same parameters as its input. */
  readonly keepsParameters?: true;
  /** Whether activations may be int16, with `onnx` numerics. */
  readonly wide?: true;
}

const elementwise: IntegerForm = { wide: true };
const arithmetic: IntegerForm = { clamps: true, wide: true };

export const integerForms: Readonly<Record<string, IntegerForm | undefined>> = {
  Conv2D: { weights: { input: 1, axis: () => 0 }, bias: 2, clamps: true, wide: true },
  DepthwiseConv2D: { weights: { input: 1, axis: () => 3 }, bias: 2, clamps: true, wide: true },
  FullyConnected: { weights: { input: 1, axis: () => 0 }, bias: 2, clamps: true, wide: true },
  MatMul: {
    weights: { input: 1, axis: ({ attributes }) => (attributes.transposeB === true ? 0 : 1) },
    bias: 2,
    clamps: true,
    wide: true,
  },
  Add: arithmetic,
  Sub: arithmetic,
  Mul: arithmetic,
  Concat: elementwise,
  AveragePool2D: { clamps: true, keepsParameters: true, wide: true },
  Mean: elementwise,
  Relu: elementwise,
  Relu6: elementwise,
  LeakyRelu: elementwise,
  // Tables of 256 entries, or 65536, like all functions of one element
  Clip: elementwise,
  Gelu: elementwise,
  HardSigmoid: elementwise,
  HardSwish: elementwise,
  Logistic: elementwise,
  Tanh: elementwise,
  Softmax: {},
  Swish: elementwise,
};

/** Operators that are nothing but the clamp of an activation. */
export const clamps: Readonly<Record<string, Activation>> = { Relu: 'relu', Relu6: 'relu6', ReluN1To1: 'relu-n1-to-1' };

const movements: ReadonlySet<string> = new Set(
  (
    'Reshape Flatten Squeeze Unsqueeze ExpandDims Transpose Slice SliceAxes StridedSlice Split Unpack Gather GatherElements GatherNd ' +
    'DepthToSpace SpaceToDepth Tile BroadcastTo Expand ReverseAxes Identity Concat'
  ).split(' '),
);

/** Whether each element of the outputs is one of input 0 (of Concat: of any input), and would be, were they other ones. */
export function movesElements({ op, attributes }: Node): boolean {
  if (op === 'MaxPool2D') return (attributes.activation ?? 'none') === 'none'; // the scale is positive: the largest stays the largest
  if (op === 'Resize') return attributes.mode === 'nearest' && attributes.antialias !== true;
  return movements.has(op);
}

/** Why a node has no form on int16; undefined where it has. Of what would be its weights, whether they are constant. */
export function whyNotWide({ wide, weights }: IntegerForm, hasWeights: boolean): string | undefined {
  if (wide !== true) return 'it has no form on int16';
  return weights !== undefined && !hasWeights ? 'of int16, it multiplies constant weights alone' : undefined;
}

/** What a node would read and write in integers. */
export interface FusedInputs {
  readonly node: Node;
  readonly numerics: Numerics;
  readonly inputs: readonly (Value | undefined)[];
  readonly constants: readonly (Tensor | undefined)[];
  readonly output: Value | undefined;
  /** Whether what would be its weights follows from constants alone. */
  readonly hasWeights: boolean;
  /** The first input that no Dequantize gives. */
  readonly missing: string | undefined;
}

/** Why a node stays float; undefined where nothing is against integers. */
export function whyNot(form: IntegerForm, fused: FusedInputs): string | undefined {
  const { node, inputs, constants, output, missing } = fused;
  if (missing !== undefined) return `its input ${missing} is not quantized`;
  if (output === undefined) return 'nothing quantizes its result';
  for (const [i, input] of inputs.entries()) {
    if (input === undefined || i === form.bias) continue;
    const { dtype, axis, scale } = input.qparams!;
    const isWeights = i === form.weights?.input;
    if (!isActivation(dtype) || (isWeights && dtype === 'int16')) return `its input ${input.name} is ${dtype}`;
    if (axis === undefined ? typeof scale !== 'number' : !isWeights || axis !== form.weights?.axis(node)) {
      return `its input ${input.name} is quantized along axis ${axis}`;
    }
  }
  const first = inputs[0]!.qparams!;
  const { qparams } = output;
  if (qparams === undefined || qparams.axis !== undefined || !isActivation(qparams.dtype)) {
    return `its result is quantized as ${qparams?.dtype}${qparams?.axis === undefined ? '' : ' per channel'}`;
  }
  const others = form.weights === undefined ? inputs : inputs.slice(0, 1);
  const types = new Set([...others.map((input) => input!.qparams!.dtype), qparams.dtype]);
  if (types.has('int16')) {
    const reason = whyNotWide(form, fused.hasWeights) ?? whyNotInt16(fused);
    if (reason !== undefined) return reason;
  }
  // A product may have int16 on one side alone
  const isProduct = form.weights !== undefined && types.has('int16');
  if (types.size > 1 && !isProduct) return `it would have ${[...types].join(' and ')} in one operator`;
  if (form.keepsParameters && (first.scale !== qparams.scale || first.zeroPoint !== qparams.zeroPoint)) {
    return 'its result has another scale than its input';
  }
  const bias = form.bias === undefined ? undefined : inputs[form.bias];
  if (bias === undefined) return undefined;
  if (constants[form.bias!] === undefined) return `its bias ${bias.name} is not constant`;
  return isProductScale(bias.qparams!, first, inputs[form.weights!.input]!.qparams!)
    ? undefined
    : `its bias ${bias.name} is not int32 at the scale of the products`;
}

function isActivation(dtype: QParams['dtype']): boolean {
  return dtype === 'int8' || dtype === 'uint8' || dtype === 'int16';
}

function whyNotInt16({ numerics, inputs, output }: FusedInputs): string | undefined {
  if (numerics !== 'onnx') return `it is on int16, with ${numerics} numerics`;
  const shifted = [...inputs, output].find((value) => value?.qparams?.dtype === 'int16' && value.qparams.zeroPoint !== 0);
  return shifted && `${shifted.name} is int16 with a zero point other than 0`;
}

/** Files round the product to float32, some after other roundings. */
const tolerance = 1e-4;

function isProductScale(bias: QParams, x: QParams, weights: QParams): boolean {
  if (bias.dtype !== 'int32') return false;
  const at = (value: number | ArrayLike<number>, i: number) =>
    typeof value === 'number' ? value : value[Math.min(i, value.length - 1)]!;
  const count = typeof weights.scale === 'number' ? 1 : weights.scale.length;
  const own = typeof bias.scale === 'number' ? 1 : bias.scale.length;
  if (own !== 1 && own !== count && count !== 1) return false;
  for (let i = 0; i < Math.max(count, own); i++) {
    if (at(bias.zeroPoint, i) !== 0) return false;
    const product = (x.scale as number) * at(weights.scale, i);
    if (Math.abs(at(bias.scale, i) - product) > tolerance * product) return false;
  }
  return true;
}
