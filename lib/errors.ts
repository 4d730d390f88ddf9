/** Errors: one class, one code each, and messages that say what was expected, what came, and where. */

export const errorCodes = [
  'ERR_MODEL_FORMAT',
  'ERR_UNSUPPORTED_OP',
  'ERR_SHAPE',
  'ERR_DTYPE',
  'ERR_QUANTIZATION',
  'ERR_NATIVE',
  'ERR_ABORTED',
  'ERR_OPTION',
  'ERR_TRAINING',
] as const;

/**
 * - `ERR_SHAPE`: a dimension, a length, or arrays that overlap
 * - `ERR_DTYPE`: an element type, or memory that cannot be used (shared, detached)
 * - `ERR_QUANTIZATION`: a scale, a zero point or a clamp bound
 * - `ERR_NATIVE`: the addon, or an instruction set that this machine lacks
 * - `ERR_OPTION`: any other argument
 * - `ERR_TRAINING`: a loss that is not finite
 */
export type ErrorCode = (typeof errorCodes)[number];

export class OctensorError extends Error {
  override readonly name = 'OctensorError';
  readonly code: ErrorCode;
  /** The graph node at fault, where there is one. */
  declare readonly node?: string;

  constructor(code: ErrorCode, message: string, details: { readonly node?: string; readonly cause?: unknown } = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    if (details.node !== undefined) this.node = details.node;
  }
}

/** `invalid('ERR_SHAPE', 'm', 'an integer from 1 to 9', NaN)`: "m: expected an integer from 1 to 9, got NaN". */
export function invalid(code: ErrorCode, name: string, expected: string, actual: unknown): OctensorError {
  return new OctensorError(code, `${name}: expected ${expected}, got ${describe(actual)}`);
}

const maxTextLength = 40;

/** A short description of any value; runs no code of the value's own that could throw out of it. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(cut(value));
    case 'bigint':
      return `${cut(String(value))}n`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      try {
        return describeObject(value);
      } catch {
        return 'an object'; // a revoked proxy, a getter that throws
      }
    default:
      return String(value);
  }
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  const className: unknown = value.constructor?.name;
  const name = typeof className === 'string' && className !== '' ? cut(className) : 'object';
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  if (isList) return `${name}[${(value as ArrayLike<unknown>).length}]`;
  return name === 'Object' ? 'an object' : `an object of class ${name}`;
}

function cut(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength)}…`;
}
