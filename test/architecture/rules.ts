/** Who may import whom, and nobody else. */

export interface Layer {
  /** Files, and folders with a slash at the end, below lib/; the longest match decides. */
  readonly files: readonly string[];
  /** The layers directly below: their files may be imported, and all that they may import. */
  readonly above: readonly string[];
  /** Packages from npm. */
  readonly packages?: readonly string[];
}

/** Siblings (formats and passes, say) do not know each other. A layer may be empty. */
export const layers: Readonly<Record<string, Layer>> = {
  // Runs before all of them, in dist/ alone, and knows none.
  loader: { files: ['chunk-loader.ts'], above: [] },
  base: { files: ['errors.ts', 'isa.ts', 'rounding.ts', 'float16.ts', 'typed-array.ts'], above: [] },
  params: { files: ['quant/qparams.ts', 'quant/requant.ts'], above: ['base'] },
  // Tensors quantize themselves.
  tensor: { files: ['tensor.ts'], above: ['params'] },
  addon: { files: ['addon.ts', 'cpu-info.ts'], above: ['base'], packages: ['node-gyp-build'] },
  // The living definition of GEMM knows no native code.
  reference: { files: ['gemm/reference.ts', 'gemm/options.ts', 'gemm/types.ts'], above: ['params'] },
  gemm: { files: ['gemm.ts', 'gemm/'], above: ['reference', 'addon'] },
  graph: { files: ['graph/'], above: ['tensor'] },
  ops: { files: ['ops/'], above: ['graph', 'reference'] },
  passes: { files: ['passes/'], above: ['ops'] },
  formats: { files: ['formats/'], above: ['ops'], packages: ['@bufbuild/protobuf', 'flatbuffers'] },
  quant: { files: ['quant/'], above: ['ops'] },
  plan: { files: ['plan/'], above: ['ops'] },
  backends: { files: ['backends/'], above: ['plan', 'addon'] },
  session: {
    files: ['session.ts', 'session/', 'model.ts', 'save.ts', 'quantize.ts', 'quantize/', 'analyze.ts', 'analyze/'],
    above: ['backends', 'passes', 'formats', 'quant'],
  },
  index: { files: ['index.ts'], above: ['session', 'gemm'] },
  // The only two that know TensorFlow.js; neither needs the other.
  qat: {
    files: ['qat/'],
    above: ['session'],
    packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers', 'cli-progress'],
  },
  tfjs: { files: ['tfjs/'], above: ['addon', 'tensor'], packages: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'] },
  cli: {
    files: ['cli/'],
    above: ['index'],
    packages: ['commander', 'markdown-table', 'cli-progress', 'tinyglobby', '@bufbuild/protobuf', 'onnxruntime-node'],
  },
};

/** Folders of native/, each above all before it. */
export const nativeFolders = ['core', 'kernels', 'ops', 'program', 'binding'] as const;

/** Headers that only one folder may include. */
export const nativeHeaders: Readonly<Record<string, string>> = { 'napi.h': 'binding', 'node_api.h': 'binding' };

/**
 * Kernels are compiled with flags of their instruction set. A C++ standard header there instantiates templates that can replace the
 * baseline copies at link time; so C headers, intrinsics, and these of ours.
 */
export const kernelIncludes = /^(core\/(isa|requant)\.h|kernels\/.+\.h)$/;
