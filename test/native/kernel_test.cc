// Packing by itself, and kernels called tile by tile with every operand right before a guard page.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <vector>

#include "gemm_problem.h"

namespace octensor {
namespace {

constexpr int32_t kZero = 0;

TEST_CASE("packed B looks as the picture in kernels/kernel.h") {
  constexpr GemmKernel kKernel = {"picture",    Isa::kScalar, 1,       4,       2,       2, ADomain::kS8,
                                  BDomain::kS8, nullptr,      nullptr, nullptr, nullptr, {}};
  // Rows are k's 1 to 3, columns a to g: x1 is 'x' - 'a' + 10.
  const int8_t b[3][7] = {{10, 11, 12, 13, 14, 15, 16}, {20, 21, 22, 23, 24, 25, 26}, {30, 31, 32, 33, 34, 35, 36}};
  const int8_t first[] = {10, 20, 11, 21, 12, 22, 13, 23, 30, 0, 31, 0, 32, 0, 33, 0};
  const int8_t last[] = {14, 24, 15, 25, 16, 26, 0, 0, 34, 0, 35, 0, 36, 0, 0, 0};
  int8_t transposed[7][3];
  for (int k = 0; k < 3; ++k) {
    for (int n = 0; n < 7; ++n) transposed[n][k] = b[k][n];
  }
  for (const void* data : {static_cast<const void*>(b), static_cast<const void*>(transposed)}) {
    const MatrixView view = {static_cast<const uint8_t*>(data), true, data == transposed, 3, 7, &kZero, false};
    PackedMatrix packed;
    REQUIRE(PackMatrix(kKernel, view, &packed).ok());
    CHECK(packed.panel_bytes == sizeof(first));
    const auto* panels = static_cast<const int8_t*>(packed.panels.data());
    CHECK(std::equal(std::begin(first), std::end(first), panels));
    CHECK(std::equal(std::begin(last), std::end(last), panels + sizeof(first)));
    const auto* sums = static_cast<const int32_t*>(packed.column_sums.data());
    for (int n = 0; n < 7; ++n) CHECK(sums[n] == 60 + 3 * n);
    CHECK_FALSE(packed.has_zero_point);
  }
}

TEST_CASE("the last panel is as narrow as nr_step allows") {
  constexpr GemmKernel kKernel = {"narrow",      Isa::kScalar, 1,       4,       2,       1, ADomain::kS16,
                                  BDomain::kS16, nullptr,      nullptr, nullptr, nullptr, {}};
  const uint8_t b[] = {0, 1, 2, 3, 255};
  const int32_t zero_points[] = {0, 1, 2, 255, 255};
  const int16_t expected[] = {0, 0, 0, -252, 0, 0};
  PackedMatrix packed;
  REQUIRE(PackMatrix(kKernel, {b, false, false, 1, 5, zero_points, true}, &packed).ok());
  CHECK(packed.panels.size_bytes() == sizeof(expected));
  CHECK(std::equal(std::begin(expected), std::end(expected), static_cast<const int16_t*>(packed.panels.data())));
}

TEST_CASE("a packed matrix that is packed again keeps nothing of the first time") {
  ForEachKernel([](const GemmKernel& kernel) {
    const uint8_t b[] = {1, 2, 3, 4};
    const int32_t zero_points[] = {-7, 3};
    PackedMatrix packed;
    REQUIRE(PackMatrix(kernel, {b, true, false, 2, 2, zero_points, true}, &packed).ok());
    CHECK(packed.has_zero_point == (kernel.b_domain != BDomain::kS16));
    REQUIRE(PackMatrix(kernel, {b, true, false, 2, 2, &kZero, false}, &packed).ok());
    CHECK_FALSE(packed.has_zero_point);
  });
}

// The value of one element as the kernel's domain has it.
int32_t InDomain(ADomain domain, uint8_t byte) { return domain == ADomain::kU8 ? byte : static_cast<int8_t>(byte); }

// Sums as a tile may meet them: any int32, and any exponent, where the epilogue says general_fixed_point; else every sum below
// 2^30 in magnitude and every exponent below 0. Blank rows of A are zeros, so that the sums are `init` to the unit.
struct TileOptions {
  bool general, blank, has_terms;
  size_t taps;
  bool may_read_past;
};

// A tile of `rows` rows and all of B's n columns: int32 and fixed-point output against the formula at GemmTile. False where the
// kernel's tiles for n columns have fewer rows.
bool CheckTile(const GemmKernel& kernel, size_t rows, size_t n, size_t k, TileOptions options, Random& random) {
  INFO(std::string(kernel.name) << " rows=" << rows << " n=" << n << " k=" << k << " general=" << options.general
                                << " blank=" << options.blank << " terms=" << options.has_terms << " taps=" << options.taps
                                << " past=" << options.may_read_past);
  const bool is_wide = kernel.a_domain == ADomain::kS16;
  const size_t taps = options.taps, depth = taps * k;
  std::vector<uint8_t> b(depth * n);
  for (uint8_t& x : b) x = static_cast<uint8_t>(random());
  PackedMatrix packed;
  REQUIRE(PackMatrix(kernel, {b.data(), true, false, k, n, &kZero, false, taps}, &packed).ok());
  if (rows > packed.shape.mr) return false;
  GuardedBuffer<uint8_t> panels(packed.panels.size_bytes(), kAlignment);
  std::memcpy(panels.data(), packed.panels.data(), panels.size());

  const uint8_t a_flip = !is_wide && random() % 2 ? 0x80 : 0;
  std::vector<std::vector<int32_t>> values(rows);
  std::vector<std::unique_ptr<GuardedBuffer<uint8_t>>> bytes;
  std::vector<const void*> pointers;
  // The last tap first: what the first one may not read past ends at a guard page.
  std::vector<ptrdiff_t> offsets(taps);
  for (size_t t = 0; t < taps; ++t) offsets[t] = static_cast<ptrdiff_t>((taps - 1 - t) * k);
  const size_t past = options.may_read_past ? kMaxReadPast : 0;
  for (std::vector<int32_t>& row : values) {
    bytes.push_back(std::make_unique<GuardedBuffer<uint8_t>>((depth + past) * (is_wide ? 2 : 1)));
    uint8_t* data = bytes.back()->data();
    pointers.push_back(data);
    for (size_t i = 0; i < depth; ++i) {
      if (is_wide) {
        const auto wide = static_cast<int16_t>(options.blank ? 0 : RandomInt(random, -128, 255));
        std::memcpy(data + 2 * i, &wide, sizeof(wide));
        row.push_back(wide);
      } else {
        data[i] = options.blank ? a_flip : static_cast<uint8_t>(random());
        row.push_back(InDomain(kernel.a_domain, data[i] ^ a_flip));
      }
    }
  }

  const size_t padded = RoundUp(n, kMaxNr);
  GuardedBuffer<int32_t> init(padded, kAlignment), column_term(padded, kAlignment), row_term(rows);
  GuardedBuffer<int32_t> multiplier(padded, kAlignment), exponent(padded, kAlignment);
  const int32_t products = options.blank ? 0 : 255 * 128 * static_cast<int32_t>(depth);
  const int32_t limit = (1 << 30) - 1 - products - (options.has_terms ? 1 << 24 : 0);
  for (size_t j = 0; j < padded; ++j) {
    const auto any = static_cast<int32_t>(random()) >> (random() % 16);
    init[j] = options.general ? any : j % 4 == 0 ? limit : j % 4 == 1 ? -limit : any % limit;
    column_term[j] = options.general ? static_cast<int32_t>(random()) : RandomInt(random, -128, 127);
    multiplier[j] = j % 8 < 6 ? static_cast<int32_t>((1u << 30) + (random() >> 2)) : INT32_MAX;
    exponent[j] = RandomInt(random, -31, options.general ? kMaxFixedPointExponent : -1);
  }
  for (size_t i = 0; i < rows; ++i) {
    row_term[i] = options.general ? static_cast<int32_t>(random()) : RandomInt(random, -(1 << 17), 1 << 17);
  }
  Epilogue epilogue = {};
  epilogue.general_fixed_point = options.general;
  epilogue.multiplier = multiplier.data();
  epilogue.exponent = exponent.data();
  epilogue.zero_point = RandomInt(random, 0, 255);
  epilogue.hi = 250;
  epilogue.lo = 3;
  epilogue.output_flip = random() % 2 ? 0x80 : 0;

  const auto sum = [&](size_t i, size_t j) {
    auto x = static_cast<uint32_t>(init[j]);
    if (options.has_terms) x += static_cast<uint32_t>(row_term[i]) * static_cast<uint32_t>(column_term[j]);
    for (size_t l = 0; l < depth; ++l) {
      const int32_t value = values[i][static_cast<size_t>(offsets[l / k]) + l % k];
      x += static_cast<uint32_t>(value * static_cast<int8_t>(b[l * n + j]));
    }
    return static_cast<int32_t>(x);
  };
  const auto requantize = [&](int32_t x, size_t j) {
    const FixedPoint m = {multiplier[j], exponent[j]};
    const int32_t y = epilogue.numerics == Numerics::kTflite ? RequantizeTflite(x, m) : RequantizeSingle(x, m);
    return AddZeroPointAndClamp(y, epilogue.zero_point, epilogue.lo, epilogue.hi) ^ epilogue.output_flip;
  };

  for (int output = 0; output < 3; ++output) {  // int32, tflite, single
    const bool is_int32 = output == 0;
    epilogue.kind = is_int32 ? OutputKind::kInt32 : OutputKind::kQuantized;
    epilogue.numerics = output == 1 ? Numerics::kTflite : Numerics::kSingle;
    const size_t element_bytes = is_int32 ? 4 : 1, stride = n + random() % 5;
    GuardedBuffer<uint8_t> c(((rows - 1) * stride + n) * element_bytes), expected(c.size());
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < n; ++j) {
        const int32_t x = is_int32 ? sum(i, j) : requantize(sum(i, j), j);
        std::memcpy(expected.data() + (i * stride + j) * element_bytes, &x, element_bytes);  // little-endian
      }
    }
    GemmTile tile = {};
    tile.tiles = 1;
    tile.rows = rows, tile.k = k, tile.n = n;
    tile.taps = taps;
    tile.tap_offsets = offsets.data();
    tile.may_read_past = options.may_read_past;
    tile.panel_columns = packed.shape.nr;
    tile.a = pointers.data();
    tile.a_flip = a_flip;
    tile.b = panels.data();
    tile.b_panel_bytes = packed.panel_bytes;
    tile.init = init.data();
    tile.row_term = options.has_terms ? row_term.data() : nullptr;
    tile.column_term = options.has_terms ? column_term.data() : nullptr;
    tile.c = c.data();
    tile.c_stride_bytes = stride * element_bytes;
    tile.epilogue = &epilogue;
    kernel.run(tile);
    if (kernel.sum_rows != nullptr) {
      int32_t sums[kMaxMr];
      kernel.sum_rows(tile, sums);
      for (size_t i = 0; i < rows; ++i) CHECK(sums[i] == std::accumulate(values[i].begin(), values[i].end(), 0));
    }
    CHECK(std::memcmp(c.data(), expected.data(), c.size()) == 0);
    CHECK(c.IsSurroundingUntouched());
  }
  return true;
}

TEST_CASE("tiles of every number of rows read and write nothing but their operands") {
  Random random(1);
  ForEachKernel([&](const GemmKernel& kernel) {
    const size_t nr = kernel.nr, step = kernel.nr_step;
    for (const size_t n : {size_t{1}, step, step + 1, 2 * step, 3 * step, nr - 1, nr, nr + 3, 3 * nr - 2 * step}) {
      for (const size_t k : {1, 2, 3, 4, 5, 11, 16, 29, 32, 64, 133}) {
        for (const bool general : {false, true}) {
          size_t rows = 1;
          const auto check = [&] {
            const bool has_terms = kernel.a_domain != ADomain::kS16 && random() % 2;
            return CheckTile(kernel, rows, n, k, {general, random() % 4 == 0, has_terms, 1 + random() % 3, random() % 2 == 0},
                             random);
          };
          while (check()) ++rows;
          CHECK(rows > 1);
        }
      }
    }
  });
}

TEST_CASE("row sums read exactly k bytes") {
  Random random(2);
  ForEachKernel([&](const GemmKernel& kernel) {
    if (kernel.sum_row == nullptr) return;
    INFO(std::string(kernel.name));
    for (size_t k = 1; k <= 200; ++k) {
      CAPTURE(k);
      GuardedBuffer<uint8_t> a(k);
      for (size_t i = 0; i < k; ++i) a[i] = static_cast<uint8_t>(random());
      for (const uint8_t flip : {uint8_t{0}, uint8_t{0x80}}) {
        int32_t sum = 0;
        for (size_t i = 0; i < k; ++i) sum += InDomain(kernel.a_domain, a[i] ^ flip);
        CHECK(kernel.sum_row(a.data(), k, flip) == sum);
      }
    }
  });
}

}  // namespace
}  // namespace octensor
