/** Small damage to files and graphs, seeded. */
import { type Attribute, type DataType, type Graph, Tensor, type Value } from 'octensor';
import type { Random } from '../support/random.js';

const extremes = [0, 1, 2, 3, 5, -1, -2, 127, -128, 255, 256, 32767, 65535, 65536, 2 ** 24, 2 ** 31 - 1, -(2 ** 31)];

/** Bytes set to anything, 32-bit fields to extremes, runs copied elsewhere, the end cut off. */
export function mutateBytes(random: Random, original: Uint8Array): Uint8Array {
  let bytes = original.slice();
  for (let count = random.integer(1, 5); count > 0; count--) {
    const at = random.integer(0, bytes.length - 5);
    const view = new DataView(bytes.buffer);
    switch (random.integer(0, 11)) {
      case 0:
      case 1:
      case 2:
      case 3:
        bytes[at] = random.integer(0, 255);
        break;
      case 4:
      case 5:
        bytes[at] = bytes[at]! ^ (1 << random.integer(0, 7));
        break;
      case 6:
      case 7:
        view.setInt32(at & ~3, random.pick(extremes), true);
        break;
      case 8:
      case 9:
        view.setInt32(at & ~3, view.getInt32(at & ~3, true) + random.integer(-2, 2), true);
        break;
      case 10:
        bytes.copyWithin(at, random.integer(0, bytes.length - 1), random.integer(0, bytes.length));
        break;
      default:
        if (random.integer(0, 9) === 0) bytes = bytes.slice(0, at + 5);
    }
  }
  return bytes;
}

const types: readonly DataType[] = ['int8', 'uint8', 'int16', 'int32', 'int64', 'float32', 'float16', 'bool'];
const reals = [0, 1, 0.5, 1 / 256, 1e-30, 1e30, 2 ** 29, 2 ** -33, 1e-38, Infinity, NaN, -1];

/** A valid graph with one or two things changed: an attribute, a shape, a type, quantization, wiring, a constant. */
export function mutateGraph(random: Random, original: Graph): Graph {
  let graph = original;
  for (let count = random.integer(1, 2); count > 0; count--) graph = mutateOnce(random, graph);
  return graph;
}

function mutateOnce(random: Random, graph: Graph): Graph {
  const { nodes } = graph;
  const index = random.integer(0, nodes.length - 1);
  const node = nodes[index]!;
  const name = random.pick([...graph.values.keys()]);
  const value = graph.values.get(name)!;
  const withNode = (changes: object) => ({ ...graph, nodes: nodes.with(index, { ...node, ...changes }) });
  const withValue = (changes: Partial<Value>) => ({
    ...graph,
    values: new Map(graph.values).set(name, { ...value, ...changes }),
  });
  switch (random.integer(0, 6)) {
    case 0:
    case 1:
      return withNode({ attributes: mutateAttributes(random, node.attributes) });
    case 2:
      return withNode({ inputs: node.inputs.map((input) => (random.integer(0, 1) ? input : random.pick([name, '', input]))) });
    case 3:
      return withValue({ dims: mutateList(random, value.dims as readonly number[]) });
    case 4:
      return withValue({ type: random.pick(types) });
    case 5: {
      const { qparams = { dtype: 'int8', scale: 1, zeroPoint: 0 } as const } = value;
      const scale = random.integer(0, 1) ? random.pick(reals) : qparams.scale;
      const zeroPoint = random.integer(0, 1) ? random.pick(extremes) : qparams.zeroPoint;
      return withValue({ qparams: { ...qparams, scale, zeroPoint } });
    }
    default: {
      const constant = graph.constants.get(name);
      if (constant === undefined || constant.type === 'string') return withNode({ op: random.pick(nodes).op });
      const data = (constant.data as Int8Array).slice();
      for (let i = Math.min(data.length, 8); i > 0; i--) {
        const element = random.pick(extremes);
        const at = random.integer(0, data.length - 1);
        if (typeof data[at] === 'bigint') (data as unknown as BigInt64Array)[at] = BigInt(element);
        else data[at] = element;
      }
      const changed = new Tensor<DataType>(constant.type, data, constant.dims);
      return { ...graph, constants: new Map(graph.constants).set(name, changed) };
    }
  }
}

function mutateAttributes(random: Random, attributes: Readonly<Record<string, Attribute>>): Record<string, Attribute> {
  const names = Object.keys(attributes);
  if (names.length === 0) return { [random.pick(['pads', 'strides', 'axis', 'groups'])]: random.pick(extremes) };
  const name = random.pick(names);
  const attribute = attributes[name]!;
  const changed = (): Attribute => {
    if (typeof attribute === 'number') return random.pick([...extremes, ...reals]);
    if (typeof attribute === 'boolean') return !attribute;
    if (Array.isArray(attribute)) return mutateList(random, attribute as readonly number[]);
    return random.pick<Attribute>(['same', 'valid', 'relu', '', 1]);
  };
  return { ...attributes, [name]: changed() };
}

function mutateList(random: Random, list: readonly number[]): readonly number[] {
  const copy = [...list];
  const at = random.integer(0, Math.max(0, copy.length - 1));
  switch (random.integer(0, 3)) {
    case 0:
      copy.splice(at, 1);
      break;
    case 1:
      copy.splice(at, 0, random.pick(extremes));
      break;
    case 2:
      copy[at] = (copy[at] ?? 0) + random.pick([-1, 1]);
      break;
    default:
      copy[at] = random.pick(extremes);
  }
  return copy;
}
