/** A valid TFLite file with a little of everything: quantized and float values, constants inside and outside, metadata. */
import {
  ActivationFunctionType,
  addOptions,
  BuiltinOperator,
  buildModel,
  convOptions,
  float32Data,
  int32Data,
  type ModelSpec,
  TensorType,
} from './tflite-model.js';

const spec: ModelSpec = {
  tensors: [
    { name: 'x', type: TensorType.INT8, shape: [1, 4, 4, 2], scale: [0.5], zeroPoint: [-3] },
    {
      name: 'w',
      type: TensorType.INT8,
      shape: [3, 1, 1, 2],
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
      scale: [1, 2, 3],
      zeroPoint: [0, 0, 0],
    },
    { name: 'b', type: TensorType.INT32, shape: [3], data: int32Data(7, -8, 9), scale: [0.5, 1, 1.5], zeroPoint: [0] },
    { name: 'c', type: TensorType.INT8, shape: [1, 4, 4, 3], scale: [0.25], zeroPoint: [4] },
    { name: 's', type: TensorType.INT32, shape: [4] },
    { name: 'r', type: TensorType.INT8, shape: [1, 4, 4, 3], scale: [0.25], zeroPoint: [4] },
    { name: 'f', shape: [1, 4, 4, 3] },
    { name: 'k', shape: [3], data: float32Data(1, 2, 3), isExternal: true },
    { name: 'y', shape: [1, 4, 4, 3] },
  ],
  operators: [
    { code: BuiltinOperator.CONV_2D, version: 3, inputs: [0, 1, 2], outputs: [3], options: convOptions() },
    { code: BuiltinOperator.SHAPE, inputs: [3], outputs: [4] },
    { code: BuiltinOperator.RESHAPE, inputs: [3, 4], outputs: [5] },
    { code: BuiltinOperator.DEQUANTIZE, version: 2, inputs: [5], outputs: [6] },
    { code: BuiltinOperator.ADD, inputs: [6, 7], outputs: [8], options: addOptions(ActivationFunctionType.TANH) },
  ],
  inputs: [0],
  outputs: [8],
  metadata: ['m'],
};

export const smallModel = buildModel(spec);
