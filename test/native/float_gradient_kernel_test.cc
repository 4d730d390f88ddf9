// The float32 kernels that gradients and poolings are made of, on every ISA, with operands right before guard pages.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <string>

#include "float_problem.h"
#include "guarded_buffer.h"

namespace octensor {
namespace {

void Fill(GuardedBuffer<float>* buffer, Random& random) {
  for (size_t i = 0; i < buffer->size(); ++i) (*buffer)[i] = RandomFloat(random);
}

struct Outer {
  size_t rows, n, taps, k;
  bool adds;
};

void CheckOuter(const FloatKernels& kernels, const Outer& o, Random& random) {
  INFO(std::string(kernels.name) << " rows=" << o.rows << " n=" << o.n << " taps=" << o.taps << " k=" << o.k);
  const size_t a_step = o.rows + 1, tap_step = o.k * a_step + 2, c_stride = o.n + 3;
  GuardedBuffer<float> a((o.taps - 1) * tap_step + (o.k - 1) * a_step + o.rows), b(o.taps * o.k * o.n);
  GuardedBuffer<float> c((o.rows - 1) * c_stride + o.n);
  Fill(&a, random);
  Fill(&b, random);
  Fill(&c, random);
  std::vector<ptrdiff_t> offsets;
  for (size_t t = 0; t < o.taps; ++t) offsets.push_back(static_cast<ptrdiff_t>(t * tap_step));
  const std::vector<float> before(c.data(), c.data() + c.size());
  kernels.outer({o.rows, o.n, o.taps, o.k, a.data(), offsets.data(), a_step, b.data(), o.n, o.adds, c.data(), c_stride});
  CHECK(c.IsSurroundingUntouched());
  size_t wrong = 0, touched = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    const size_t row = i / c_stride, column = i % c_stride;
    if (column >= o.n) {
      touched += !IsSame(c[i], before[i]);
      continue;
    }
    ExactSum exact(o.adds ? before[i] : 0);
    for (size_t k = 0; k < o.taps * o.k; ++k) {
      exact.Add(a[k / o.k * tap_step + k % o.k * a_step + row], b[k * o.n + column]);
    }
    wrong += !exact.Allows(c[i], kUnbounded);
  }
  CHECK(wrong == 0);
  CHECK(touched == 0);
}

TEST_CASE("products of unpacked matrices, of all heights and widths") {
  Random random(1);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    const size_t lanes = kernels.nr_step;
    for (size_t rows = 1; rows <= kernels.mr; ++rows) {
      for (const size_t n : {size_t{1}, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 1, 5 * lanes - 1}) {
        CheckOuter(kernels, {rows, n, 1, 9, false}, random);
        CheckOuter(kernels, {rows, n, 3, 2, true}, random);
      }
    }
  });
}

struct Row {
  size_t channels, kernel_height, kernel_width, stride, dilation, pixels;
};

void CheckDepthwiseGradient(const FloatKernels& kernels, const Row& r, Random& random) {
  INFO(std::string(kernels.name) << " channels=" << r.channels << " kernel=" << r.kernel_height << "x" << r.kernel_width);
  const size_t pitch = (r.pixels - 1) * r.stride + (r.kernel_width - 1) * r.dilation + 1;
  const size_t taps = r.kernel_height * r.kernel_width;
  GuardedBuffer<float> image(r.kernel_height * pitch * r.channels), dy(r.pixels * r.channels), dw(taps * r.channels);
  Fill(&image, random);
  Fill(&dy, random);
  Fill(&dw, random);
  const std::vector<float> before(dw.data(), dw.data() + dw.size());
  // Pixels in reverse order, so that nothing but the pointers leads to them.
  std::vector<const float*> x;
  for (size_t i = r.kernel_height * pitch; i-- > 0;) x.push_back(image.data() + i * r.channels);
  kernels.depthwise_gradient(
      {r.channels, r.kernel_height, r.kernel_width, r.stride, r.dilation, r.pixels, x.data(), pitch, dy.data(), dw.data()});
  CHECK(dw.IsSurroundingUntouched());
  size_t wrong = 0;
  for (size_t i = 0; i < dw.size(); ++i) {
    const size_t tap = i / r.channels, channel = i % r.channels;
    ExactSum exact(before[i]);
    for (size_t p = 0; p < r.pixels; ++p) {
      const size_t pixel = tap / r.kernel_width * pitch + p * r.stride + tap % r.kernel_width * r.dilation;
      exact.Add(x[pixel][channel], dy[p * r.channels + channel]);
    }
    wrong += !exact.Allows(dw[i], kUnbounded);
  }
  CHECK(wrong == 0);
}

TEST_CASE("gradients of depthwise weights") {
  Random random(2);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    for (const size_t channels :
         {size_t{1}, size_t{kernels.nr_step} - 1, size_t{kernels.nr_step}, size_t{2} * kernels.nr_step + 3}) {
      for (const size_t pixels : {1, 2, 7}) {
        CheckDepthwiseGradient(kernels, {channels, 3, 3, 1, 1, pixels}, random);
        CheckDepthwiseGradient(kernels, {channels, 3, 3, 2, 2, pixels}, random);
        CheckDepthwiseGradient(kernels, {channels, 5, 3, 1, 1, pixels}, random);
        CheckDepthwiseGradient(kernels, {channels, 2, 1, 3, 1, pixels}, random);
      }
    }
  });
}

struct Window {
  size_t rows, columns, channels, depth;
};

void CheckPool(const FloatKernels& kernels, const Window& w, Random& random) {
  INFO(std::string(kernels.name) << " " << w.rows << "x" << w.columns << " channels=" << w.channels);
  const size_t row_step = (w.columns + 1) * w.depth, size = (w.rows - 1) * row_step + (w.columns - 1) * w.depth + w.channels;
  GuardedBuffer<float> x(size), dx(size), dy(w.channels), y(w.channels);
  // Few different values, so that some are equal, and some NaN.
  for (size_t i = 0; i < size; ++i) x[i] = random() % 4 == 0 ? kNaN : std::round(RandomFloat(random));
  for (size_t i = 0; i < size; ++i) dx[i] = 1;
  Fill(&dy, random);
  FloatPoolWindow window = {w.rows, w.columns, w.channels, row_step, w.depth, x.data(), dy.data(), y.data()};
  kernels.pool_max(window);
  window.y = dx.data();
  kernels.pool_max_gradient(window);
  for (size_t c = 0; c < w.channels; ++c) {
    float largest = -kInfinity;
    size_t place = size;
    for (size_t tap = 0; tap < w.rows * w.columns; ++tap) {
      const size_t at = tap / w.columns * row_step + tap % w.columns * w.depth + c;
      if (x[at] > largest) {
        largest = x[at];
        place = at;
      }
    }
    CHECK(y[c] == largest);
    if (place < size) {
      CHECK(dx[place] == 1 + dy[c]);
      dx[place] = 1;
    }
  }
  size_t moved = 0;
  for (size_t i = 0; i < size; ++i) moved += dx[i] != 1;
  CHECK(moved == 0);
  for (size_t i = 0; i < size; ++i) x[i] = RandomFloat(random);
  window.y = y.data();
  kernels.pool_average(window);
  for (size_t c = 0; c < w.channels; ++c) {
    ExactSum exact(0);
    const auto pixels = static_cast<double>(w.rows * w.columns);
    for (size_t tap = 0; tap < w.rows * w.columns; ++tap) {
      exact.Add(x[tap / w.columns * row_step + tap % w.columns * w.depth + c], 1 / pixels);
    }
    CHECK(exact.Allows(y[c], kUnbounded));
  }
  CHECK(y.IsSurroundingUntouched());
  CHECK(dx.IsSurroundingUntouched());
}

TEST_CASE("windows: maxima, their gradients, averages") {
  Random random(3);
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    for (const size_t channels :
         {size_t{1}, size_t{kernels.nr_step} - 1, size_t{kernels.nr_step}, size_t{2} * kernels.nr_step + 3}) {
      CheckPool(kernels, {1, 1, channels, channels}, random);
      CheckPool(kernels, {2, 2, channels, channels + 5}, random);
      CheckPool(kernels, {5, 3, channels, channels}, random);
    }
  });
}

}  // namespace
}  // namespace octensor
