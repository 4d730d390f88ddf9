/** Files of many converters, from OCTENSOR_TEST_DATA (or shared/data beside the repository); its MANIFEST.md lists their operators. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { OctensorError } from 'octensor';
import { importTflite } from '#lib/formats/tflite/import.js';
import { builtinRules, customRules } from '#lib/formats/tflite/op-table.js';
import { BuiltinOperator } from '#lib/formats/tflite/schema/tflite_generated.js';
import { Random } from '../support/random.js';

const folder = process.env.OCTENSOR_TEST_DATA ?? '../shared/data';
const manifest = join(folder, 'MANIFEST.md');

interface Listed {
  readonly path: string;
  /** TFLite's operators, and how often. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Lines such as `| models/tflite/a/b.tflite | ... | what it is; ops ADDx10, CUSTOM:Namex1 | ...`. */
function readManifest(): readonly Listed[] {
  if (!existsSync(manifest)) return [];
  return readFileSync(manifest, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, path, list] = /^\| (models\/tflite\/\S+) \|.*; ops ([^|]+) \|/.exec(line) ?? [];
      if (path === undefined || list === undefined) return [];
      const counts = list.split(', ').map((entry): [string, number] => {
        const [, name, count] = /^(.+)x(\d+)$/.exec(entry)!;
        return [name!, Number(count)];
      });
      return [{ path, counts: new Map(counts) }];
    });
}

const listed = readManifest();

if (listed.length === 0) {
  test('models of other converters', (t) => {
    t.log(`skipped: ${manifest} lists none`);
    t.pass();
  });
}

/** What these models work out of static shapes, and so is not part of the graph. */
const folded: Readonly<Record<string, readonly string[]>> = {
  'models/tflite/stm32/flowers_fdmobilenet_0.25_128_int8.tflite': ['SHAPE', 'STRIDED_SLICE', 'PACK'],
  'models/tflite/ultraface/version-RFB-320_without_postprocessing_float.tflite': ['SHAPE', 'STRIDED_SLICE', 'PACK'],
};

function ourName(name: string): string {
  const custom = name.startsWith('CUSTOM:') ? name.slice('CUSTOM:'.length) : undefined;
  const rule =
    custom === undefined ? builtinRules.get(BuiltinOperator[name as keyof typeof BuiltinOperator]) : customRules.get(custom);
  return rule?.op ?? name;
}

for (const { path, counts } of listed) {
  test(`${path}: its operators are imported, and every value has a shape`, (t) => {
    const graph = importTflite(readFileSync(join(folder, path)));
    const expected: Record<string, number> = {};
    for (const [name, count] of counts) {
      if (folded[path]?.includes(name)) continue;
      expected[ourName(name)] = (expected[ourName(name)] ?? 0) + count;
    }
    const actual: Record<string, number> = {};
    for (const { op } of graph.nodes) actual[op] = (actual[op] ?? 0) + 1;
    t.deepEqual(actual, expected);
    for (const { name, dims } of graph.values.values()) {
      t.true(
        dims!.every((dim) => typeof dim === 'number' && dim > 0),
        `${name}: [${dims!.join(', ')}]`,
      );
    }
  });
}

/** Small ones, so that mutations hit structure and not only weights: LSTM, SVDF, a reshape, folding. */
const mutated = ['mnist_lstm_int8', 'keyword_scrambled_8bit', 'micro_speech_int8', 'emnist_stmnist_v1_int8'];

for (const { path } of listed.filter(({ path }) => mutated.some((name) => path.includes(name)))) {
  test(`${path}: changed or cut off, it is a graph or a typed error`, (t) => {
    const valid = new Uint8Array(readFileSync(join(folder, path)));
    const random = new Random(valid.length);
    const survives = (bytes: Uint8Array, what: string) => {
      try {
        importTflite(bytes);
      } catch (error) {
        t.true(error instanceof OctensorError, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    };
    for (let i = 0; i < 2000; i++) {
      const bytes = valid.slice();
      const offset = random.integer(8, bytes.length - 1);
      const count = random.pick([1, 1, 4]);
      for (let k = 0; k < count && offset + k < bytes.length; k++)
        bytes[offset + k] = random.pick([0, 0x7f, 0xff, random.integer(0, 255)]);
      survives(bytes, `seeded change ${i} at ${offset}`);
    }
    for (let i = 0; i < 200; i++) survives(valid.subarray(0, random.integer(0, valid.length - 1)), `seeded length ${i}`);
    t.pass();
  });
}
