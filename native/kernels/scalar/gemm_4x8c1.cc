// The portable GEMM tile: 4 rows by 8 columns on widened values, in plain C++.
#include "core/requant.h"
#include "kernels/kernel.h"
#include "kernels/widen_row.h"

namespace octensor {
namespace {

constexpr size_t kMr = 4;
constexpr size_t kNr = 8;

int32_t Wrap(uint32_t x) { return static_cast<int32_t>(x); }

void Store(uint32_t sum, const GemmTile& tile, size_t i, size_t j) {
  const Epilogue& e = *tile.epilogue;
  const size_t n = tile.n0 + j;
  char* row = static_cast<char*>(tile.c) + i * tile.c_stride_bytes;
  const int32_t x = Wrap(sum);
  if (e.kind == OutputKind::kInt32) {
    reinterpret_cast<int32_t*>(row)[j] = x;
  } else if (e.kind == OutputKind::kFloat32) {
    const float y = static_cast<float>(x) * e.scale[n];
    reinterpret_cast<float*>(row)[j] = e.bias != nullptr ? y + e.bias[n] : y;
  } else {
    const int32_t y = e.numerics == Numerics::kOnnx     ? RequantizeOnnx(x, e.scale[n])
                      : e.numerics == Numerics::kTflite ? RequantizeTflite(x, {e.multiplier[n], e.exponent[n]})
                                                        : RequantizeSingle(x, {e.multiplier[n], e.exponent[n]});
    const int32_t byte = AddZeroPointAndClamp(y, e.zero_point, e.lo, e.hi);
    reinterpret_cast<uint8_t*>(row)[j] = static_cast<uint8_t>(byte ^ e.output_flip);
  }
}

void Run(const GemmTile& tile) {
  const char* panel = static_cast<const char*>(tile.b);
  for (size_t j0 = 0; j0 < tile.n; j0 += kNr, panel += tile.b_panel_bytes) {
    uint32_t sum[kMr][kNr];  // unsigned: wraps
    for (size_t i = 0; i < tile.rows; ++i) {
      for (size_t j = 0; j < kNr; ++j) sum[i][j] = static_cast<uint32_t>(tile.init[j0 + j]);
    }
    const int16_t* b = reinterpret_cast<const int16_t*>(panel);
    for (size_t t = 0; t < tile.taps; ++t) {
      for (size_t k = 0; k < tile.k; ++k, b += kNr) {
        for (size_t i = 0; i < tile.rows; ++i) {
          const int32_t a = (static_cast<const int16_t*>(tile.a[i]) + tile.tap_offsets[t])[k];
          for (size_t j = 0; j < kNr; ++j) sum[i][j] += static_cast<uint32_t>(a * b[j]);
        }
      }
    }
    const size_t columns = tile.n - j0 < kNr ? tile.n - j0 : kNr;
    for (size_t i = 0; i < tile.rows; ++i) {
      for (size_t j = 0; j < columns; ++j) Store(sum[i][j], tile, i, j0 + j);
    }
  }
}

}  // namespace

extern const GemmKernel kGemm_4x8c1_scalar;
const GemmKernel kGemm_4x8c1_scalar = {"octensor_gemm_s16s16_4x8c1__scalar",
                                       Isa::kScalar,
                                       kMr,
                                       kNr,
                                       kNr,
                                       1,
                                       ADomain::kS16,
                                       BDomain::kS16,
                                       Run,
                                       nullptr,
                                       WidenRow,
                                       nullptr,
                                       {}};

}  // namespace octensor
