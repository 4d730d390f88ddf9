/** A model with quantizers in it, for training. */
import { type LayersModel, model as makeModel } from '@tensorflow/tfjs-layers';
import { checkConfig, type PrepareConfig } from './config.js';
import { Rewriter } from './rewriter.js';
import { stepsOf } from './steps.js';

/**
 * A model for training that computes what an integer network made of it will (Krishnamoorthi 2018, 3): weights of convolutions and dense
 * layers go through a quantizer, and so do the inputs and what activations, additions, concatenations and means compute. Between
 * a product and the ReLU that reads it there is no quantizer. BatchNormalization behind a product is folded into it;
 * layers that only move elements pass them on; all inputs of a Concatenate that nothing else reads share one range.
 *
 * The prepared model has the inputs, the shapes and the order of outputs of `model`, and copies of its weights; `model` stays as it is.
 * It is a LayersModel like others: compile, fit, save, load. Layers keep their names; models inside it are taken apart, and their
 * layers' names begin with theirs. Activation quantizers set their ranges at the first training batch, or in `calibrate`.
 *
 * Throws ERR_UNSUPPORTED_OP for a layer that cannot be rewritten, naming it; `layers: { [name]: 'float' }` leaves it as it is.
 * ERR_OPTION and ERR_QUANTIZATION for what is wrong with `config`, ERR_OPTION for a model without known shapes.
 */
export function prepare(model: LayersModel, config: PrepareConfig = {}): LayersModel {
  const steps = stepsOf(model);
  const checked = checkConfig(config, new Set(steps.all.map(({ name }) => name)));
  const { inputs, outputs } = new Rewriter(steps, checked).run();
  return makeModel({ inputs, outputs, name: `${model.name}_quantized` });
}
