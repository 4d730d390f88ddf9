/** Messages of ONNX; the numbers are those of onnx.proto. */
import { Message } from './message.mjs';

/** @typedef {import('./message.mjs').LazyBytes} LazyBytes */
/** @typedef {keyof typeof dataTypes} DataType */
/** @typedef {number | string | readonly number[]} Attribute integers (floats: `{ float }`), names, lists of integers */

const dataTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 };
const attributeTypes = { float: 1, integer: 2, text: 3, integers: 7 };
const irVersion = 8;
const microsoft = 'com.microsoft';

export class OnnxGraph {
  #graph = new Message();
  #initializers = new Message();
  /** @type {Set<string>} */
  #names = new Set();
  #usesMicrosoft = false;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /**
   * Returns the output's name, or names. `op` is of the default domain, or begins with com.microsoft.
   * @param {string} op
   * @param {readonly string[]} inputs
   * @param {string | readonly string[]} outputs
   * @param {Readonly<Record<string, Attribute | { readonly float: number }>>} [attributes]
   */
  node(op, inputs, outputs, attributes = {}) {
    const isMicrosoft = op.startsWith(`${microsoft}.`);
    const type = isMicrosoft ? op.slice(microsoft.length + 1) : op;
    const names = [outputs].flat();
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    for (const output of names) node.text(2, output);
    node.text(3, `${names[0]}/${type}`).text(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attributeMessage(name, value));
    if (isMicrosoft) node.text(7, microsoft);
    this.#usesMicrosoft ||= isMicrosoft;
    this.#graph.message(1, node);
    return /** @type {string} */ (names[0]);
  }

  /**
   * A constant; one that exists already is used again. Returns its name.
   * @param {string} name
   * @param {DataType} type
   * @param {readonly number[]} dims
   * @param {ArrayBufferView | LazyBytes} data
   */
  initializer(name, type, dims, data) {
    if (this.#names.has(name)) return name;
    this.#names.add(name);
    const tensor = new Message();
    for (const dim of dims) tensor.integer(1, dim);
    tensor.integer(2, dataTypes[type]).text(8, name);
    tensor.bytes(9, ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data);
    this.#initializers.message(5, tensor);
    return name;
  }

  /** @param {string} name @param {readonly number[]} values */
  floats(name, ...values) {
    return this.initializer(name, 'float32', values.length === 1 ? [] : [values.length], Float32Array.from(values));
  }

  /** @param {string} name @param {readonly number[]} values always a list */
  integers(name, values) {
    return this.initializer(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** @param {string} name @param {DataType} type @param {readonly number[]} dims */
  input(name, type, dims) {
    this.#initializers.message(11, valueMessage(name, type, dims));
    return name;
  }

  /** @param {string} name @param {DataType} type @param {readonly number[]} dims */
  output(name, type, dims) {
    this.#initializers.message(12, valueMessage(name, type, dims));
  }

  /** The model, of which `finish` makes bytes and `write` a file. @param {number} [opset] */
  model(opset = 13) {
    const graph = new Message();
    const opsetMessage = (/** @type {string} */ domain, /** @type {number} */ version) =>
      (domain === '' ? new Message() : new Message().text(1, domain)).integer(2, version);
    for (const part of [this.#graph, new Message().text(2, this.name), this.#initializers]) graph.append(part);
    const model = new Message().integer(1, irVersion).text(2, 'octensor bench').message(7, graph);
    model.message(8, opsetMessage('', opset));
    return this.#usesMicrosoft ? model.message(8, opsetMessage(microsoft, 1)) : model;
  }
}

/** @param {string} name @param {Attribute | { readonly float: number }} value */
function attributeMessage(name, value) {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.integer(3, value).integer(20, attributeTypes.integer);
  if (typeof value === 'string') return message.bytes(4, Buffer.from(value)).integer(20, attributeTypes.text);
  if ('float' in value) return message.float(2, value.float).integer(20, attributeTypes.float);
  for (const item of value) message.integer(8, item);
  return message.integer(20, attributeTypes.integers);
}

/** @param {string} name @param {DataType} type @param {readonly number[]} dims */
function valueMessage(name, type, dims) {
  const shape = new Message();
  for (const dim of dims) shape.message(1, new Message().integer(1, dim));
  const tensor = new Message().integer(1, dataTypes[type]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
