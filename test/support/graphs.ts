/** Small graphs for tests of what runs them. */
import { type Attributes, type DataType, type Dim, type Graph, type Node, type State, Tensor, type Value } from 'octensor';

export interface NodeSketch {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Attributes;
}

export interface GraphSketch {
  readonly values: readonly Value[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSketch[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly states?: readonly State[];
}

export function graphOf({ values, inputs, outputs, nodes, constants = {}, states = [] }: GraphSketch): Graph {
  return {
    name: 'test',
    numerics: 'tflite',
    inputs,
    outputs,
    values: new Map(values.map((value) => [value.name, value])),
    constants: new Map(Object.entries(constants)),
    states,
    nodes: nodes.map(({ attributes = {}, ...node }, i): Node => ({ name: `node${i}`, attributes, ...node })),
    metadata: {},
  };
}

export function float(name: string, dims: readonly Dim[]): Value {
  return { name, type: 'float32', dims };
}

export function floats(...data: readonly number[]): Tensor<'float32'> {
  return new Tensor('float32', data);
}

/** y = x + 1 + ... + 1: `length` steps. */
export function chain(length: number, dims: readonly Dim[] = [3]): Graph {
  const name = (i: number) => (i === 0 ? 'x' : i === length ? 'y' : `v${i}`);
  const steps = Array.from({ length }, (_, i) => i);
  return graphOf({
    values: [...[...steps, length].map((i) => float(name(i), dims)), float('one', [])],
    inputs: ['x'],
    outputs: ['y'],
    constants: { one: new Tensor('float32', [1], []) },
    nodes: steps.map((i) => ({ op: 'Add', inputs: [name(i), 'one'], outputs: [name(i + 1)] })),
  });
}

/** total = x + what the total was before, which is 0 at first. */
export function accumulator(): Graph {
  return graphOf({
    values: [float('x', [2]), float('before', [2]), float('total', [2])],
    inputs: ['x'],
    outputs: ['total'],
    nodes: [{ op: 'Add', inputs: ['x', 'before'], outputs: ['total'] }],
    states: [{ current: 'before', next: 'total', initial: new Tensor<DataType>('float32', [0, 0]) }],
  });
}
