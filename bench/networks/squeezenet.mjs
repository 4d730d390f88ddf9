import { Network } from './builder.mjs';

/** Behind the last pixels only, as rounding sizes up does. */
const after = /** @type {const} */ ([0, 1]);

/** Channels that each fire module squeezes to; it expands them to eight times as many. */
const squeezed = [16, 16, 32, 32, 48, 48, 64, 64];

/**
 * Iandola et al. 2016. Version 1.1, of the authors' repository, has 2.4 times less arithmetic than the published 1.0 and as many
 * parameters. The scores are the averages of the last convolution.
 * @param {'1.0' | '1.1'} version
 */
export function squeezenet(version) {
  const net = new Network(`squeezenet-${version}`, [3, 224, 224]);
  const isFirst = version === '1.0';
  let x = isFirst ? net.conv(net.input, 96, 7, { stride: 2, pad: 0 }) : net.conv(net.input, 64, 3, { stride: 2, pad: 0 });
  const pooledBefore = isFirst ? [0, 3, 7] : [0, 2, 4];
  for (const [i, channels] of squeezed.entries()) {
    if (pooledBefore.includes(i)) x = net.maxPool(x, 3, 2, endsOf(x.dims[1] ?? 0));
    const s = net.conv(x, channels, 1);
    x = net.concat(net.conv(s, 4 * channels, 1), net.conv(s, 4 * channels, 3));
  }
  net.flatten(net.globalAveragePool(net.conv(x, 1000, 1)));
  return net;
}

/** Sizes are rounded up. @param {number} size */
function endsOf(size) {
  return (size - 3) % 2 === 0 ? 0 : after;
}
