import { Network } from './builder.mjs';

/** How many blocks each of the four stages has. */
const stages = { 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3] };

/**
 * He et al. 2015, with bottlenecks. Version 1 is the published one; version 1.5, which is trained today, has the strides in the 3x3
 * convolutions and 6 percent more arithmetic.
 * @param {50 | 101 | 152} depth
 * @param {1 | 1.5} [version]
 */
export function resnet(depth, version = 1) {
  const net = new Network(`resnet-${depth}${version === 1 ? '' : `-v${version}`}`, [3, 224, 224]);
  let x = net.maxPool(net.conv(net.input, 64, 7, { stride: 2, pad: 3 }), 3, 2, 1);
  for (const [stage, count] of stages[depth].entries()) {
    const channels = 64 << stage;
    for (let block = 0; block < count; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      let y = net.conv(x, channels, 1, { stride: version === 1 ? stride : 1 });
      y = net.conv(y, channels, 3, { stride: version === 1 ? 1 : stride });
      y = net.conv(y, 4 * channels, 1, { activation: 'none' });
      const shortcut = block === 0 ? net.conv(x, 4 * channels, 1, { stride, activation: 'none' }) : x;
      x = net.add(y, shortcut, 'relu');
    }
  }
  net.gemm(net.flatten(net.globalAveragePool(x)), 1000);
  return net;
}
