// The driver below every product of an 8-bit matrix with a packed one: octensor/gemm, convolutions, fully connected layers.
#ifndef OCTENSOR_OPS_GEMM_DRIVER_H_
#define OCTENSOR_OPS_GEMM_DRIVER_H_

#include <cstddef>
#include <cstdint>

#include "ops/packed_matrix.h"
#include "ops/requant_params.h"

namespace octensor {

// What becomes of the sums. The last four count for kQuantized: within the range of the output's type.
struct OutputStage {
  OutputKind kind;
  Numerics numerics;
  Scales scales;  // not of kInt32
  bool is_signed;
  int32_t zero_point, min, max;

  size_t element_bytes() const { return kind == OutputKind::kQuantized ? 1 : 4; }
};

// Everything that depends on columns only, as kernels read it.
struct GemmColumns {
  const int32_t* init;
  const int32_t* column_term;   // null where B has no zero point, or one for all columns:
  int32_t uniform_column_term;  // this one
  uint8_t a_flip;
  Epilogue epilogue;
};

// Fills `columns`, whose arrays will stand in `storage`: GemmColumnBytes(b), aligned to 64 bytes.
struct GemmInputs {
  bool a_signed;
  int32_t a_zero_point;
  const int32_t* bias;  // null, or b.n
};
size_t GemmColumnBytes(const PackedMatrix& b);
void PrepareColumns(const PackedMatrix& b, const GemmInputs& inputs, const OutputStage& output, void* storage,
                    GemmColumns* columns);

// Where row i of A begins, in elements: rows stand in lines of `width`, lines in images. A plain matrix is one long line.
struct RowGrid {
  size_t width, lines;
  size_t step, line_step, image_step;
};

// Some columns of some rows of C that have just been computed, for what is to happen while they are in the cache.
using FinishRows = void (*)(const void* context, uint8_t* c, size_t row, size_t rows, size_t column, size_t columns);

struct GemmJob {
  const PackedMatrix* b;
  const GemmColumns* columns;
  size_t m;
  const void* a;  // bytes; int16 if a_is_wide
  bool a_is_wide, a_signed;
  RowGrid grid;
  const ptrdiff_t* tap_offsets;  // as in GemmTile
  bool may_read_past;
  int16_t* wide_rows;  // GemmRowBytes, for kS16 kernels if A is not wide; those take only one tap, at 0
  uint8_t* c;
  size_t c_stride_bytes, element_bytes;
  FinishRows finish;  // or null
  const void* finish_context;
};

// Threads that so many multiply-accumulates are worth.
size_t GemmThreads(double macs, size_t threads);
size_t GemmRowBytes(const PackedMatrix& b, size_t threads);
void RunGemm(const GemmJob& job, size_t threads);

constexpr size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

}  // namespace octensor

#endif  // OCTENSOR_OPS_GEMM_DRIVER_H_
