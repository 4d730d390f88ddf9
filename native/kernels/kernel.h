// The interface of every GEMM kernel. A kernel declares its tile and its packed layout; packing (ops/packed_matrix.cc) obeys;
// the driver (ops/gemm_driver.cc) cuts the problem into tiles. Kernel files include nothing else but <stdint.h>-like C headers,
// intrinsics and core/requant.h: see TOOLCHAIN in docs/kernels.md for why.
//
// Packed B, for nr = 4 columns a panel and kr = 2 consecutive k's a group (letters are columns, digits are k):
//
//     panel 0: a0 a1 b0 b1 c0 c1 d0 d1 | a2 a3 b2 b3 c2 c3 d2 d3 | ...      panel 1: e0 e1 f0 f1 ...
//
// K is padded to a multiple of kr with zeros. The last panel holds the remaining columns, rounded up to a multiple of nr_step
// with zero columns; so every panel but the last has the same size. A convolution's window is a sum over taps, each with a K of
// its own: in a panel the taps follow each other, each padded.
#ifndef OCTENSOR_KERNELS_KERNEL_H_
#define OCTENSOR_KERNELS_KERNEL_H_

#include <stddef.h>
#include <stdint.h>

#include "core/isa.h"

namespace octensor {

enum class OutputKind : uint8_t { kInt32, kFloat32, kQuantized };
enum class Numerics : uint8_t { kTflite, kSingle, kOnnx };

// What happens to an accumulator. The per-channel arrays have one entry per column of the whole matrix, are padded to
// kMaxNr entries past the last column (values there are defined, results are dropped) and are 64-byte aligned.
// Quantized outputs are computed as uint8 and then XORed with output_flip: int8 v is uint8 v + 128, so zero_point, lo
// and hi are given in the uint8 domain.
struct Epilogue {
  OutputKind kind;
  Numerics numerics;  // of kQuantized
  // Fixed point: some channel has exponent >= 0, or some |accumulator| may reach 2^30. Rare, so vector code may assume neither
  // and leave such calls to the scalar definition.
  bool general_fixed_point;
  bool may_exceed_int32;      // onnx: some |accumulator * scale| may reach 2^31, beyond what converts to int32
  const float* scale;         // kFloat32, and kQuantized with kOnnx
  const float* bias;          // kFloat32: added to the products, in float32; null where there is none
  const int32_t* multiplier;  // kQuantized with kTflite or kSingle
  const int32_t* exponent;    // the same; see FixedPoint
  int32_t zero_point;         // 0 to 255
  uint8_t lo, hi;             // inclusive
  uint8_t output_flip;        // 0x80 for int8, else 0
};

// Rows of a tile and columns of a panel.
struct TileShape {
  uint8_t mr, nr;
};

constexpr size_t kMaxMr = 16;
constexpr size_t kMaxTiles = 32;
constexpr size_t kMaxNr = 64;
constexpr size_t kMaxReadPast = 16;  // elements

// A weight that does not fit 8 bits, for kernels that take them: what is missing of it, as four k's of 16 columns with one byte
// that is not 0.
struct alignas(64) GemmOutlier {
  int8_t b[64];
  size_t column;  // in the whole matrix
  size_t tap, k;  // the first of the four
};

// One call of a kernel: `tiles` tiles below each other of `rows` rows of C (at most the shape's mr) times `n` columns, which
// start at a panel's edge.
//   C[i][j] = epilogue(init[j] + row_term[i] * column_term[j]
//                      + sum over taps t and k of (a[i][tap_offsets[t] + k] ^ a_flip) * b[t][k][j])   modulo 2^32
struct GemmTile {
  size_t tiles;  // 1 to the kernel's max_tiles
  size_t rows;   // of each
  size_t taps;
  size_t k;  // of one tap
  size_t n;
  // A pointer for each row of all tiles, to bytes (ADomain kU8, kS8) or int16 (kS16), of which each tap reads K from its offset
  // on, which counts elements. A plain matrix has one tap, at 0.
  const void* const* a;
  const ptrdiff_t* tap_offsets;
  bool may_read_past;          // kMaxReadPast elements past every tap's K can be read; else nothing is
  uint8_t a_flip;              // 0x80 where the caller's signedness is not the kernel's ADomain, else 0; unused for kS16
  const void* b;               // the first panel; 64-byte aligned
  size_t b_panel_bytes;        // from one panel to the next
  size_t panel_columns;        // the nr of one of the kernel's shapes
  const int32_t* init;         // like Epilogue's arrays, but already offset to the tile's first column
  const int32_t* row_term;     // null, or one per row of all tiles
  const int32_t* column_term;  // with row_term: one per column, offset and padded like init; null where all are 1
  void* c;                     // the first tile's first element
  size_t c_stride_bytes;
  size_t n0;  // the tile's first column: index into Epilogue's arrays
  const Epilogue* epilogue;
  const GemmOutlier* outliers;  // of the whole matrix
  size_t outlier_count;
};

// In which form a kernel multiplies A and B. 8-bit domains are reached from the other signedness by XOR 0x80 (a shift of the
// zero point by 128); kS16 is the plain value widened, and for B the value minus its zero point.
enum class ADomain : uint8_t { kU8, kS8, kS16 };
enum class BDomain : uint8_t { kS8, kS16 };

struct GemmKernel {
  const char* name;  // octensor_gemm_<a><b>_<mr>x<nr>c<kr>__<isa>
  Isa isa;
  uint8_t mr, nr, nr_step, kr;  // mr and nr: the shape for wide matrices
  ADomain a_domain;
  BDomain b_domain;
  void (*run)(const GemmTile& tile);
  // 8-bit domains, else null: the sum of (a[i] ^ flip), read in the kernel's ADomain, over k bytes, modulo 2^32.
  int32_t (*sum_row)(const uint8_t* a, size_t k, uint8_t flip);
  // kS16, else null: k bytes, int8 or uint8, to int16.
  void (*widen_row)(const uint8_t* a, size_t k, bool is_signed, int16_t* wide);
  // The same over all taps of each row of all tiles, to `sums`, which has room for 3 more; null where sum_row has to do.
  void (*sum_rows)(const GemmTile& tile, int32_t* sums);
  // Taller tiles on narrower panels, for matrices that have few columns or leave a narrow last panel; unused ones are {0, 0}.
  TileShape narrow[2];
  uint8_t max_tiles = 1;             // in one call
  bool takes_uniform_terms = false;  // GemmTile::column_term may be null beside row_term
  bool takes_outliers = false;
};

// Runs `rounds` rounds of the ISA's multiply-accumulate instruction on registers only, and returns how many 8-bit
// multiply-accumulates that makes: the machine's peak, when timed.
using PeakFunction = uint64_t (*)(uint64_t rounds);

}  // namespace octensor

#endif  // OCTENSOR_KERNELS_KERNEL_H_
