/** `octensor quantize` without data, on a block of a transformer: weights alone, and products quantized as they run. */
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { InferenceSession, loadModel, Tensor } from 'octensor';
import { agreementOf } from '#lib/cli/agreement.js';
import { commandIn } from '../support/command.js';
import { normals } from '../support/normals.js';

const networks = new URL('../../../bench/networks/transformer.mjs', import.meta.url);
const { transformerBlock } = (await import(networks.href)) as {
  readonly transformerBlock: (options: {
    readonly width: number;
    readonly sequence: number;
    readonly isQuantized: boolean;
  }) => {
    write(path: string): void;
  };
};

const [width, sequence] = [192, 24];
const folder = mkdtempSync(join(tmpdir(), 'octensor-transformer-'));
const model = join(folder, 'block.onnx');
transformerBlock({ width, sequence, isQuantized: false }).write(model);
const octensor = commandIn(folder);
const input = new Tensor('float32', normals(sequence * width, 5), [1, sequence, width]);

async function outputOf(path: string, backend: 'native' | 'reference'): Promise<Tensor> {
  const session = await InferenceSession.create(path, { backend });
  const { output } = await session.run({ input });
  await session.release();
  return output!;
}

/** Least SQNR of the output in dB; largest part of the float file's bytes. */
interface Expected {
  readonly options: readonly string[];
  readonly least: number;
  readonly share: number;
}

/**
 * Weights spread evenly over [-a, a], rounded to n steps on either side, are off by a/(n √12) of a/√3: 20 log10(2n) dB, 48 dB for 127 steps
 * and 23 dB for 7. Errors of products that follow each other add up: 6 dB less are left here, 10 dB where activations have 8 bits, too.
 */
const cases: Readonly<Record<string, Expected>> = {
  'weights alone, 8 bits': { options: ['--mode', 'weights'], least: 42, share: 0.28 },
  'weights alone, 8 bits per tensor': { options: ['--mode', 'weights', '--per-tensor'], least: 42, share: 0.27 },
  'weights alone, 8 bits in buckets': { options: ['--mode', 'weights', '--bucket', '32'], least: 42, share: 0.3 },
  'weights alone, 4 bits per channel': { options: ['--mode', 'weights', '--bits', '4'], least: 17, share: 0.145 },
  'weights alone, 4 bits per tensor': { options: ['--mode', 'weights', '--bits', '4', '--per-tensor'], least: 17, share: 0.14 },
  'weights alone, 4 bits in buckets of 32': {
    options: ['--mode', 'weights', '--bits', '4', '--bucket', '32'],
    least: 17,
    share: 0.18,
  },
  'weights alone, 4 bits in buckets of 64': {
    options: ['--mode', 'weights', '--bits', '4', '--bucket', '64'],
    least: 17,
    share: 0.16,
  },
  'as they run': { options: ['--mode', 'dynamic'], least: 38, share: 0.28 },
  'as they run, per tensor': { options: ['--mode', 'dynamic', '--per-tensor'], least: 38, share: 0.27 },
};

interface Peer {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => unknown;
  readonly InferenceSession: {
    create(path: string, options: object): Promise<{ run(feeds: object): Promise<{ output: { data: Float32Array } }> }>;
  };
}

function findPeer(): Peer | undefined {
  try {
    return createRequire(import.meta.url)('onnxruntime-node') as Peer;
  } catch {
    return undefined;
  }
}

for (const [title, { options, least, share }] of Object.entries(cases)) {
  test(title, async (t) => {
    const output = join(folder, `${title}.onnx`);
    const { code, stdout, stderr } = await octensor('quantize', model, ...options, '-o', output);
    t.is(code, 0, stderr);
    t.is(stderr, '');
    t.true(stdout.includes(output));
    const part = statSync(output).size / statSync(model).size;
    t.true(part < share, `${part} of the float file`);

    const expected = await outputOf(model, 'native');
    const actual = await outputOf(output, 'native');
    const { sqnrDb } = agreementOf({ tensor: actual }, { tensor: expected })!;
    t.true(sqnrDb > least, `${sqnrDb} dB`);
    const reference = await outputOf(output, 'reference');
    t.true(agreementOf({ tensor: actual }, { tensor: reference })!.sqnrDb > 100);

    const peer = findPeer();
    if (peer === undefined) {
      t.log('onnxruntime-node is not installed: nothing to compare with');
      return;
    }
    // Products of real numbers, where it would quantize what they multiply
    const settings = { logSeverityLevel: 3, extra: { session: { qdq_matmulnbits_accuracy_level: '0' } } };
    const session = await peer.InferenceSession.create(output, settings);
    const theirs = await session.run({ input: new peer.Tensor('float32', input.data, input.dims) });
    const tensor = new Tensor('float32', theirs.output.data, input.dims);
    t.true(agreementOf({ tensor }, { tensor: actual })!.sqnrDb > 80);
  });
}

test('the file says how it was made, and is the same each time', async (t) => {
  const files = ['a', 'b'].map((name) => join(folder, `${name}.onnx`)) as [string, string];
  for (const file of files) {
    const { code } = await octensor('quantize', model, '--mode', 'weights', '--bits', '4', '--bucket', '32', '-o', file);
    t.is(code, 0);
  }
  t.deepEqual(readFileSync(files[0]), readFileSync(files[1]));
  const { metadata } = await loadModel(files[0]);
  t.like(JSON.parse(metadata['octensor.quantization']!), { weights: { bits: 4, granularity: { bucket: 32 } } });
});
