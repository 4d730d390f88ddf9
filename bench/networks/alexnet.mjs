import { Network } from './builder.mjs';

/**
 * Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks": the form in one column, without local response
 * normalization, that is trained today.
 */
export function alexnet() {
  const net = new Network('alexnet', [3, 224, 224]);
  let x = net.conv(net.input, 64, 11, { stride: 4, pad: 2 });
  x = net.conv(net.maxPool(x, 3, 2), 192, 5);
  x = net.conv(net.maxPool(x, 3, 2), 384, 3);
  x = net.conv(x, 256, 3);
  x = net.conv(x, 256, 3);
  x = net.flatten(net.maxPool(x, 3, 2));
  x = net.gemm(x, 4096, 'relu');
  x = net.gemm(x, 4096, 'relu');
  net.gemm(x, 1000);
  return net;
}
