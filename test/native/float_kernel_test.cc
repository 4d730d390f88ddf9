// Every float32 GEMM and depthwise kernel that this CPU can run, with every operand right before a guard page.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>
#include <memory>
#include <string>

#include "float_problem.h"
#include "guarded_buffer.h"
#include "ops/float_gemm.h"

namespace octensor {
namespace {

constexpr FloatBounds kRelu6 = {0, 6};

struct Tile {
  size_t rows, n, taps, k;
  FloatBounds bounds;
};

// Rows of A lie in reverse order with gaps between their taps, so that nothing but the pointers leads to them.
void CheckTile(const FloatKernels& kernels, const Tile& t, Random& random) {
  INFO(std::string(kernels.name) << " rows=" << t.rows << " n=" << t.n << " taps=" << t.taps << " k=" << t.k);
  const size_t all_k = t.taps * t.k, gap = t.taps > 1 ? 3 : 0, length = t.taps * (t.k + gap) - gap;
  const std::vector<float> b = RandomFloats(random, t.n * all_k), bias = RandomFloats(random, t.n);
  PackedFloats packed, column;
  REQUIRE(PackFloats(kernels, b.data(), bias.data(), all_k, t.n, &packed).ok());
  std::vector<std::unique_ptr<GuardedBuffer<float>>> rows;
  std::vector<const float*> a;
  for (size_t i = 0; i < t.rows; ++i) {
    rows.push_back(std::make_unique<GuardedBuffer<float>>(length));
    for (size_t k = 0; k < length; ++k) (*rows[i])[k] = RandomFloat(random);
    a.push_back(rows[i]->data());
  }
  std::vector<ptrdiff_t> tap_offsets;
  for (size_t tap = 0; tap < t.taps; ++tap) tap_offsets.push_back(static_cast<ptrdiff_t>(tap * (t.k + gap)));

  const size_t c_stride = t.n + 2;
  GuardedBuffer<float> c((t.rows - 1) * c_stride + t.n), alone(1);
  FloatTile tile = {t.rows,
                    t.n,
                    t.taps,
                    t.k,
                    a.data(),
                    tap_offsets.data(),
                    static_cast<const float*>(packed.panels.data()),
                    packed.panel,
                    static_cast<const float*>(packed.bias.data()),
                    t.bounds,
                    c.data(),
                    c_stride};
  kernels.gemm(tile);
  CHECK(c.IsSurroundingUntouched());
  float canary;
  std::memset(&canary, kCanary, sizeof(canary));
  size_t wrong = 0, moved = 0, outside = 0;
  for (size_t i = 0; i < t.rows; ++i) {
    for (size_t j = 0; j < t.n; ++j) {
      ExactSum exact(bias[j]);
      for (size_t k = 0; k < all_k; ++k) exact.Add(a[i][k / t.k * (t.k + gap) + k % t.k], b[j * all_k + k]);
      wrong += !exact.Allows(c[i * c_stride + j], t.bounds);
      if (i != t.rows - 1 && j != t.n - 1 && (i + j) % 5 != 0) continue;
      // The element by itself: the bits depend neither on its place nor on its neighbours.
      REQUIRE(PackFloats(kernels, b.data() + j * all_k, bias.data() + j, all_k, 1, &column).ok());
      FloatTile one = tile;
      one.rows = one.n = 1;
      one.a = &a[i];
      one.b = static_cast<const float*>(column.panels.data());
      one.bias = static_cast<const float*>(column.bias.data());
      one.c = alone.data();
      kernels.gemm(one);
      moved += !IsSame(alone[0], c[i * c_stride + j]);
    }
    for (size_t j = t.n; i + 1 < t.rows && j < c_stride; ++j) outside += !IsSame(c[i * c_stride + j], canary);
  }
  CHECK(wrong == 0);
  CHECK(moved == 0);
  CHECK(outside == 0);
}

TEST_CASE("tiles of every height and of all kinds of widths are within the error bound, element by element reproducible") {
  Random random(1);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    const size_t nr = kernels.nr, half = kernels.nr_step;
    for (size_t rows = 1; rows <= kernels.mr; ++rows) {
      for (const size_t n : {size_t{1}, half - 1, half, half + 1, nr - 1, nr, nr + 1, 2 * nr, 4 * nr + half + 3, 9 * nr}) {
        for (const size_t k : {1, 4, 7, 33}) {
          for (const size_t taps : {1, 3}) CheckTile(kernels, {rows, n, taps, k, kUnbounded}, random);
        }
        CheckTile(kernels, {rows, n, 2, 5, kRelu6}, random);
      }
    }
  });
}

TEST_CASE("long sums are within the error bound") {
  Random random(2);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    CheckTile(kernels, {kernels.mr, kernels.nr, 9, 512, kUnbounded}, random);
    CheckTile(kernels, {1, 3, 1, 4096, kUnbounded}, random);
  });
}

TEST_CASE("a clamp keeps NaN and gives no -0 where its lower bound is 0") {
  ForEachFloatKernels([](const FloatKernels& kernels) {
    INFO(std::string(kernels.name));
    const float b[] = {1}, a[] = {kNaN, -0.0f, -kInfinity, kInfinity, -3, 7, 2};
    const float relu6[] = {kNaN, 0, 0, 6, 0, 6, 2}, negative[] = {kNaN, -0.0f, -1, 1, -1, 1, 1};
    PackedFloats packed;
    const float bias[] = {-0.0f};
    REQUIRE(PackFloats(kernels, b, bias, 1, 1, &packed).ok());
    const std::vector<ptrdiff_t> none = {0};
    for (const bool is_relu6 : {true, false}) {
      float c[7];
      const FloatBounds bounds = is_relu6 ? kRelu6 : FloatBounds{-1, 1};
      FloatGemm({packed.view(), {a, 7, 1, 1, 7, 7}, 7, &none, bounds, c, 1, 1});
      for (int i = 0; i < 7; ++i) CHECK(IsSame(c[i], (is_relu6 ? relu6 : negative)[i]));
    }
  });
}

struct Row {
  size_t channels, kernel_height, kernel_width, stride, dilation, pixels;
  FloatBounds bounds;
};

void CheckDepthwise(const FloatKernels& kernels, const Row& r, Random& random) {
  INFO(std::string(kernels.name) << " channels=" << r.channels << " kernel=" << r.kernel_height << "x" << r.kernel_width
                                 << " stride=" << r.stride << " dilation=" << r.dilation << " pixels=" << r.pixels);
  const size_t padded = RoundUp(r.channels, kernels.nr_step), taps = r.kernel_height * r.kernel_width;
  GuardedBuffer<float> w(taps * padded, 64), bias(padded, 64), y(r.pixels * r.channels), alone(r.channels);
  for (size_t i = 0; i < w.size(); ++i) w[i] = RandomFloat(random);
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = RandomFloat(random);
  const size_t pitch = (r.pixels - 1) * r.stride + (r.kernel_width - 1) * r.dilation + 1;
  std::vector<std::unique_ptr<GuardedBuffer<float>>> pixels;
  std::vector<const float*> x;
  for (size_t i = 0; i < pitch * r.kernel_height; ++i) {
    pixels.push_back(std::make_unique<GuardedBuffer<float>>(r.channels));
    for (size_t c = 0; c < r.channels; ++c) (*pixels[i])[c] = RandomFloat(random);
    x.push_back(pixels[i]->data());
  }
  FloatDepthwiseRow row = {r.channels, r.kernel_height, r.kernel_width, r.stride, r.dilation, r.pixels,  x.data(),
                           pitch,      w.data(),        bias.data(),    r.bounds, y.data(),   r.channels};
  kernels.depthwise(row);
  CHECK(y.IsSurroundingUntouched());
  size_t wrong = 0, moved = 0;
  row.pixels = 1;
  row.y = alone.data();
  for (size_t p = 0; p < r.pixels; ++p) {
    row.x = x.data() + p * r.stride;
    kernels.depthwise(row);
    for (size_t c = 0; c < r.channels; ++c) {
      ExactSum exact(bias[c]);
      for (size_t tap = 0; tap < taps; ++tap) {
        const size_t ky = tap / r.kernel_width, kx = tap % r.kernel_width;
        exact.Add(x[ky * pitch + p * r.stride + kx * r.dilation][c], w[tap * padded + c]);
      }
      wrong += !exact.Allows(y[p * r.channels + c], r.bounds);
      moved += !IsSame(y[p * r.channels + c], alone[c]);
    }
  }
  CHECK(wrong == 0);
  CHECK(moved == 0);
}

TEST_CASE("depthwise rows are within the error bound, pixel by pixel reproducible") {
  Random random(3);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    const size_t lanes = kernels.nr_step;
    for (const size_t channels : {size_t{1}, lanes - 1, lanes, 2 * lanes + 3}) {
      for (const size_t pixels : {1, 2, 3, 4, 6, 7, 13}) {
        for (const size_t stride : {1, 2, 3}) {
          CheckDepthwise(kernels, {channels, 3, 3, stride, 1, pixels, kUnbounded}, random);
          CheckDepthwise(kernels, {channels, 2, 5, stride, 1, pixels, kRelu6}, random);
        }
        CheckDepthwise(kernels, {channels, 3, 3, 1, 2, pixels, kRelu6}, random);
        CheckDepthwise(kernels, {channels, 1, 1, 1, 1, pixels, kUnbounded}, random);
      }
    }
  });
}

}  // namespace
}  // namespace octensor
