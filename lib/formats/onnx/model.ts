/** The messages of a model file, checked as far as everything that reads them relies on. */
import { fromBinary } from '@bufbuild/protobuf';
import { describe, invalid, OctensorError } from '../../errors.js';
import type { Dim } from '../../graph/graph.js';
import { maxElements } from '../../ops/shapes.js';
import type { DataType } from '../../tensor.js';
import {
  type ModelProto,
  ModelProtoSchema,
  TensorProto_DataType as OnnxType,
  type OperatorSetIdProto,
  type TypeProto,
} from './schema/onnx_pb.js';
import { checkWire, maxNesting } from './wire.js';

/** Of the default operator set. */
export const minOpset = 1;
export const maxOpset = 25;
/** The first whose models name their operator sets, and the last of the schema. */
const minIrVersion = 3n;
const maxIrVersion = 13n;
/** More than any operator takes. */
const maxRank = 16;

/**
 * Large data in the messages are views of `bytes`. ERR_MODEL_FORMAT for what is no ONNX file, ERR_UNSUPPORTED_OP for a version
 * of the format or of the default operator set that is not supported.
 */
export function readOnnxModel(bytes: Uint8Array): ModelProto {
  checkWire(ModelProtoSchema, bytes);
  const model = decoded(bytes);
  const { graph, irVersion } = model;
  if (irVersion < 1n) throw invalid('ERR_MODEL_FORMAT', 'ONNX file: ir_version', 'an integer >= 1', irVersion);
  if (graph === undefined) throw formatError('expected a graph, got none');
  if (irVersion < minIrVersion || irVersion > maxIrVersion) {
    throw unsupported(`expected an ir_version from ${minIrVersion} to ${maxIrVersion}, got ${irVersion}`);
  }
  if (model.opsetImport.length === 0) throw formatError('expected an opset_import, got none');
  const opset = modelOpsets(model).get('');
  if (opset !== undefined && (opset < minOpset || opset > maxOpset)) {
    throw unsupported(`expected opset ${minOpset} to ${maxOpset}, got ${opset}`);
  }
  return model;
}

function decoded(bytes: Uint8Array): ModelProto {
  // A Buffer of Node's would share memory where a Uint8Array copies.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return fromBinary(ModelProtoSchema, plain, { readUnknownFields: false, recursionLimit: maxNesting });
  } catch (error) {
    const message = `ONNX file: expected the messages of ONNX, got bytes that are none (${(error as Error).message})`;
    throw new OctensorError('ERR_MODEL_FORMAT', message, { cause: error });
  }
}

/** The default operator set has two names. */
export function domainName(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Versions by domain; the default one is ''. */
export function opsetsOf(imports: readonly OperatorSetIdProto[], where: string): ReadonlyMap<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain: given, version } of imports) {
    const domain = domainName(given);
    const place = `ONNX file: ${where} of domain ${describe(given)}`;
    if (version < 1n || version > 2n ** 31n - 1n) throw invalid('ERR_MODEL_FORMAT', place, 'a version >= 1', version);
    const known = opsets.get(domain);
    if (known !== undefined && known !== Number(version)) throw invalid('ERR_MODEL_FORMAT', place, 'one version', version);
    opsets.set(domain, Number(version));
  }
  return opsets;
}

const opsetsOfModels = new WeakMap<ModelProto, ReadonlyMap<string, number>>();

/** Versions by domain: those that the model imports and, for domains that only its functions use, those that the first does. */
export function modelOpsets(model: ModelProto): ReadonlyMap<string, number> {
  let opsets = opsetsOfModels.get(model);
  if (opsets === undefined) {
    const own = opsetsOf(model.opsetImport, 'opset_import');
    const others = model.functions.flatMap(({ name, opsetImport }) => [
      ...opsetsOf(opsetImport, `opset_import of function ${describe(name)}`),
    ]);
    opsets = new Map([...others.reverse(), ...own]);
    opsetsOfModels.set(model, opsets);
  }
  return opsets;
}

/** The version of a domain's operator set. ERR_MODEL_FORMAT if neither the model nor a function imports it. */
export function opsetOf(model: ModelProto, domain: string): number {
  const version = modelOpsets(model).get(domainName(domain));
  if (version === undefined) throw formatError(`expected an opset_import of domain ${describe(domain)}, got none`);
  return version;
}

/** Types whose elements a Tensor holds. */
const dataTypes: ReadonlyMap<number, DataType> = new Map<OnnxType, DataType>([
  [OnnxType.FLOAT, 'float32'],
  [OnnxType.UINT8, 'uint8'],
  [OnnxType.INT8, 'int8'],
  [OnnxType.UINT16, 'uint16'],
  [OnnxType.INT16, 'int16'],
  [OnnxType.INT32, 'int32'],
  [OnnxType.INT64, 'int64'],
  [OnnxType.STRING, 'string'],
  [OnnxType.BOOL, 'bool'],
  [OnnxType.FLOAT16, 'float16'],
  [OnnxType.DOUBLE, 'float64'],
  [OnnxType.UINT32, 'uint32'],
  [OnnxType.UINT64, 'uint64'],
]);

const elemTypes = new Map([...dataTypes].map(([elemType, type]) => [type, elemType]));

/**
 * ERR_UNSUPPORTED_OP for types that no Tensor has, ERR_MODEL_FORMAT for numbers that are no type; messages begin with `where`.
 */
export function dataTypeOf(elemType: number, where: string): DataType {
  const type = dataTypes.get(elemType);
  if (type !== undefined) return type;
  const name = OnnxType[elemType];
  if (name === undefined || elemType === OnnxType.UNDEFINED)
    throw formatError(`${where}: expected an element type, got ${elemType}`);
  throw unsupported(`${where}: type ${name} is not supported`);
}

export function elemTypeOf(type: DataType): number {
  return elemTypes.get(type)!;
}

/** The type and, where it has one, the shape of a value. ERR_UNSUPPORTED_OP for what is not a dense tensor. */
export function tensorTypeOf(
  proto: TypeProto | undefined,
  where: string,
): { readonly type: DataType; readonly dims?: readonly Dim[] } {
  const value = proto?.value;
  if (proto === undefined || value?.case === undefined) throw formatError(`${where}: expected a type, got none`);
  if (value.case !== 'tensorType') throw unsupported(`${where}: ${kindNames[value.case]} are not supported`);
  const dims = dimsOf(proto, where);
  return { type: dataTypeOf(value.value.elemType, where), ...(dims !== undefined && { dims }) };
}

const kindNames = {
  sequenceType: 'sequences',
  mapType: 'maps',
  sparseTensorType: 'sparse tensors',
  optionalType: 'optional values',
} as const;

/**
 * The shape that a tensor type declares; undefined where it declares not even a rank. Dimensions are numbers, names, or null
 * for anything, which older exporters write as -1.
 */
export function dimsOf(proto: TypeProto | undefined, where: string): readonly Dim[] | undefined {
  if (proto?.value.case !== 'tensorType') return undefined;
  const shape = proto.value.value.shape;
  if (shape === undefined) return undefined;
  if (shape.dim.length > maxRank)
    throw formatError(`${where}: expected at most ${maxRank} dimensions, got ${shape.dim.length}`);
  const dims = shape.dim.map(({ value }): Dim => {
    if (value.case === 'dimParam') return value.value === '' ? null : value.value;
    if (value.case === undefined || value.value === -1n) return null;
    return Number(value.value);
  });
  checkDims(
    dims.filter((dim) => typeof dim === 'number'),
    where,
  );
  return dims;
}

/** The dimensions of data. ERR_MODEL_FORMAT for negative ones and for a product above `maxElements`, zeros left out. */
export function checkedDims(dims: readonly bigint[], where: string): readonly number[] {
  if (dims.length > maxRank) throw formatError(`${where}: expected at most ${maxRank} dimensions, got ${dims.length}`);
  const result = dims.map(Number);
  checkDims(result, where);
  return result;
}

function checkDims(dims: readonly number[], where: string): void {
  let bound = 1;
  for (const dim of dims) {
    bound *= Math.max(dim, 1);
    if (dim < 0 || bound > maxElements) {
      throw formatError(`${where}: expected dimensions >= 0 whose product is at most ${maxElements}, got [${dims.join(', ')}]`);
    }
  }
}

export function formatError(message: string): OctensorError {
  return new OctensorError('ERR_MODEL_FORMAT', `ONNX file: ${message}`);
}

export function unsupported(message: string): OctensorError {
  return new OctensorError('ERR_UNSUPPORTED_OP', `ONNX file: ${message}`);
}
