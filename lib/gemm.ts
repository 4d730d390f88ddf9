/** `octensor/gemm`: 8-bit matrix multiplication by itself. */
export { type CpuInfo, cpuInfo } from './cpu-info.js';
export { type GemmOptions, gemm } from './gemm/gemm.js';
export { PackedMatrix, type PackOptions } from './gemm/packed-matrix.js';
export { type GemmReferenceOptions, gemmReference } from './gemm/reference.js';
export type { Float32Output, GemmOutput, Int32Output, OutputArray, QuantizedOutput } from './gemm/types.js';
export type { Isa } from './isa.js';
export type { Numerics } from './quant/requant.js';
