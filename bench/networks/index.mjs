/** The classic image networks, with seeded weights. A builder's model is written with `.write(path)`, or `.finish()` to bytes. */
import { alexnet } from './alexnet.mjs';
import { floatModel, qdqModel, qoperatorModel } from './emit.mjs';
import { googlenet } from './googlenet.mjs';
import { inceptionV3 } from './inception-v3.mjs';
import { mobilenetV1, mobilenetV2 } from './mobilenet.mjs';
import { resnet } from './resnet.mjs';
import { squeezenet } from './squeezenet.mjs';
import { vgg } from './vgg.mjs';

export { transformerBlock } from './transformer.mjs';

/** @type {Readonly<Record<string, () => import('./builder.mjs').Network>>} */
export const networks = {
  alexnet,
  'vgg-16': () => vgg(16),
  'vgg-19': () => vgg(19),
  'resnet-50': () => resnet(50),
  'resnet-50-v1.5': () => resnet(50, 1.5),
  'resnet-101': () => resnet(101),
  'resnet-152': () => resnet(152),
  googlenet,
  'inception-v3': inceptionV3,
  'mobilenet-v1': mobilenetV1,
  'mobilenet-v2': mobilenetV2,
  'squeezenet-1.0': () => squeezenet('1.0'),
  'squeezenet-1.1': () => squeezenet('1.1'),
};

/** @type {Readonly<Record<string, (network: import('./builder.mjs').Network) => import('./message.mjs').Message>>} */
export const variants = {
  float: floatModel,
  'qdq-uint8': (network) => qdqModel(network, 'uint8'),
  'qdq-int8': (network) => qdqModel(network, 'int8'),
  'qoperator-uint8': (network) => qoperatorModel(network, 'uint8'),
  'qoperator-int8': (network) => qoperatorModel(network, 'int8'),
};
