/** What is compared: each run is one row of the table, for each seed. */

/** @typedef {{ weights: number, activations: number }} Bits */
/**
 * @typedef {object} Run
 * @property {string} scheme the row's name
 * @property {Bits} bits
 * @property {string} [group] of a side experiment, which is a table of its own
 * @property {object} [config] for `prepare`
 * @property {boolean} [isTrained] false for post-training quantization
 * @property {boolean} [freezes] whether BatchNorm freezes; true unless it is said
 * @property {boolean} [corrects] whether weights are steady while BatchNorm has batch statistics; true unless it is said
 * @property {boolean} [distills] whether the float model teaches
 */

/** All with a scale for each output channel but `nudged`, whose paper has one for a tensor. */
const perChannel = { granularity: 'per-channel' };

/** `config` for `prepare`, without bits. */
const schemes = {
  'straight-through': { scheme: 'krishnamoorthi' },
  nudged: { scheme: 'jacob' },
  stochastic: { scheme: 'stochastic' },
  LSQ: { scheme: 'lsq', weights: perChannel },
  'LSQ+': { scheme: 'lsq+', weights: perChannel },
  PACT: { scheme: 'pact', weights: perChannel },
  DoReFa: { scheme: 'dorefa', weights: perChannel },
  DSQ: { scheme: 'dsq', weights: { ...perChannel, symmetric: false } },
};

/** Weights of one bit are -1 and 1: an affine grid, which has 0, would leave one of them. */
const binaryDsq = { scheme: 'dsq', weights: perChannel };

const settings = [
  { weights: 8, activations: 8 },
  { weights: 4, activations: 4 },
  { weights: 3, activations: 3 },
  { weights: 2, activations: 2 },
];

const withBits = (config, { weights, activations }) => ({
  ...config,
  weights: { ...config.weights, bits: weights },
  activations: { ...config.activations, bits: activations },
});

/** Calibrated only: ranges of one batch, or those with the least squared error on it. */
const postTraining = {
  'post-training, min/max': { scheme: 'krishnamoorthi' },
  'post-training, least error': {
    scheme: 'krishnamoorthi',
    weights: { quantizer: 'nudged', granularity: 'per-channel' },
    activations: { quantizer: 'ste' },
  },
};

const row = (scheme, bits, config, more = {}) => ({ scheme, bits, config: withBits(config, bits), ...more });

const float = { weights: 2, activations: 32 };
const binary = { weights: 1, activations: 32 };
const all = { weights: 1, activations: 1 };

/** @type {readonly Run[]} */
export const runs = [
  ...settings.flatMap((bits) => [
    ...Object.entries(postTraining).map(([name, config]) => row(name, bits, config, { isTrained: false })),
    ...Object.entries(schemes).map(([name, config]) => row(name, bits, config)),
  ]),
  row('post-training, least error', float, postTraining['post-training, least error'], { isTrained: false }),
  row('straight-through', float, schemes['straight-through']),
  row('LSQ', float, schemes.LSQ),
  row('DSQ', float, schemes.DSQ),
  row('TWN', float, { scheme: 'twn' }),
  row('Deep Compression', float, { scheme: 'deep-compression' }),
  row('post-training, least error', binary, postTraining['post-training, least error'], { isTrained: false }),
  row('BWN', binary, { scheme: 'bwn' }),
  row('DoReFa', binary, schemes.DoReFa),
  row('LSQ', binary, schemes.LSQ),
  row('DSQ', binary, binaryDsq),
  row('Deep Compression', binary, { scheme: 'deep-compression' }),
  row('post-training, least error', all, postTraining['post-training, least error'], { isTrained: false }),
  row('XNOR', all, { scheme: 'xnor' }),
  row('DoReFa', all, schemes.DoReFa),
  row('LSQ', all, schemes.LSQ),
  row('DSQ', all, binaryDsq),

  ...sides(
    'BatchNorm',
    [
      // Learned levels: those that follow the weights scale with them, so that there is nothing to correct
      [{ weights: 4, activations: 4 }, schemes.nudged],
      [{ weights: 2, activations: 2 }, schemes.LSQ],
    ].flatMap(([bits, config]) => [
      ['corrected, then frozen', bits, config, {}],
      ['corrected, never frozen', bits, config, { freezes: false }],
      ['not corrected, never frozen', bits, config, { freezes: false, corrects: false }],
    ]),
  ),
  ...sides(
    'granularity',
    [8, 4].flatMap((weights) => {
      const bits = { weights, activations: 8 };
      const perTensor = { scheme: 'krishnamoorthi-per-tensor' };
      return [
        ['per tensor, post-training', bits, perTensor, { isTrained: false }],
        ['per channel, post-training', bits, schemes['straight-through'], { isTrained: false }],
        ['per tensor, trained', bits, perTensor, {}],
        ['per channel, trained', bits, schemes['straight-through'], {}],
      ];
    }),
  ),
  ...sides('distillation', [
    ['LSQ', { weights: 2, activations: 2 }, schemes.LSQ, {}],
    ['LSQ, with the float model as teacher', { weights: 2, activations: 2 }, schemes.LSQ, { distills: true }],
  ]),
];

function sides(group, list) {
  return list.map(([scheme, bits, config, more]) => row(scheme, bits, config, { group, ...more }));
}

/** Few of them, for a look. */
export const quickRuns = runs.filter(
  ({ scheme, bits, group }) =>
    group === undefined &&
    ['post-training, least error', 'straight-through', 'LSQ', 'DSQ'].includes(scheme) &&
    bits.weights === bits.activations &&
    [8, 2].includes(bits.weights),
);

const plans = new Map([
  [8, { share: 0.2, learningRate: 3e-4, moving: 0.1 }],
  [4, { share: 0.35, learningRate: 3e-3, moving: 0.1 }],
  [3, { share: 0.4, learningRate: 0.01, moving: 0.1 }],
  [2, { share: 1, learningRate: 0.01, moving: 0.4 }],
  [1, { share: 1, learningRate: 0.01, moving: 0.4 }],
]);

/**
 * The part of the epochs, and the learning rate, by the least number of bits: the fewer levels there are, the farther weights have to go
 * until something changes, and the longer that takes. Weights alone need no more than 3 bits of both. BatchNorm goes by moving averages
 * from the part `moving` of the steps on, and freezes after twice that.
 * @param {Run} run
 */
export function planOf({ bits: { weights, activations } }) {
  return plans.get(activations === 32 ? 3 : Math.min(weights, activations));
}

/** The same for runs that train the same, under different names: they are computed once. */
export function contentOf({ config, isTrained, freezes, corrects, distills }) {
  return JSON.stringify([config, isTrained !== false, freezes !== false, corrects !== false, distills === true]);
}

/** The runs of one of `count` parts, in which those with the same content stay together. */
export function runsOfPart(runs, { index, count }) {
  const contents = [...new Set(runs.map(contentOf))];
  return runs.filter((run) => contents.indexOf(contentOf(run)) % count === index);
}

/** @param {Run} run */
export function bitsText({ bits: { weights, activations } }) {
  return `${weights}/${activations}`;
}

/** @param {Run} run */
export function keyOf(run) {
  return [run.group ?? 'main', run.scheme, bitsText(run)].join(' | ');
}
