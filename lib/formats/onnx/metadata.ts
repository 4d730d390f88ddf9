/** What a file says about a model beside its graph. */
import { invalid } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Numerics } from '../../quant/requant.js';

/** Under which numerics the quantized operators of the file are computed, where these are not ONNX's own. */
const numericsKey = 'octensor.numerics';
const known: readonly string[] = ['tflite', 'onnx', 'single'] satisfies readonly Numerics[];

/** What the importer says of every file. */
const importedKeys: ReadonlySet<string> = new Set(['format', 'opset', 'producer', numericsKey]);

interface Property {
  readonly key: string;
  readonly value: string;
}

/** ERR_MODEL_FORMAT for numerics that do not exist. */
export function numericsOf(properties: readonly Property[]): Numerics {
  const value = properties.findLast(({ key }) => key === numericsKey)?.value ?? 'onnx';
  if (known.includes(value)) return value as Numerics;
  throw invalid('ERR_MODEL_FORMAT', `ONNX file: ${numericsKey}`, `one of ${known.join(', ')}`, value);
}

/** The properties of the file that a graph is saved in. */
export function propertiesOf({ metadata, numerics }: Graph): readonly Property[] {
  const kept = Object.entries(metadata).filter(([key]) => !importedKeys.has(key));
  const entries = numerics === 'onnx' ? kept : [...kept, [numericsKey, numerics] as const];
  return entries.map(([key, value]) => ({ key, value }));
}
