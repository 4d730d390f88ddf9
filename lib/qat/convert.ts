/** From a prepared model to a graph of integers. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { OctensorError } from '../errors.js';
import { importLayers, type LayerRule } from '../formats/layers-model/import.js';
import { withPackedWeights } from '../formats/onnx/export-nibbles.js';
import type { Graph } from '../graph/graph.js';
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.js';
import { fusePad } from '../passes/fuse-pad.js';
import { fuseQdq } from '../passes/fuse-qdq.js';
import { runPasses } from '../passes/pass.js';
import { removeIdentities } from '../passes/remove-identities.js';
import { resolveGraph } from '../plan/resolve.js';
import { isDeclared, specializeGraph } from '../plan/specialize.js';
import { inputDimsOf } from '../quantize/prepare.js';
import { reopen } from '../quantize/reopen.js';
import { type ActivationGrid, activationGrid } from './activation-grid.js';
import { productsOf } from './control.js';
import { deployedArtifacts } from './deploy.js';
import { FakeQuantize } from './layers/fake-quantize.js';
import type { UniformGrid } from './quantizers/quantizer.js';
import { joinIntegers, requantizePads } from './requantize.js';
import { spellOut } from './spell-out.js';

/** What is wherever a quantizer was in the model, until the graph has its own. */
const marker: LayerRule = (call) => call.inputs.map((input) => call.add('Identity', {}, [input]));

/** Of images whose size is left open, while shapes are worked out. */
const trialSize = 64;

/**
 * The integer graph of a prepared model, with the ranges and the weights that it has now: BatchNorm folded by its moving statistics, weights as
 * the codes of their quantizers, activations as uint8, biases as int32. It computes what the model predicts, up to roundings
 * of float32 in the simulation. `saveModel` writes it as ONNX, weights of 4 bits and fewer two to a byte (INT4, of operator set 21).
 *
 * Weights whose levels are an arithmetic sequence are integers whatever their bits, binary and ternary ones too. Those of a codebook or with
 * a scale for each bucket stay real numbers on their levels: their layers are computed in float.
 *
 * Throws ERR_OPTION for a model that `prepare` has not made, ERR_QUANTIZATION, naming the layer, for activations whose range is not known
 * (train, or `calibrate`), or whose levels leave out 0.
 */
export async function convert(model: LayersModel): Promise<Graph> {
  const products = productsOf(model);
  if (products.length === 0) throw new OctensorError('ERR_OPTION', 'model: expected one that prepare has made, got another');
  const { graph: float, layerValues } = importLayers(
    await deployedArtifacts(model),
    new Map([[FakeQuantize.className, marker]]),
  );
  const activations = new Map<string, ActivationGrid>();
  for (const layer of model.layers) {
    if (!(layer instanceof FakeQuantize)) continue;
    const grid = gridOf(layer);
    for (const value of layerValues.get(layer.name) ?? []) activations.set(value, grid);
  }
  const weights = new Map<string, UniformGrid>();
  for (const layer of products) {
    const grid = layer.grid();
    if (grid?.kind === 'uniform') weights.set(layer.name, grid);
  }
  const dims = inputDimsOf(float, undefined, trialSize);
  const declared = isDeclared(float) ? float : specializeGraph(float, resolveGraph(float), dims);
  const spelled = spellOut(runPasses(declared, [fusePad]).graph, { activations, weights });
  const { graph: plain } = runPasses(spelled, [removeIdentities]);
  const { graph } = fuseQdq(requantizePads(plain));
  const clean = eliminateDeadNodes.run(joinIntegers(graph)).graph;
  const result = declared === float ? clean : reopen(clean, float, dims);
  const isNarrow = [...weights.values()].some(({ bits }) => bits <= 4);
  return isNarrow ? withPackedWeights(result) : result;
}

/** What keeps the grid of another has been clamped to it before. */
function gridOf(layer: FakeQuantize): ActivationGrid {
  if (!layer.isReady) {
    throw new OctensorError(
      'ERR_QUANTIZATION',
      `layer ${layer.name}: expected a range of its values, got none: train the model, or calibrate it`,
      { node: layer.name },
    );
  }
  const { leader } = layer;
  const grid = activationGrid(leader.name, leader.grid(), leader.signed);
  return leader === layer ? grid : { qparams: grid.qparams };
}
