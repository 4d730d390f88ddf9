/** One operator of a file: its code, its tensors, its options; what the lines of the operator table read attributes from. */
import { describe, type ErrorCode, OctensorError } from '../../errors.js';
import type { Operand } from '../../ops/op.js';
import { readFlexMap } from './flex-map.js';
import { BuiltinOperator, BuiltinOptions, type Model, type Operator } from './schema/tflite_generated.js';
import {
  customOptionsField,
  inputsField,
  int32Vector,
  outputsField,
  type TensorReader,
  type TfliteTensor,
  vectorBytes,
} from './tensors.js';
import { type CheckedByteBuffer, emptyTable, formatError, vector } from './verify.js';

export interface OperatorCode {
  readonly builtin: BuiltinOperator;
  /** `CONV_2D`, or a custom operator's own name. */
  readonly name: string;
  readonly version: number;
}

interface OptionsTable {
  bb: unknown;
  bb_pos: number;
}

export interface OperatorContext {
  readonly code: OperatorCode;
  /** The beginning of messages, until the node has a name. */
  readonly where: string;
  readonly tensors: TensorReader;
  readonly buffer: CheckedByteBuffer;
  /** The values that are known so far, by name, with their inferred shapes. */
  readonly operands: ReadonlyMap<string, Operand>;
}

export class OperatorReader {
  readonly code: OperatorCode;
  /** Unique in the graph: the first output's name. */
  readonly name: string;
  readonly inputs: readonly (TfliteTensor | undefined)[];
  readonly outputs: readonly TfliteTensor[];
  readonly #operator: Operator;
  readonly #tensors: TensorReader;
  readonly #buffer: CheckedByteBuffer;
  readonly #operands: ReadonlyMap<string, Operand>;

  constructor(operator: Operator, context: OperatorContext, uniqueName: (name: string) => string) {
    const { where, tensors } = context;
    this.code = context.code;
    this.#operator = operator;
    this.#tensors = tensors;
    this.#buffer = context.buffer;
    this.#operands = context.operands;
    this.inputs = int32Vector(this.#buffer, operator, inputsField).map((index) =>
      index === -1 ? undefined : tensors.at(index, where),
    );
    this.outputs = int32Vector(this.#buffer, operator, outputsField).map((index) => tensors.at(index, where));
    const first = this.outputs[0];
    if (first === undefined) throw formatError(`${where}: expected an output, got none`);
    this.name = uniqueName(first.name);
  }

  /** The options, of the given type; where the operator has none, all of the schema's defaults, as TFLite reads it. */
  options<T extends OptionsTable>(type: BuiltinOptions, table: T): T {
    const actual = this.#operator.builtinOptionsType();
    if (actual === BuiltinOptions.NONE) {
      table.bb_pos = emptyTable.position;
      table.bb = emptyTable.buffer;
      return table;
    }
    const found = actual === type ? this.#operator.builtinOptions(table) : null;
    if (found !== null) return found as T;
    throw this.error(
      'ERR_MODEL_FORMAT',
      `expected options of type ${BuiltinOptions[type]}, got ${BuiltinOptions[actual] ?? actual}`,
    );
  }

  customOptions(): ReadonlyMap<string, number | boolean> {
    if (this.#operator.largeCustomOptionsOffset() > 1n) {
      throw this.error('ERR_UNSUPPORTED_OP', 'custom options outside of the FlatBuffer are not supported');
    }
    return readFlexMap(vectorBytes(this.#buffer, this.#operator, customOptionsField));
  }

  /** The tensors that are neither inputs nor outputs, whose quantization parameters matter. */
  intermediates(): readonly number[] {
    return vector(this.#operator.intermediatesLength(), (i) => this.#operator.intermediates(i));
  }

  /** A tensor's own scale and zero point, unchecked; intermediates of LSTM have scales of 0 where none is used. */
  scaleOf(index: number): { readonly scale: number; readonly zeroPoint: number } {
    const quantization = index === -1 ? null : this.#tensors.table(index, this.name).quantization();
    const isQuantized = quantization !== null && quantization.scaleLength() > 0;
    if (!isQuantized) return { scale: 0, zeroPoint: 0 };
    const zeroPoint = quantization.zeroPointLength() > 0 ? Number(quantization.zeroPoint(0)) : 0;
    return { scale: quantization.scale(0)!, zeroPoint };
  }

  input(index: number): TfliteTensor {
    const tensor = this.inputs[index];
    if (tensor === undefined) throw this.error('ERR_MODEL_FORMAT', `expected input ${index}, got none`);
    return tensor;
  }

  output(index: number): TfliteTensor {
    const tensor = this.outputs[index];
    if (tensor === undefined) throw this.error('ERR_MODEL_FORMAT', `expected output ${index}, got none`);
    return tensor;
  }

  /** The dimension of an input at `axis`, from the end if it is below 0. */
  dim(input: number, axis: number): number {
    const dim = this.#operands.get(this.input(input).name)?.dims.at(axis);
    if (dim === undefined) throw this.error('ERR_MODEL_FORMAT', `expected a dimension ${axis} of input ${input}, got none`);
    return dim;
  }

  /** The numbers of an input that must be known beforehand: axes, paddings, shapes. */
  numbers(index: number): readonly number[] {
    const { name } = this.input(index);
    const constant = this.#operands.get(name)?.constant;
    if (constant === undefined) {
      throw this.error(
        'ERR_UNSUPPORTED_OP',
        `expected input ${index}, ${describe(name)}, to be constant, got one that is computed`,
      );
    }
    // Shapes, and a few per dimension; a large array here is no attribute.
    if (constant.type === 'string' || constant.size > 1024) {
      throw this.error(
        'ERR_MODEL_FORMAT',
        `expected at most 1024 numbers as input ${index}, ${describe(name)}, got ${constant.size}`,
      );
    }
    return Array.from(constant.data as ArrayLike<number | bigint>, Number);
  }

  number(index: number): number {
    const [value, ...rest] = this.numbers(index);
    if (value === undefined || rest.length > 0) {
      throw this.error(
        'ERR_MODEL_FORMAT',
        `expected one number as input ${index}, got ${rest.length + Number(value !== undefined)}`,
      );
    }
    return value;
  }

  error(code: ErrorCode, message: string): OctensorError {
    const { name, version } = this.code;
    return new OctensorError(code, `node ${describe(this.name)} (${name}, version ${version}): ${message}`, {
      node: this.name,
    });
  }
}

/**
 * The codes that operators refer to. Codes of 127 and above do not fit the old field, which is then 127; files from before the
 * new field have 0 there: the larger one is meant.
 */
export function readOperatorCodes(model: Model): readonly OperatorCode[] {
  return vector(model.operatorCodesLength(), (i) => model.operatorCodes(i)).map((code) => {
    const builtin = Math.max(code.deprecatedBuiltinCode(), code.builtinCode());
    const custom = builtin === BuiltinOperator.CUSTOM ? (code.customCode() ?? '') : undefined;
    return { builtin, name: custom ?? BuiltinOperator[builtin] ?? `operator ${builtin}`, version: code.version() };
  });
}
