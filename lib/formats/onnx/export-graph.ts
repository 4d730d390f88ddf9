/**
 * The ONNX graph that is made of one of ours, value by value. A value of ours has up to four forms there, each made when it is first
 * asked for:
 *
 *                own order                  NCHW
 *     stored     what the graph says        Transpose of it            integers where it is quantized
 *     real       DequantizeLinear of it     DequantizeLinear of it     the same as stored where it is not
 *
 * An operator of images asks for NCHW and gives NCHW; what works element by element takes the order that is there. So Transposes
 * appear only where an order is needed that nobody has computed: two that undo each other are never written.
 */
import type { Dim, Graph, Node, Value } from '../../graph/graph.js';
import { uniqueNames } from '../../graph/unique-names.js';
import { nodeError } from '../../ops/op.js';
import type { QParams } from '../../quant/qparams.js';
import { type DataType, Tensor, type TensorData } from '../../tensor.js';
import {
  imageRank,
  isPermutation,
  type Layout,
  permuteQParams,
  permuteTensor,
  toNchw,
  toNhwc,
  withImageRank,
} from './export-layout.js';
import type { AttributeValues } from './export-messages.js';
import { OnnxValue, type Packing, priorities } from './export-names.js';

export interface OnnxNodeDraft {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly (OnnxValue | undefined)[];
  readonly outputs: readonly OnnxValue[];
  readonly attributes: AttributeValues;
}

type Forms = Partial<Record<Layout, OnnxValue>>;

export class ExportGraph {
  readonly source: Graph;
  readonly opset: number;
  readonly nodes: OnnxNodeDraft[] = [];
  /** All of them, in the order in which they were made. */
  readonly values: OnnxValue[] = [];
  readonly #known: Map<string, Value>;
  readonly #constants: Map<string, Tensor>;
  readonly #stored = new Map<string, Forms>();
  readonly #real = new Map<string, Forms>();
  readonly #literals = new Map<string, OnnxValue>();
  readonly #border: ReadonlySet<string>;
  readonly #uniqueNodeName = uniqueNames();
  #current: Node | undefined;

  constructor(source: Graph, opset: number) {
    this.source = source;
    this.opset = opset;
    this.#known = new Map(source.values);
    this.#constants = new Map(source.constants);
    this.#border = new Set([...source.inputs, ...source.outputs]);
    for (const name of source.inputs) this.#stored.set(name, { own: this.#make(name, priorities.fixed) });
  }

  /** What is added from now on is part of `node`. */
  begin(node: Node): void {
    this.#current = node;
  }

  /** Undefined where the graph does not declare it. */
  value(name: string): Value | undefined {
    return this.#known.get(name);
  }

  constant(name: string): Tensor | undefined {
    return this.#constants.get(name);
  }

  /** In our order. */
  dims(name: string): readonly Dim[] | undefined {
    return this.#known.get(name)?.dims;
  }

  rank(name: string): number | undefined {
    return this.dims(name)?.length ?? (this.#stored.get(name)?.nchw === undefined ? undefined : imageRank);
  }

  /** Whether its integers stand for reals, as those of 32 bits do only beside products. */
  isQuantized(name: string): boolean {
    const value = this.#known.get(name);
    return value?.qparams !== undefined && value.type !== 'int32';
  }

  isBorder(name: string): boolean {
    return this.#border.has(name);
  }

  /** Whether the integers of both, if they are quantized, stand for the same reals. */
  meansTheSame(name: string, other: string): boolean {
    const [a, b] = [this.value(name)?.qparams, this.value(other)?.qparams];
    if (a === undefined || b === undefined) return a === b;
    const isSame = a.dtype === b.dtype && a.axis === b.axis;
    return isSame && String(a.scale) === String(b.scale) && String(a.zeroPoint) === String(b.zeroPoint);
  }

  /** Whether the value would have to be transposed for another order than NCHW. */
  isOnlyNchw(name: string): boolean {
    const forms = this.#stored.get(name);
    return forms?.nchw !== undefined && forms.own === undefined;
  }

  /** Whether it can be had in NCHW: it is an image, or a constant that broadcasts to one. */
  fitsNchw(name: string): boolean {
    return (this.constant(name)?.dims.length ?? imageRank + 1) <= imageRank || this.rank(name) === imageRank;
  }

  stored(name: string, layout: Layout = 'own'): OnnxValue {
    const forms = formsOf(this.#stored, name);
    forms[layout] ??= this.#makeStored(name, layout, forms);
    return forms[layout];
  }

  real(name: string, layout: Layout = 'own'): OnnxValue {
    return this.isQuantized(name) ? this.dequantized(name, layout) : this.stored(name, layout);
  }

  /** Of any value with parameters, int32 too. */
  dequantized(name: string, layout: Layout = 'own'): OnnxValue {
    const forms = formsOf(this.#real, name);
    const qparams = this.value(name)!.qparams!;
    forms[layout] ??= this.dequantize(
      this.stored(name, layout),
      layout === 'own' ? qparams : this.#imageQParams(name, qparams),
    );
    return forms[layout];
  }

  /** A constant's elements in another order, dequantized where they are quantized; of a computed value, a Transpose. */
  permutedReal(name: string, perm: readonly number[]): OnnxValue {
    if (isPermutation(perm, toNchw)) return this.real(name, 'nchw');
    const tensor = this.constant(name);
    const stored =
      tensor === undefined ? this.#transpose(this.stored(name), perm) : this.initializer(name, permuteTensor(tensor, perm));
    const { qparams } = this.value(name) ?? {};
    return qparams === undefined ? stored : this.dequantize(stored, permuteQParams(qparams, perm));
  }

  /** `value` is what the graph calls `name`, as the graph stores it. */
  defineStored(name: string, value: OnnxValue, layout: Layout = 'own'): void {
    formsOf(this.#stored, name)[layout] = value;
    value.suggest(layout === 'own' ? name : `${name}/nchw`, layout === 'own' ? priorities.own : priorities.otherLayout);
  }

  /** The same of its real numbers: they are quantized where the graph says so. */
  defineReal(name: string, value: OnnxValue, layout: Layout = 'own'): void {
    const { qparams } = this.value(name) ?? {};
    const isReal = qparams === undefined || !this.isQuantized(name);
    this.defineStored(
      name,
      isReal ? value : this.quantize(value, layout === 'own' ? qparams : permuteQParams(qparams, toNchw)),
      layout,
    );
  }

  /** `name` is known already: it needs no node. */
  defineConstant(name: string, tensor: Tensor): void {
    this.#constants.set(name, tensor);
  }

  /** Adds a node with one output. */
  add(opType: string, inputs: readonly (OnnxValue | undefined)[], attributes: AttributeValues = {}): OnnxValue {
    return this.addMany(opType, inputs, attributes, 1)[0]!;
  }

  addMany(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    attributes: AttributeValues,
    count: number,
  ): readonly OnnxValue[] {
    const own = this.#current?.name ?? 'border';
    const name = this.#uniqueNodeName(auxiliary.has(opType) || this.#current === undefined ? `${own}/${opType}` : own);
    const outputs = Array.from({ length: count }, () => this.#make(`${name}/output`));
    this.nodes.push({ name, opType, inputs, outputs, attributes });
    return outputs;
  }

  initializer(name: string, tensor: Tensor, packing: Packing = 'plain'): OnnxValue {
    const value = new OnnxValue(name, priorities.helper, tensor, packing);
    this.values.push(value);
    return value;
  }

  /** A small constant; equal ones are written once. */
  literal(type: DataType, data: readonly number[], dims: readonly number[] = [data.length]): OnnxValue {
    const key = `${type} ${dims.join()} ${data.map((x) => (Object.is(x, -0) ? '-0' : x)).join()}`;
    const known = this.#literals.get(key);
    if (known !== undefined) return known;
    const elements = type === 'int64' ? BigInt64Array.from(data, BigInt) : data;
    const made = this.initializer(
      `${this.#current?.name ?? 'border'}/constant`,
      new Tensor(type, elements as TensorData<DataType>, dims),
    );
    this.#literals.set(key, made);
    return made;
  }

  quantize(value: OnnxValue, qparams: QParams): OnnxValue {
    return this.add('QuantizeLinear', [value, ...this.#parameters(qparams)], axisOf(qparams));
  }

  dequantize(value: OnnxValue, qparams: QParams): OnnxValue {
    return this.add('DequantizeLinear', [value, ...this.#parameters(qparams)], axisOf(qparams));
  }

  /** ERR_UNSUPPORTED_OP about the node that is exported. */
  unsupported(what: string): Error {
    return nodeError('ERR_UNSUPPORTED_OP', this.#current!, `cannot be written as ONNX: ${what}`);
  }

  /** 32-bit integers have no zero point in ONNX. */
  #parameters({ dtype, scale, zeroPoint }: QParams): readonly OnnxValue[] {
    const count = typeof scale !== 'number' ? scale.length : typeof zeroPoint !== 'number' ? zeroPoint.length : undefined;
    const each = (given: number | Float32Array | Int32Array) =>
      typeof given === 'number' ? new Array<number>(count ?? 1).fill(given) : Array.from(given);
    const dims = count === undefined ? [] : [count];
    const scales = this.literal('float32', each(scale).map(Math.fround), dims);
    if (dtype !== 'int32') return [scales, this.literal(dtype, each(zeroPoint), dims)];
    if (each(zeroPoint).some((z) => z !== 0)) throw this.unsupported('a zero point of 32-bit integers');
    return [scales];
  }

  #imageQParams(name: string, qparams: QParams): QParams {
    const tensor = this.constant(name);
    const shifted =
      tensor === undefined || tensor.dims.length === imageRank ? qparams : withImageRank(tensor, qparams).qparams!;
    return permuteQParams(shifted, toNchw);
  }

  #makeStored(name: string, layout: Layout, forms: Forms): OnnxValue {
    const tensor = this.constant(name);
    if (tensor !== undefined) return this.#makeConstant(name, tensor, layout);
    const other: Layout = layout === 'own' ? 'nchw' : 'own';
    const from = forms[other];
    if (from === undefined) throw this.unsupported(`its input ${JSON.stringify(name)} is computed by nothing that can be`);
    const perm = layout === 'own' ? toNhwc : toNchw;
    // What a model's integers mean stands beside its inputs and outputs, before anything moves them
    const isReal = this.isQuantized(name) && this.isBorder(name);
    const { qparams } = this.value(name) ?? {};
    const made = isReal
      ? this.quantize(
          this.#transpose(this.real(name, other), perm),
          layout === 'own' ? qparams! : permuteQParams(qparams!, toNchw),
        )
      : this.#transpose(from, perm);
    made.suggest(layout === 'own' ? name : `${name}/nchw`, layout === 'own' ? priorities.own : priorities.otherLayout);
    return made;
  }

  #makeConstant(name: string, tensor: Tensor, layout: Layout): OnnxValue {
    if (layout === 'nchw' && tensor.size !== 1) {
      return this.initializer(`${name}/nchw`, permuteTensor(withImageRank(tensor, undefined).tensor, toNchw));
    }
    if (layout === 'nchw') return this.stored(name);
    const value = this.initializer(name, tensor);
    value.suggest(name, priorities.own);
    return value;
  }

  #transpose(value: OnnxValue, perm: readonly number[]): OnnxValue {
    return this.add('Transpose', [value], { perm });
  }

  #make(name: string, priority?: (typeof priorities)[keyof typeof priorities]): OnnxValue {
    const value = new OnnxValue(name, priority);
    this.values.push(value);
    return value;
  }
}

/** Nodes that are written beside the one that they belong to. */
const auxiliary: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear', 'Transpose', 'Identity']);

function formsOf(map: Map<string, Forms>, name: string): Forms {
  const known = map.get(name);
  if (known !== undefined) return known;
  const forms: Forms = {};
  map.set(name, forms);
  return forms;
}

function axisOf({ scale, zeroPoint, axis }: QParams): AttributeValues {
  return typeof scale === 'number' && typeof zeroPoint === 'number' ? {} : { axis: axis! };
}
