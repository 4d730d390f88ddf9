import { Network } from './builder.mjs';

/** @typedef {readonly [one: number, reduce3: number, three: number, reduce5: number, five: number, pooled: number]} Channels */

/** @type {readonly (readonly Channels[])[]} */
const stages = [
  [
    [64, 96, 128, 16, 32, 32],
    [128, 128, 192, 32, 96, 64],
  ],
  [
    [192, 96, 208, 16, 48, 64],
    [160, 112, 224, 24, 64, 64],
    [128, 128, 256, 24, 64, 64],
    [112, 144, 288, 32, 64, 64],
    [256, 160, 320, 32, 128, 128],
  ],
  [
    [256, 160, 320, 32, 128, 128],
    [384, 192, 384, 48, 128, 128],
  ],
];

/** Behind the last pixels only, as rounding sizes up does. */
const after = /** @type {const} */ ([0, 1]);

/** Szegedy et al. 2014, table 1, without the auxiliary classifiers, and without local response normalization. */
export function googlenet() {
  const net = new Network('googlenet', [3, 224, 224]);
  let x = net.maxPool(net.conv(net.input, 64, 7, { stride: 2, pad: 3 }), 3, 2, after);
  x = net.maxPool(net.conv(net.conv(x, 64, 1), 192, 3), 3, 2, after);
  for (const [stage, modules] of stages.entries()) {
    if (stage > 0) x = net.maxPool(x, 3, 2, after);
    for (const [one, reduce3, three, reduce5, five, pooled] of modules) {
      x = net.concat(
        net.conv(x, one, 1),
        net.conv(net.conv(x, reduce3, 1), three, 3),
        net.conv(net.conv(x, reduce5, 1), five, 5),
        net.conv(net.maxPool(x, 3, 1, 1), pooled, 1),
      );
    }
  }
  net.gemm(net.flatten(net.globalAveragePool(x)), 1000);
  return net;
}
