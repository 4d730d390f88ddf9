/** Layers with states, as TFLite has them: native/ops/{svdf,sequence_lstm}.cc. */
import { numericsCodes } from '../../addon.js';
import { OctensorError } from '../../errors.js';
import { gates } from '../../ops/lstm-steps.js';
import { type Operand, perTensor } from '../../ops/op.js';
import { type Activation, activationBounds } from '../../ops/output-stage.js';
import { product } from '../../ops/shapes.js';
import { sigmoidTable } from '../../ops/sigmoid-table.js';
import { fixedMultiplier } from '../../ops/weights.js';
import type { FixedPoint } from '../../quant/requant.js';
import { defineLowering, type LoweringContext, type Lowerings, type NativeStep, type StepOf } from './lowering.js';

interface SvdfAttributes {
  readonly rank: number;
  readonly activation: Activation;
}

interface LstmAttributes {
  readonly cellClip: number;
  readonly timeMajor: boolean;
}

export const stateLowerings: Lowerings = {
  Svdf: defineLowering<SvdfAttributes>((step, context) => {
    const [x, feature, time, bias, state] = step.inputs as readonly [Operand, Operand, Operand, Operand | undefined, Operand];
    const [y, next] = step.outputs as readonly [Operand, Operand];
    const [batches, depth] = x.dims as [number, number];
    const [filters, memory] = [feature.dims[0]!, time.dims[1]!];
    const { rank, activation } = step.attributes;
    if (state.type !== time.type || [...x.dims, ...state.dims].includes(0)) return undefined;
    const fields = {
      ...{ x: context.place(x), feature: context.place(feature), time: context.place(time), state: context.place(state) },
      ...{ y: context.place(y), next: context.place(next), ...(bias && { bias: context.place(bias) }) },
      ...{ batches, depth, units: filters / rank, rank, memory },
    };
    if (x.type === 'float32') {
      return [{ kind: 'svdf', fields: { ...fields, stateType: 2, bounds: Float32Array.from(activationBounds[activation]) } }];
    }
    return quantized(() => {
      const [qx, qf, qt, qs, qy] = [x, feature, time, state, y].map((operand) => perTensor(step, operand));
      const toState = fixedMultiplier(step.node, Math.fround(Math.fround(qx!.scale * qf!.scale) / qs!.scale));
      const toOutput = fixedMultiplier(step.node, Math.fround(Math.fround(qs!.scale * qt!.scale) / qy!.scale));
      const quantization = {
        stateType: Number(state.type === 'int16'),
        numerics: integerNumerics(step),
        factors: fixedPoints([toState, toOutput]),
        zeroPoints: Int32Array.of(qx!.zeroPoint, qs!.zeroPoint, qy!.zeroPoint),
      };
      return [{ kind: 'svdf', fields: { ...fields, ...quantization } }];
    });
  }),

  UnidirectionalSequenceLstm: defineLowering<LstmAttributes>((step, context) => {
    const x = step.inputs[0]!;
    if (x.dims.includes(0) || product(step.outputs[0]!.dims) === 0) return undefined;
    const fields = lstmFields(step, context);
    const { cellClip } = step.attributes;
    if (x.type === 'float32') return [{ kind: 'sequence-lstm', fields: { ...fields, float: 1, cellClip } }];
    return quantized(() => [{ kind: 'sequence-lstm', fields: { ...fields, float: 0, ...integerLstmFields(step) } }]);
  }),
};

/** Undefined where scales are none that the reference takes: it says so when the graph runs. */
function quantized(lower: () => readonly NativeStep[]): readonly NativeStep[] | undefined {
  try {
    return lower();
  } catch (error) {
    if (error instanceof OctensorError) return undefined;
    throw error;
  }
}

function integerNumerics({ numerics }: StepOf<unknown>): number {
  return numericsCodes[numerics === 'single' ? 'single' : 'tflite'];
}

function fixedPoints(factors: readonly FixedPoint[]): Int32Array {
  return Int32Array.from(factors.flatMap(({ multiplier, exponent }) => [multiplier, exponent]));
}

const [outputState, cellState] = [18, 19] as const;

function lstmFields({ inputs, outputs, attributes }: StepOf<LstmAttributes>, context: LoweringContext) {
  const place = (index: number) => context.place(inputs[index]!);
  const [first, second, depth] = inputs[0]!.dims as [number, number, number];
  const [batches, steps] = attributes.timeMajor ? [second, first] : [first, second];
  const [y, nextHidden, nextCell] = outputs.map((output) => context.place(output));
  const packed = constantGates(inputs);
  const weights =
    packed === undefined
      ? gates.flatMap((_, i): [string, number][] => [
          [`input${i}`, place(1 + i)],
          [`recurrent${i}`, place(5 + i)],
          ...(inputs[12 + i] === undefined ? [] : [[`bias${i}`, place(12 + i)] as [string, number]]),
        ])
      : [];
  return {
    ...{ x: place(0), hidden: place(outputState), cell: place(cellState) },
    ...{ y: y!, nextHidden: nextHidden!, nextCell: nextCell! },
    ...{ batches, steps, depth, units: inputs[2]!.dims[0]!, timeMajor: Number(attributes.timeMajor) },
    ...Object.fromEntries(weights),
    ...packed,
  };
}

/** The weights and biases of all gates one after the other, where all are constants of an int8 layer. */
function constantGates(inputs: StepOf<LstmAttributes>['inputs']) {
  const [input, recurrent, bias] = [1, 5, 12].map((first) => inputs.slice(first, first + 4));
  const isKnown = (operand: Operand | undefined) => operand?.type === 'int8' && operand.constant !== undefined;
  if (![...input!, ...recurrent!].every(isKnown) || bias!.some((operand) => operand && !operand.constant)) return undefined;
  const units = input![0]!.dims[0]!;
  const bytes = (operands: readonly (Operand | undefined)[]) =>
    Int8Array.from(operands.flatMap((operand) => Array.from(operand!.constant!.data as Int8Array)));
  const biases = new Int32Array(4 * units);
  for (const [i, operand] of bias!.entries()) if (operand) biases.set(operand.constant!.data as Int32Array, i * units);
  return { inputWeights: bytes(input!), recurrentWeights: bytes(recurrent!), biases };
}

/** The numbers of lib/ops/lstm-steps.ts. */
function integerLstmFields(step: StepOf<LstmAttributes>) {
  const { node, inputs, attributes } = step;
  const at = (index: number) => perTensor(step, inputs[index]!);
  const [x, hidden, { scale: cellScale }] = [at(0), at(outputState), at(cellState)];
  const weights = gates.map((_, i) => ({ input: at(1 + i), recurrent: at(5 + i) }));
  const toGate = (a: number, b: number) => fixedMultiplier(node, Math.fround(a * b) * 2 ** 12);
  const power = 12 + Math.round(Math.log2(cellScale));
  const toStates = [2 ** -15, 2 ** -30 / cellScale, 2 ** -30 / hidden.scale].map((factor) => fixedMultiplier(node, factor));
  return {
    numerics: integerNumerics(step),
    inputFactors: fixedPoints(weights.map(({ input }) => toGate(x.scale, input.scale))),
    recurrentFactors: fixedPoints(weights.map(({ recurrent }) => toGate(hidden.scale, recurrent.scale))),
    stateFactors: fixedPoints(toStates),
    zeroPoints: Int32Array.of(x.zeroPoint, hidden.zeroPoint),
    inputZeroPoints: Int32Array.from(weights, ({ input }) => input.zeroPoint),
    recurrentZeroPoints: Int32Array.from(weights, ({ recurrent }) => recurrent.zeroPoint),
    clip: Math.max(Math.trunc(Math.min(attributes.cellClip / cellScale, 32767)), 0),
    tanhMultiplier: power < 0 ? 3 : 3 << power,
    tanhShift: Math.max(-power, 0),
    sigmoids: sigmoidTable(),
  };
}
