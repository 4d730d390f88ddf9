// The Fourier transform of rows of real numbers and the magnitude of complex ones, in double and in the reference's order
// (lib/ops/fft.ts), so that results equal its.
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/float_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr double kButterflyNanoseconds = 1.5, kMagnitudeNanoseconds = 4;

class FloatRfftStep : public Step {
 public:
  FloatRfftStep(size_t rows, size_t length, size_t size, size_t threads, Place x, Place y, const double* cosines,
                const double* sines)
      : rows_(rows), length_(length), size_(size), threads_(threads), x_(x), y_(y) {
    // The roots of one level after the other, as they will be read.
    for (size_t half = 1; half < size; half *= 2) {
      for (size_t k = 0; k < half; ++k) {
        root_re_.push_back(cosines[k * (size / (2 * half))]);
        root_im_.push_back(sines[k * (size / (2 * half))]);
      }
    }
    for (size_t i = 0; i < size; ++i) {
      size_t reversed = 0;
      for (size_t bit = 1, from = size >> 1; from > 0; bit <<= 1, from >>= 1) reversed |= (i & from) != 0 ? bit : 0;
      reversed_.push_back(reversed);
    }
  }

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    const double butterflies = static_cast<double>(size_) * std::log2(static_cast<double>(2 * size_)) / 2;
    const double work = kButterflyNanoseconds * static_cast<double>(rows_) * butterflies;
    ForParts(memory.threads, rows_, work, [&](size_t first, size_t end, size_t worker) {
      double* re = reinterpret_cast<double*>(memory.scratch + worker * worker_bytes());
      for (size_t row = first; row < end; ++row) {
        Transform(x + row * length_, re, re + size_);
        float* out = y + row * (size_ / 2 + 1) * 2;
        for (size_t k = 0; k <= size_ / 2; ++k) {
          out[2 * k] = static_cast<float>(re[k]);
          out[2 * k + 1] = static_cast<float>(re[size_ + k]);
        }
      }
    });
  }

  size_t scratch_bytes() const override { return threads_ * worker_bytes(); }
  size_t size_bytes() const override { return size_ * (2 * sizeof(double) + sizeof(size_t)); }

 private:
  size_t worker_bytes() const { return RoundUp(2 * size_ * sizeof(double), kAlignment); }

  // Cooley and Tukey's radix-2 decimation in time, of x cut or padded with zeros.
  void Transform(const float* x, double* re, double* im) const {
    for (size_t i = 0; i < size_; ++i) re[i] = reversed_[i] < length_ ? x[reversed_[i]] : 0;
    std::fill_n(im, size_, 0.0);
    const double *root_re = root_re_.data(), *root_im = root_im_.data();
    for (size_t half = 1; half < size_; root_re += half, root_im += half, half *= 2) {
      for (size_t start = 0; start < size_; start += 2 * half) Butterflies(half, root_re, root_im, re + start, im + start);
    }
  }

  static void Butterflies(size_t half, const double* root_re, const double* root_im, double* re, double* im) {
    for (size_t a = 0; a < half; ++a) {
      const size_t b = a + half;
      const double tr = root_re[a] * re[b] - root_im[a] * im[b];
      const double ti = root_re[a] * im[b] + root_im[a] * re[b];
      re[b] = re[a] - tr;
      im[b] = im[a] - ti;
      re[a] += tr;
      im[a] += ti;
    }
  }

  size_t rows_, length_, size_, threads_;
  Place x_, y_;
  std::vector<double> root_re_, root_im_;
  std::vector<size_t> reversed_;
};

class FloatMagnitudeStep : public Step {
 public:
  FloatMagnitudeStep(size_t count, Place x, Place y) : count_(count), x_(x), y_(y) {}

  void Run(const RunMemory& memory) const override {
    const float* x = memory.In<float>(x_);
    float* y = memory.Out<float>(y_);
    ForParts(memory.threads, count_, kMagnitudeNanoseconds * static_cast<double>(count_),
             [&](size_t first, size_t end, size_t) {
               for (size_t i = first; i < end; ++i) {
                 const double re = x[2 * i], im = x[2 * i + 1];
                 y[i] = static_cast<float>(std::sqrt(re * re + im * im));
               }
             });
  }

 private:
  size_t count_;
  Place x_, y_;
};

}  // namespace

// x: float32 of [rows, length]; y: float32 of [rows, size / 2 + 1, 2], real and imaginary part; size: a power of two; cosines,
// sines: Float64Arrays of size / 2, the real and imaginary part of exp(-2 pi i k / size)
void MakeFloatRfftStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t rows = fields->Size("rows"), length = fields->Size("length"), size = fields->Size("size");
  const size_t threads = fields->environment().threads;
  if ((size & (size - 1)) != 0) fields->Fail("size", StatusCode::kShape, "expected a power of two");
  const double* cosines = fields->Doubles("cosines", size / 2);
  const double* sines = fields->Doubles("sines", size / 2);
  CheckedProduct(fields, "size", {threads, size, 4 * sizeof(double)});
  const Place x = fields->In("x", CheckedProduct(fields, "rows", {rows, length}), sizeof(float));
  const Place y = fields->Out("y", CheckedProduct(fields, "rows", {rows, size / 2 + 1, 2}), sizeof(float));
  if (fields->ok()) *step = std::make_unique<FloatRfftStep>(rows, length, size, threads, x, y, cosines, sines);
}

// x: float32 of [count, 2], y: float32 of count
void MakeFloatMagnitudeStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const size_t count = fields->Size("count");
  const Place x = fields->In("x", 2 * count, sizeof(float)), y = fields->Out("y", count, sizeof(float));
  if (fields->ok()) *step = std::make_unique<FloatMagnitudeStep>(count, x, y);
}

}  // namespace octensor
