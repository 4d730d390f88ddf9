/** Detectors and readers of text keep 30 dB of each output on pictures that calibration did not see, where that is asked for. */
import test, { type ExecutionContext } from 'ava';
import { InferenceSession, loadModel, type QuantizeOptions, quantize } from 'octensor';
import { tryAddon } from '#lib/addon.js';
import { testData } from '../support/datasets.js';
import { type DetectorName, detectorFeeds, detectors } from '../support/detectors.js';

const calibrated = Array.from({ length: 24 }, (_, i) => 20 * i);
const shown = Array.from({ length: 24 }, (_, i) => 20 * i + 5);

/** SQNR of the worst output, and which nodes stay float; undefined where there is nothing to test with. */
async function quantized(name: DetectorName, options: QuantizeOptions) {
  const detector = detectors[name];
  const file = testData('datasets') === undefined || tryAddon() === undefined ? undefined : detector.file();
  if (file === undefined) return undefined;
  const graph = await loadModel(file);
  const { graph: int8, log } = await quantize(graph, { calibration: detectorFeeds(graph, detector, calibrated), ...options });
  const sessions = await Promise.all([graph, int8].map((each) => InferenceSession.create(each)));
  const sums = new Map(graph.outputs.map((output) => [output, { signal: 0, noise: 0 }]));
  for (const feeds of detectorFeeds(graph, detector, shown)) {
    const [reals, rounded] = await Promise.all(sessions.map((session) => session.run(feeds)));
    for (const [output, sum] of sums) {
      const actual = rounded![output]!.data as Float32Array;
      for (const [i, y] of (reals![output]!.data as Float32Array).entries()) {
        sum.signal += y ** 2;
        sum.noise += (y - actual[i]!) ** 2;
      }
    }
  }
  await Promise.all(sessions.map((session) => session.release()));
  const decibels = Math.min(...[...sums.values()].map(({ signal, noise }) => 10 * Math.log10(signal / noise)));
  const float = log.filter(({ reason }) => reason?.startsWith('it is kept float for precision')).map(({ node }) => node);
  const int16 = log.filter(({ isWide }) => isWide).map(({ node }) => node);
  return { decibels, float, int16, nodes: log.length };
}

/** The test then passes with a note. */
function isSkipped(t: ExecutionContext, found: Awaited<ReturnType<typeof quantized>>): found is undefined {
  if (found !== undefined) return false;
  t.log('skipped: OCTENSOR_TEST_DATA has no data sets or no such model, or there is no addon');
  t.pass();
  return true;
}

test.serial('UltraFace: at least 40 dB without options', async (t) => {
  t.timeout(300_000);
  const found = await quantized('ultraface', {});
  if (isSkipped(t, found)) return;
  t.log(`${found.decibels} dB`);
  t.true(found.decibels >= 40);
});

for (const name of ['yunet', 'fastestdet', 'pp-ocr-cls'] as const) {
  test.serial(`${name}: 30 dB of each output with some nodes float, which the log names`, async (t) => {
    t.timeout(600_000);
    const found = await quantized(name, {
      ...{ equalize: 'activations', biasCorrection: true },
      mixedPrecision: { targetSqnrDb: 30 },
    });
    if (isSkipped(t, found)) return;
    t.log(`${found.decibels} dB, float: ${found.float.length} of ${found.nodes}, ${found.float.join(' ')}`);
    t.true(found.decibels >= 30);
    t.true(found.float.length > 0 && found.float.length < found.nodes);
  });
}

test.serial('YuNet: 30 dB of each output with int16 activations, and fewer nodes float', async (t) => {
  t.timeout(600_000);
  const found = await quantized('yunet', {
    ...{ equalize: 'activations', biasCorrection: true },
    mixedPrecision: { targetSqnrDb: 30, fallback: 'int16' },
  });
  if (isSkipped(t, found)) return;
  const { decibels, float, int16, nodes } = found;
  t.log(`${decibels} dB, int16: ${int16.length}, float: ${float.length} of ${nodes}, ${float.join(' ')}`);
  t.true(decibels >= 30);
  t.true(int16.length >= 10 && float.length <= 42); // 49 without int16
});
