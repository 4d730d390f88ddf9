/** What convolutions share: the window's place on the input, and shapes that fit. */
import { type ProductType, productTypes } from './accumulate.js';
import { type AttributeReader, expectRank, type NodeContext, nodeError, type Operand, requiredInput } from './op.js';
import { type Activation, activations } from './output-stage.js';
import { type Extent, extentOf, parseWindow, type Window } from './window.js';

export interface ConvolutionAttributes {
  readonly window: Window;
  readonly activation: Activation;
  readonly to: ProductType;
}

export function parseConvolution(attributes: AttributeReader): ConvolutionAttributes {
  return {
    window: parseWindow(attributes),
    activation: attributes.oneOf('activation', activations, 'none'),
    to: attributes.oneOf('to', productTypes, 'input'),
  };
}

/** Input and weights, both with four dimensions, the kernel's at least 1. */
export function convolutionInputs<A>(context: NodeContext<A>): readonly [x: Operand, w: Operand] {
  const [x, w] = [requiredInput(context, 0), requiredInput(context, 1)];
  expectRank(context, x, 4);
  expectRank(context, w, 4);
  return [x, w];
}

/** Height and width of a window's output; ERR_SHAPE where the window is empty or does not fit. */
export function extentsOf<A>(
  { node }: NodeContext<A>,
  window: Window,
  [height, width]: readonly [number, number],
  [kernelHeight, kernelWidth]: readonly [number, number],
): readonly [Extent, Extent] {
  const extents = [extentOf(window, 0, height, kernelHeight), extentOf(window, 1, width, kernelWidth)] as const;
  if (kernelHeight < 1 || kernelWidth < 1 || extents[0].size < 1 || extents[1].size < 1) {
    const found = `a window of ${kernelHeight} x ${kernelWidth} on ${height} x ${width}`;
    throw nodeError('ERR_SHAPE', node, `expected a window that fits its input, got ${found}`);
  }
  return extents;
}
