import { Network } from './builder.mjs';

/** Howard et al. 2017, table 1: [channels, stride] of each depthwise separable convolution. */
const separable = /** @type {const} */ ([
  ...[
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
  ],
  ...[
    [512, 1],
    [512, 1],
    [512, 1],
    [512, 1],
    [512, 1],
    [1024, 2],
    [1024, 1],
  ],
]);

export function mobilenetV1() {
  const net = new Network('mobilenet-v1', [3, 224, 224]);
  let x = net.conv(net.input, 32, 3, { stride: 2, activation: 'relu6' });
  for (const [channels = 0, stride = 1] of separable) {
    x = net.conv(net.depthwise(x, stride), channels, 1, { activation: 'relu6' });
  }
  net.gemm(net.flatten(net.globalAveragePool(x)), 1000);
  return net;
}

/** Sandler et al. 2018, table 2: expansion, channels, blocks, stride of the first of them. */
const bottlenecks = /** @type {const} */ ([
  ...[
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
  ],
  ...[
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ],
]);

export function mobilenetV2() {
  const net = new Network('mobilenet-v2', [3, 224, 224]);
  let x = net.conv(net.input, 32, 3, { stride: 2, activation: 'relu6' });
  for (const [expansion = 1, channels = 0, blocks = 0, firstStride = 1] of bottlenecks) {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 ? firstStride : 1;
      const [inputs = 0] = x.dims;
      const expanded = expansion === 1 ? x : net.conv(x, expansion * inputs, 1, { activation: 'relu6' });
      const y = net.conv(net.depthwise(expanded, stride), channels, 1, { activation: 'none' });
      x = stride === 1 && inputs === channels ? net.add(x, y) : y;
    }
  }
  x = net.conv(x, 1280, 1, { activation: 'relu6' });
  net.gemm(net.flatten(net.globalAveragePool(x)), 1000);
  return net;
}
