/**
 * Operators on two inputs of one type, broadcast as in NumPy, that need no rescaling:
 *
 * - Maximum, Minimum: any numbers; of quantized inputs the integers are compared, so both must have one scale and zero point
 * - FloorDiv: floor(a / b) of float32 and int32; an int32 divided by 0, undefined in TFLite, is the type's limit of a's sign,
 *   or 0
 * - Mod, Fmod: what is left of a / b rounded down (of b's sign), or toward zero (of a's sign, as C's fmod); any numbers. An
 *   integer modulo 0, undefined in ONNX, is 0
 */
import type { DataType } from '../tensor.js';
import { affine, caseGraph } from './cases.js';
import { type Element, inferBinary, isQuantized, isWide, mapBinary, plainTypes, quantizedTypes } from './elementwise.js';
import { defineOp, type NodeContext, nodeError, type Op, perTensor, requiredInput } from './op.js';

type Binary = (a: never, b: never) => Element;

interface Types {
  readonly types: readonly DataType[];
  readonly plain?: readonly DataType[];
}

const comparable: Types = { types: ['float32', 'int32', 'int64', ...quantizedTypes], plain: plainTypes };
const numbers: Types = { types: [], plain: plainTypes };

export const maximum = defineBinary('Maximum', comparable, () => (a: Element, b: Element) => (a > b ? a : b));
export const minimum = defineBinary('Minimum', comparable, () => (a: Element, b: Element) => (a < b ? a : b));
export const floorDiv = defineBinary('FloorDiv', { types: ['float32', 'int32'] }, (type) => {
  if (type === 'float32') return (a: number, b: number) => Math.floor(a / b);
  return (a: number, b: number) => Math.min(Math.max(b === 0 && a === 0 ? 0 : Math.floor(a / b), -(2 ** 31)), 2 ** 31 - 1);
});
export const fmod = defineBinary('Fmod', numbers, remainderOf);
export const mod = defineBinary('Mod', numbers, (type) => {
  const remainder = remainderOf(type) as (a: Element, b: Element) => Element;
  return (a: Element, b: Element) => {
    const rest = remainder(a, b);
    // Of the other sign than b
    return rest > 0 !== b > 0 && rest ? (rest as number) + (b as number) : rest;
  };
});

function remainderOf(type: DataType): Binary {
  if (type.startsWith('float')) return (a: number, b: number) => a % b;
  if (isWide(type)) return (a: bigint, b: bigint) => (b === 0n ? 0n : a % b);
  return (a: number, b: number) => (b === 0 ? 0 : a % b);
}

function defineBinary(name: string, { types, plain = [] }: Types, functionOf: (type: DataType) => Binary): Op {
  return defineOp<Record<string, never>>({
    name,
    inputs: [2, 2],
    outputs: [1, 1],
    parse: () => ({}),
    infer(context) {
      expectSameQuantization(context, 0, 1);
      return inferBinary(context, types, { plain });
    },
    run: (context) =>
      mapBinary<unknown, Element>(context, functionOf(context.outputs[0]!.type) as (a: Element, b: Element) => Element),
    *cases() {
      const shapes = [
        [
          [2, 3],
          [2, 3],
          [2, 3],
        ],
        [
          [2, 1, 3],
          [4, 1],
          [2, 4, 3],
        ],
        [[], [5], [5]],
      ] as const;
      const quantized = types.filter(isQuantized).map((type) => ({ type, qparams: affine(type as 'int8', 0.1, 0) }));
      const unquantized = new Set([...types.filter((type) => !isQuantized(type)), ...plain]);
      for (const input of [...quantized, ...Array.from(unquantized, (type) => ({ type }))]) {
        for (const [a, b, dims] of shapes) {
          const inputs = [
            { ...input, dims: a },
            { ...input, dims: b },
          ];
          yield caseGraph({ op: name, inputs, outputs: [{ ...input, dims }] });
        }
      }
    },
  });
}

/** ERR_QUANTIZATION unless two inputs that are quantized have one scale and zero point. */
export function expectSameQuantization<A>(context: NodeContext<A>, first: number, second: number): void {
  const [a, b] = [requiredInput(context, first), requiredInput(context, second)];
  if (!isQuantized(a.type) || !isQuantized(b.type) || (a.qparams === undefined && b.qparams === undefined)) return;
  const [p, q] = [perTensor(context, a), perTensor(context, b)];
  if (p.scale === q.scale && p.zeroPoint === q.zeroPoint) return;
  const found = `${p.scale}, ${p.zeroPoint} and ${q.scale}, ${q.zeroPoint}`;
  throw nodeError(
    'ERR_QUANTIZATION',
    context.node,
    `expected one scale and zero point for ${a.name} and ${b.name}, got ${found}`,
  );
}
