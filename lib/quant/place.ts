/** Where quantization happens in a float graph: which nodes are computed in integers, and which values share their parameters. */
import type { Graph, Node } from '../graph/graph.js';
import { clamps, type IntegerForm, integerForms, movesElements, whyNotWide } from '../ops/integer-forms.js';
import type { Precise } from './precision.js';

/** A node that is to be computed in integers. */
export interface Target {
  readonly node: Node;
  readonly form: IntegerForm;
  /** What it reads, weights and bias apart. */
  readonly inputs: readonly string[];
  /** What is quantized of its result: that of the clamp behind it, if nothing else reads its own. */
  readonly output: string;
  readonly weights?: string;
  readonly bias?: string;
  /** Whether what it reads is int16: it was asked to be precise, or its result is int16 and it has no weights, so must all it reads. */
  readonly isWide: boolean;
}

export interface Placement {
  readonly targets: readonly Target[];
  /** Values that a Quantize and a Dequantize stand behind. */
  readonly quantized: ReadonlySet<string>;
  /** Of each quantized value, the nodes for which it is: those that compute or read it in integers. */
  readonly users: ReadonlyMap<string, readonly string[]>;
  /** Of each value that is quantized or moved, the value whose parameters it has. */
  readonly groupOf: (name: string) => string;
  /** Whether a quantized or moved value is int16: some wide node reads or computes it. Others read it as 8 bits. */
  readonly isWide: (name: string) => boolean;
  /** Of each node that stays float, why. */
  readonly left: readonly { readonly node: string; readonly op: string; readonly reason: string }[];
}

export type Excluded = readonly (string | RegExp)[];

/** `precise` are nodes that 8 bits would lose too much of. Those that have no form on int16 stay float. */
export function placeQuantizers(graph: Graph, excluded: Excluded, precise: Precise = new Map()): Placement {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  const kept = new Set(graph.outputs);
  const left: { node: string; op: string; reason: string }[] = [];
  const asked: Omit<Target, 'isWide'>[] = [];
  /** Clamps that are computed by, or stay float with, what is before them: nothing is quantized between the two. */
  const joined = new Map<Node, 'fused' | 'float'>();
  const isFloat = (name: string) =>
    (graph.constants.get(name)?.type ?? graph.values.get(name)?.type ?? 'float32') === 'float32';

  for (const node of graph.nodes) {
    const form = integerForms[node.op];
    if (form === undefined || joined.get(node) === 'fused') continue;
    const clamp = clampBehind(node, form);
    const reason =
      joined.get(node) === 'float'
        ? 'it clamps what stays float'
        : (whyFloat(graph, node, form, excluded, isFloat) ?? whyPrecise(node, form));
    if (clamp !== undefined) joined.set(clamp, reason === undefined ? 'fused' : 'float');
    if (reason !== undefined) {
      left.push({ node: node.name, op: node.op, reason });
      continue;
    }
    const apart = [form.weights?.input, form.bias];
    const bias = form.bias === undefined ? '' : (node.inputs[form.bias] ?? '');
    asked.push({
      node,
      form,
      inputs: node.inputs.filter((name, i) => name !== '' && !apart.includes(i)),
      output: (clamp ?? node).outputs[0]!,
      ...(form.weights !== undefined &&
        isConstant(node.inputs[form.weights.input]!) && { weights: node.inputs[form.weights.input]! }),
      ...(bias !== '' && { bias }),
    });
  }

  const groups = new Groups();
  for (const node of graph.nodes) {
    if (!movesElements(node)) continue;
    const data = node.op === 'Concat' ? concatenated(node) : node.inputs.slice(0, 1);
    for (const name of [...data, ...node.outputs]) if (isFloat(name)) groups.join(data[0] ?? name, name);
  }
  for (const { form, inputs, output } of asked) if (form.keepsParameters) groups.join(inputs[0]!, output);
  const wide = wideGroups();
  const targets = asked.flatMap((target): Target[] => {
    const { node, form, weights, output } = target;
    const isWide = precise.has(node.name) || (weights === undefined && wide.has(groups.find(output)));
    const reason = isWide ? whyNotWide(form, weights !== undefined) : undefined;
    if (reason === undefined) return [{ ...target, isWide }];
    left.push({ node: node.name, op: node.op, reason: `${reason}, and its result is int16` });
    return [];
  });

  const users = new Map<string, string[]>();
  // What is moved is quantized before it is
  const want = (name: string, user: string): void => {
    const producer = producers.get(name);
    const moved =
      producer !== undefined && producer.op !== 'Concat' && movesElements(producer) ? producer.inputs[0]! : undefined;
    if (moved !== undefined && isFloat(moved)) want(moved, user);
    else users.set(name, [...(users.get(name) ?? []), user]);
  };
  for (const { inputs, output, weights, form, node } of targets) {
    for (const name of inputs) want(name, node.name);
    // Of two activations that are multiplied, neither is weights
    if (form.weights !== undefined && weights === undefined) want(node.inputs[form.weights.input]!, node.name);
    users.set(output, [...(users.get(output) ?? []), node.name]);
  }
  const isWide = (name: string) => wide.has(groups.find(name));
  return { targets, quantized: new Set(users.keys()), users, groupOf: (name) => groups.find(name), isWide, left };

  /** Why a node is float that is to be precise, or has to be: its own form tells. */
  function whyPrecise({ name, inputs }: Node, form: IntegerForm): string | undefined {
    const precision = precise.get(name);
    if (precision === undefined) return undefined;
    const reason = precision === 'float' ? '' : whyNotWide(form, isConstant(inputs[form.weights?.input ?? -1] ?? ''));
    return reason === undefined ? undefined : `it is kept float for precision${reason === '' ? '' : `: ${reason}`}`;
  }

  /** Groups of int16, by their roots: what precise nodes touch, and what a node without weights reads to compute some of that. */
  function wideGroups(): ReadonlySet<string> {
    const found = new Set<string>();
    for (let before = -1; before < found.size; ) {
      before = found.size;
      for (const { node, form, weights, inputs, output } of asked) {
        const isFollowing = weights === undefined && found.has(groups.find(output));
        if (!precise.has(node.name) && !isFollowing) continue;
        if (whyNotWide(form, weights !== undefined) !== undefined) continue;
        for (const name of [...inputs, output]) found.add(groups.find(name));
      }
    }
    return found;
  }

  /**
   * What nothing but the Concat reads is rounded once, as the result is: with a scale of its own it would be rounded again, and no finer.
   */
  function concatenated({ name: own, inputs }: Node): readonly string[] {
    const isTarget = asked.some(({ node: { name } }) => name === own);
    const isFree = (name: string) =>
      readers.get(name)!.every((reader) => reader.name === own) &&
      !kept.has(name) &&
      !graph.inputs.includes(name) &&
      !isConstant(name);
    return isTarget ? inputs.filter(isFree) : [];
  }

  function isConstant(name: string): boolean {
    return graph.constants.has(name);
  }

  /** The clamp that alone reads what the node computes, and that is not excluded. */
  function clampBehind(node: Node, form: IntegerForm): Node | undefined {
    const output = node.outputs[0]!;
    const next = readers.get(output) ?? [];
    const isClamped = form.clamps && next.length === 1 && clamps[next[0]!.op] !== undefined && !kept.has(output);
    return isClamped && !isExcluded(next[0]!, excluded) ? next[0] : undefined;
  }
}

function whyFloat(
  graph: Graph,
  node: Node,
  form: IntegerForm,
  excluded: Excluded,
  isFloat: (name: string) => boolean,
): string | undefined {
  if (isExcluded(node, excluded)) return 'excluded';
  const other = node.inputs.find((name) => name !== '' && !isFloat(name));
  if (other !== undefined) return `its input ${other} is not float32`;
  const bias = form.bias === undefined ? '' : (node.inputs[form.bias] ?? '');
  if (bias !== '' && !graph.constants.has(bias)) return `its bias ${bias} is not constant`;
  const inputs = node.inputs.filter((name, i) => name !== '' && i !== form.weights?.input && i !== form.bias);
  if (inputs.every((name) => graph.constants.has(name))) return 'it is constant';
  return undefined;
}

function isExcluded({ name, op }: Node, excluded: Excluded): boolean {
  return excluded.some((pattern) => (typeof pattern === 'string' ? pattern === name || pattern === op : pattern.test(name)));
}

/** Values that have the same parameters, by union and find. */
class Groups {
  readonly #parents = new Map<string, string>();

  find(name: string): string {
    let root = name;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root)) root = parent;
    // Paths are short when they are found again
    for (let each = name; each !== root; ) {
      const parent = this.#parents.get(each)!;
      this.#parents.set(each, root);
      each = parent;
    }
    return root;
  }

  join(a: string, b: string): void {
    const [first, second] = [this.find(a), this.find(b)];
    if (first !== second) this.#parents.set(second, first);
  }
}
