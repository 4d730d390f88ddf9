import { Network } from './builder.mjs';

/** @typedef {import('./builder.mjs').Value} Value */

/** Szegedy et al. 2015, table 1, without the auxiliary classifier. Letters are those of its usual implementations. */
export function inceptionV3() {
  const net = new Network('inception-v3', [3, 299, 299]);
  let x = net.conv(net.input, 32, 3, { stride: 2, pad: 0 });
  x = net.conv(net.conv(x, 32, 3, { pad: 0 }), 64, 3);
  x = net.conv(net.maxPool(x, 3, 2), 80, 1);
  x = net.maxPool(net.conv(x, 192, 3, { pad: 0 }), 3, 2);
  for (const pooled of [32, 64, 64]) x = moduleA(net, x, pooled);
  x = reductionB(net, x);
  for (const channels of [128, 160, 160, 192]) x = moduleC(net, x, channels);
  x = reductionD(net, x);
  for (let i = 0; i < 2; i++) x = moduleE(net, x);
  net.gemm(net.flatten(net.globalAveragePool(x)), 1000);
  return net;
}

/** Of 35x35 pixels: 5x5 as two 3x3. @param {Network} net @param {Value} x @param {number} pooled */
function moduleA(net, x, pooled) {
  return net.concat(
    net.conv(x, 64, 1),
    net.conv(net.conv(x, 48, 1), 64, 5),
    net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3),
    net.conv(net.averagePool(x, 3, 1, 1), pooled, 1),
  );
}

/** @param {Network} net @param {Value} x */
function reductionB(net, x) {
  return net.concat(
    net.conv(x, 384, 3, { stride: 2, pad: 0 }),
    net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3, { stride: 2, pad: 0 }),
    net.maxPool(x, 3, 2),
  );
}

/** Of 17x17 pixels: 7x7 as 1x7 and 7x1. @param {Network} net @param {Value} x @param {number} channels */
function moduleC(net, x, channels) {
  let long = net.conv(x, channels, 1);
  for (const kernel of /** @type {const} */ ([
    [7, 1],
    [1, 7],
    [7, 1],
  ]))
    long = net.conv(long, channels, kernel);
  return net.concat(
    net.conv(x, 192, 1),
    net.conv(net.conv(net.conv(x, channels, 1), channels, [1, 7]), 192, [7, 1]),
    net.conv(long, 192, [1, 7]),
    net.conv(net.averagePool(x, 3, 1, 1), 192, 1),
  );
}

/** @param {Network} net @param {Value} x */
function reductionD(net, x) {
  const seven = net.conv(net.conv(net.conv(x, 192, 1), 192, [1, 7]), 192, [7, 1]);
  return net.concat(
    net.conv(net.conv(x, 192, 1), 320, 3, { stride: 2, pad: 0 }),
    net.conv(seven, 192, 3, { stride: 2, pad: 0 }),
    net.maxPool(x, 3, 2),
  );
}

/** Of 8x8 pixels: 3x3 as 1x3 beside 3x1. @param {Network} net @param {Value} x */
function moduleE(net, x) {
  const three = net.conv(x, 384, 1);
  const two = net.conv(net.conv(x, 448, 1), 384, 3);
  const split = (/** @type {Value} */ y) => net.concat(net.conv(y, 384, [1, 3]), net.conv(y, 384, [3, 1]));
  return net.concat(net.conv(x, 320, 1), split(three), split(two), net.conv(net.averagePool(x, 3, 1, 1), 192, 1));
}
