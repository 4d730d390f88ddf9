/**
 * A model: nodes, values and constants. Plain data, portable, never changed in place; what a machine makes of it is a Plan.
 *
 * A value has one producer: a graph input, a constant, a state, or one output of one node. Nodes stand in an order in which each
 * comes after those that it reads.
 */
import type { QParams } from '../quant/qparams.js';
import type { Numerics } from '../quant/requant.js';
import type { DataType, Tensor } from '../tensor.js';

/** A number, the name of a dimension that is the same wherever the name stands, or null: anything. */
export type Dim = number | string | null;

export interface Value {
  readonly name: string;
  readonly type: DataType;
  /** Absent where not even their number is known before the graph is specialised to shapes of its inputs. */
  readonly dims?: readonly Dim[];
  /** Of a quantized value: what its integers mean. */
  readonly qparams?: QParams;
}

/** A graph is a branch of If or the body of Loop. */
export type Attribute = number | string | boolean | readonly number[] | readonly string[] | Tensor | Graph;
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  /** Unique in its graph; where errors and profiles point. */
  readonly name: string;
  /** Of lib/ops/index.ts. */
  readonly op: string;
  readonly attributes: Attributes;
  /** Names of values; '' where an optional input is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A value that survives from one run to the next: `next` becomes `current` when the run is over. */
export interface State {
  readonly current: string;
  readonly next: string;
  readonly initial: Tensor;
}

export interface Graph {
  readonly name: string;
  /** The contract of every rounding in it. */
  readonly numerics: Numerics;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Outputs of nodes may be missing: what they are is found out when the graph is specialised to shapes of its inputs. */
  readonly values: ReadonlyMap<string, Value>;
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly states: readonly State[];
  readonly nodes: readonly Node[];
  /** Of the model's file; kept when it is saved again. */
  readonly metadata: Readonly<Record<string, string>>;
}
