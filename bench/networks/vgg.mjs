import { Network } from './builder.mjs';

/** How many convolutions each of the five stages has. */
const stages = { 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4] };

/** Simonyan and Zisserman 2014, configurations D and E. @param {16 | 19} depth */
export function vgg(depth) {
  const net = new Network(`vgg-${depth}`, [3, 224, 224]);
  let x = net.input;
  for (const [stage, count] of stages[depth].entries()) {
    for (let i = 0; i < count; i++) x = net.conv(x, Math.min(64 << stage, 512), 3);
    x = net.maxPool(x, 2, 2);
  }
  x = net.flatten(x);
  x = net.gemm(x, 4096, 'relu');
  x = net.gemm(x, 4096, 'relu');
  net.gemm(x, 1000);
  return net;
}
