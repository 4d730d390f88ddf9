/** What calibration asks of values: native/ops/float_statistics.cc. */
import { product } from '../../ops/shapes.js';
import { defineLowering, type Lowerings } from './lowering.js';

export const statisticsLowerings: Lowerings = {
  Extent: lowerStatistics(),
  Histogram: lowerStatistics(),
};

function lowerStatistics() {
  return defineLowering<unknown>(({ inputs, outputs }, context) => {
    const x = inputs[0]!;
    const [ends, counts] = outputs;
    if (x.dims.includes(0)) return undefined;
    const fields = {
      x: context.place(x),
      count: product(x.dims),
      ends: context.place(ends!),
      histogram: Number(counts !== undefined),
      ...(counts !== undefined && { counts: context.place(counts) }),
    };
    return [{ kind: 'float-statistics', fields }];
  });
}
