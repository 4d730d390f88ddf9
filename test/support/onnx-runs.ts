/** ONNX files made from sketches, imported and run on both backends. */
import { type Graph, InferenceSession, Tensor } from 'octensor';
import { importOnnx } from '#lib/formats/onnx/import.js';
import { type GraphInit, graph, node, type OnnxSketch, onnxModel, value } from './onnx-file.js';

export const imported = (sketch: OnnxSketch): Graph => importOnnx(onnxModel(sketch));
export const floats = (...data: readonly number[]) => new Tensor('float32', data);
export const long = (data: number) => new Tensor('int64', [BigInt(data)], []);
export const bool = (data: boolean) => new Tensor('bool', [data], []);
export const xy = { inputs: [value('x', 'float32', [2])], outputs: [value('y', 'float32', [2])] };

/** Attributes of an If. */
export const branches = (then: GraphInit, otherwise: GraphInit) => [
  graph('then_branch', then),
  graph('else_branch', otherwise),
];
export const branch = (line: string): GraphInit => ({ node: [node(line)], output: [value('z')] });

/** What outputs hold; throws where the backends differ. */
export async function results(
  sketch: OnnxSketch,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, readonly unknown[]>> {
  const bytes = onnxModel(sketch);
  const all = await Promise.all(
    (['reference', 'native'] as const).map(async (backend) => {
      const session = await InferenceSession.create(bytes, { backend });
      const found = Object.entries(session.runSync(feeds)).map(([name, { data }]) => [name, Array.from(data as Float32Array)]);
      await session.release();
      return JSON.stringify(found, (_, item) => (typeof item === 'bigint' ? Number(item) : item));
    }),
  );
  if (all[0] !== all[1]) throw new Error(`reference: ${all[0]}, native: ${all[1]}`);
  return Object.fromEntries(JSON.parse(all[0]!) as [string, unknown[]][]);
}
