// The eager kinds of convolutions and products against their definitions, on every ISA, with operands right before guard pages
// and several numbers of threads, which give the same bits.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <functional>
#include <memory>
#include <string>

#include "core/thread_pool.h"
#include "float_problem.h"
#include "guarded_buffer.h"
#include "ops/eager.h"

namespace octensor {
namespace {

double Number(size_t value) { return static_cast<double>(value); }

const EagerKind& FindKind(const std::string& name) {
  size_t count;
  const EagerKind* kinds = EagerKinds(&count);
  for (size_t i = 0; i < count; ++i) {
    if (kinds[i].name == name) return kinds[i];
  }
  FAIL("no kind " << name);
  return kinds[0];
}

// Runs a kind on every ISA; `exact` is its output, in double, with what float32 may make of it.
void Check(const std::string& kind, const std::vector<double>& numbers, const std::vector<std::vector<float>>& inputs,
           const std::vector<ExactSum>& exact) {
  ForEachFloatKernels([&](const FloatKernels& kernels) {
    std::vector<float> first;
    for (const size_t threads : {1, 2, 3}) {
      INFO(kind << " " << std::string(kernels.name) << " threads=" << threads);
      std::vector<std::unique_ptr<GuardedBuffer<float>>> buffers;
      std::vector<EagerOperand> operands;
      for (const std::vector<float>& input : inputs) {
        buffers.push_back(std::make_unique<GuardedBuffer<float>>(input.size()));
        std::copy(input.begin(), input.end(), buffers.back()->data());
        operands.push_back({EagerType::kFloat32, buffers.back()->data(), input.size()});
      }
      GuardedBuffer<float> y(exact.size());
      operands.push_back({EagerType::kFloat32, y.data(), exact.size()});
      EagerScratch scratch;
      EagerCall call = {};
      call.kernels = &kernels;
      call.threads = threads;
      call.scratch = &scratch;
      call.numbers = numbers.data();
      call.number_count = numbers.size();
      call.operands = operands.data();
      call.operand_count = operands.size();
      const Status status = FindKind(kind).run(call);
      REQUIRE_MESSAGE(status.ok(), status.message);
      CHECK(y.IsSurroundingUntouched());
      size_t wrong = 0, moved = 0;
      if (first.empty()) first.assign(y.data(), y.data() + y.size());
      for (size_t i = 0; i < y.size(); ++i) {
        wrong += !exact[i].Allows(y[i], kUnbounded);
        moved += !IsSame(y[i], first[i]);
      }
      CHECK(wrong == 0);
      CHECK(moved == 0);
    }
  });
}

struct Convolution {
  size_t batches, height, width, depth, channels, kernel_height, kernel_width, stride_y, stride_x, top, left, bottom, right;
  size_t multiplier = 0;  // of depthwise convolutions; channels = depth * multiplier

  size_t out_height() const { return (height + top + bottom - kernel_height) / stride_y + 1; }
  size_t out_width() const { return (width + left + right - kernel_width) / stride_x + 1; }
  size_t x_count() const { return batches * height * width * depth; }
  size_t y_count() const { return batches * out_height() * out_width() * channels; }
  size_t w_count() const { return kernel_height * kernel_width * depth * (multiplier > 0 ? multiplier : channels); }

  std::vector<double> Numbers() const {
    return {Number(batches),
            Number(height),
            Number(width),
            Number(depth),
            Number(kernel_height),
            Number(kernel_width),
            Number(stride_y),
            Number(stride_x),
            1,
            1,
            Number(top),
            Number(left),
            Number(out_height()),
            Number(out_width()),
            Number(multiplier > 0 ? multiplier : channels)};
  }

  // Calls product(x, w, y) with the places of each product that the convolution adds up.
  void ForEachProduct(const std::function<void(size_t, size_t, size_t)>& product) const {
    for (size_t pixel = 0; pixel < batches * out_height() * out_width(); ++pixel) {
      const size_t n = pixel / out_width() / out_height(), oy = pixel / out_width() % out_height(), ox = pixel % out_width();
      for (size_t tap = 0; tap < kernel_height * kernel_width; ++tap) {
        const size_t iy = oy * stride_y + tap / kernel_width - top, ix = ox * stride_x + tap % kernel_width - left;
        if (iy >= height || ix >= width) continue;  // also what is negative
        const size_t x = ((n * height + iy) * width + ix) * depth;
        for (size_t o = 0; o < channels; ++o) {
          const size_t y = pixel * channels + o;
          if (multiplier > 0) {
            product(x + o / multiplier, tap * channels + o, y);
            continue;
          }
          for (size_t i = 0; i < depth; ++i) product(x + i, (tap * depth + i) * channels + o, y);
        }
      }
    }
  }
};

const Convolution kConvolutions[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},    {2, 9, 8, 3, 20, 3, 3, 1, 1, 1, 1, 1, 1},
    {2, 9, 8, 5, 7, 3, 2, 2, 1, 1, 0, 1, 0},    {3, 11, 6, 17, 9, 1, 1, 1, 1, 0, 0, 0, 0},
    {9, 11, 6, 17, 33, 1, 1, 1, 1, 0, 0, 0, 0}, {2, 10, 10, 4, 6, 2, 3, 3, 4, 1, 2, 0, 1},
    {1, 2, 3, 3, 5, 3, 3, 7, 7, 1, 0, 1, 0},    {3, 20, 30, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 7, 7, 40, 70, 1, 1, 1, 1, 0, 0, 0, 0},  {2, 12, 12, 1, 16, 3, 3, 2, 2, 0, 0, 1, 1},
};

TEST_CASE("convolutions and their gradients") {
  ThreadPool::Acquire();
  Random random(1);
  for (const Convolution& c : kConvolutions) {
    const std::vector<float> x = RandomFloats(random, c.x_count()), w = RandomFloats(random, c.w_count());
    const std::vector<float> dy = RandomFloats(random, c.y_count()), bias = RandomFloats(random, c.channels);
    std::vector<ExactSum> y, dx(c.x_count(), ExactSum(0)), dw(c.w_count(), ExactSum(0));
    for (size_t i = 0; i < c.y_count(); ++i) y.emplace_back(bias[i % c.channels]);
    c.ForEachProduct([&](size_t i, size_t j, size_t k) {
      y[k].Add(x[i], w[j]);
      dx[i].Add(w[j], dy[k]);
      dw[j].Add(x[i], dy[k]);
    });
    std::vector<double> numbers = c.Numbers();
    Check("convInputGradient", numbers, {dy, w}, dx);
    Check("convFilterGradient", numbers, {x, dy}, dw);
    numbers.insert(numbers.end(), {1, -kInfinity, kInfinity});
    Check("conv", numbers, {x, w, bias}, y);
  }
  ThreadPool::Release();
}

TEST_CASE("depthwise convolutions and their gradients") {
  ThreadPool::Acquire();
  Random random(2);
  for (Convolution c : kConvolutions) {
    for (const size_t multiplier : {1, 2}) {
      c.multiplier = multiplier;
      c.channels = c.depth * multiplier;
      const std::vector<float> x = RandomFloats(random, c.x_count()), w = RandomFloats(random, c.w_count());
      const std::vector<float> dy = RandomFloats(random, c.y_count());
      std::vector<ExactSum> y(c.y_count(), ExactSum(0)), dx(c.x_count(), ExactSum(0)), dw(c.w_count(), ExactSum(0));
      c.ForEachProduct([&](size_t i, size_t j, size_t k) {
        y[k].Add(x[i], w[j]);
        dx[i].Add(w[j], dy[k]);
        dw[j].Add(x[i], dy[k]);
      });
      std::vector<double> numbers = c.Numbers();
      Check("depthwiseInputGradient", numbers, {dy, w}, dx);
      Check("depthwiseFilterGradient", numbers, {x, dy}, dw);
      numbers.insert(numbers.end(), {0, -kInfinity, kInfinity});
      Check("depthwise", numbers, {x, w}, y);
    }
  }
  ThreadPool::Release();
}

TEST_CASE("products, either matrix transposed") {
  ThreadPool::Acquire();
  Random random(3);
  struct Sizes {
    size_t m, k, n, products;
  };
  for (const Sizes& s : {Sizes{1, 1, 1, 1}, Sizes{1, 70, 40, 1}, Sizes{33, 600, 70, 1}, Sizes{130, 40, 35, 1},
                         Sizes{9, 50, 20, 3}, Sizes{20, 1100, 10, 2}}) {
    for (const bool is_a_transposed : {false, true}) {
      for (const bool is_b_transposed : {false, true}) {
        const std::vector<float> a = RandomFloats(random, s.products * s.m * s.k), b = RandomFloats(random, s.k * s.n);
        const std::vector<float> bias = RandomFloats(random, s.n);
        std::vector<ExactSum> y;
        for (size_t i = 0; i < s.products * s.m * s.n; ++i) {
          const size_t product = i / (s.m * s.n), row = i / s.n % s.m, column = i % s.n;
          y.emplace_back(bias[column]);
          for (size_t k = 0; k < s.k; ++k) {
            const size_t at = is_a_transposed ? k * s.m + row : row * s.k + k;
            y.back().Add(a[product * s.m * s.k + at], b[is_b_transposed ? column * s.k + k : k * s.n + column]);
          }
        }
        std::vector<double> numbers = {Number(s.m), Number(s.k), Number(s.n), Number(s.products), 1};
        numbers.insert(numbers.end(), {Number(is_a_transposed), Number(is_b_transposed), 1, -kInfinity, kInfinity});
        numbers.insert(numbers.end(), {1, Number(s.products), 1, 0});
        Check("matmul", numbers, {a, b, bias}, y);
      }
    }
  }
  ThreadPool::Release();
}

}  // namespace
}  // namespace octensor
