// Eager kinds along an axis: reductions, positions of the largest, softmax, batch normalization. Sums are float32 within short
// runs and float64 above them; how work is cut depends on shapes alone, and so results do not depend on threads.
#include <algorithm>
#include <cmath>

#include "core/old_libm.h"
#include "ops/eager.h"
#include "ops/float_parts.h"
#include "ops/float_softmax.h"

namespace octensor {
namespace {

constexpr double kElementNanoseconds = 0.2, kSoftmaxNanoseconds = 0.8, kScalarNanoseconds = 1;
constexpr size_t kColumns = 256;   // accumulated at a time, on the stack
constexpr size_t kMaxParts = 64;   // of one reduction
constexpr size_t kMinPart = 8192;  // elements

double Combine(EagerReduction op, double a, double b) {
  switch (op) {
    case EagerReduction::kSum:
      return a + b;
    case EagerReduction::kProd:
      return a * b;
    case EagerReduction::kMax:
      return a > b || a != a ? a : b;
    default:
      return a < b || a != a ? a : b;
  }
}

// Of x[first .. end - 1], which is not empty.
double ReduceRange(const EagerKernels& kernels, EagerReduction op, const float* x, size_t first, size_t end) {
  if (op == EagerReduction::kProd) {
    double product = 1;
    for (size_t i = first; i < end; ++i) product *= x[i];
    return product;
  }
  double result = kernels.reduce(op, x + first, std::min(kMaxEagerRun, end - first));
  for (size_t i = first + kMaxEagerRun; i < end; i += kMaxEagerRun) {
    result = Combine(op, result, kernels.reduce(op, x + i, std::min(kMaxEagerRun, end - i)));
  }
  return result;
}

// Of the rows first .. end - 1, which are not none: n <= kColumns columns.
void ReduceRowRange(const EagerKernels& kernels, EagerReduction op, const float* x, size_t pitch, size_t first, size_t end,
                    size_t n, double* result) {
  if (op == EagerReduction::kProd) {
    std::fill_n(result, n, 1.0);
    for (size_t r = first; r < end; ++r) {
      for (size_t c = 0; c < n; ++c) result[c] *= x[r * pitch + c];
    }
    return;
  }
  float run[kColumns];
  for (size_t r = first; r < end; r += kMaxEagerRows) {
    kernels.reduce_rows(op, x + r * pitch, pitch, std::min(kMaxEagerRows, end - r), n, run);
    for (size_t c = 0; c < n; ++c) result[c] = r == first ? run[c] : Combine(op, result[c], run[c]);
  }
}

// x is [outer, size, inner], y [outer, inner].
struct Reduction {
  EagerReduction op;
  size_t outer, size, inner;
  double divisor;
  const float* x;
  float* y;
};

void ReduceInnermost(const EagerCall& call, const Reduction& r) {
  const double work = kElementNanoseconds * static_cast<double>(r.outer) * static_cast<double>(r.size);
  if (r.outer > kMaxParts / 4) {
    return ForParts(call.threads, r.outer, work, [&](size_t first, size_t end, size_t) {
      for (size_t i = first; i < end; ++i) {
        r.y[i] = static_cast<float>(ReduceRange(*call.eager, r.op, r.x + i * r.size, 0, r.size) / r.divisor);
      }
    });
  }
  const size_t parts = std::clamp<size_t>(r.size / kMinPart, 1, kMaxParts);
  double results[kMaxParts / 4 * kMaxParts];
  ForParts(call.threads, r.outer * parts, work, [&](size_t first, size_t end, size_t) {
    for (size_t i = first; i < end; ++i) {
      const size_t part = i % parts;
      results[i] = ReduceRange(*call.eager, r.op, r.x + i / parts * r.size, r.size * part / parts, r.size * (part + 1) / parts);
    }
  });
  for (size_t i = 0; i < r.outer; ++i) {
    double result = results[i * parts];
    for (size_t part = 1; part < parts; ++part) result = Combine(r.op, result, results[i * parts + part]);
    r.y[i] = static_cast<float>(result / r.divisor);
  }
}

// False when there is no memory.
bool ReduceColumns(const EagerCall& call, const Reduction& r) {
  const size_t blocks = (r.inner + kColumns - 1) / kColumns, pieces = r.outer * blocks;
  const double work = kElementNanoseconds * static_cast<double>(pieces) * static_cast<double>(r.size) *
                      static_cast<double>(std::min(kColumns, r.inner));
  const auto reduce = [&](size_t piece, size_t first, size_t end, double* result) {
    const size_t column = piece % blocks * kColumns, n = std::min(kColumns, r.inner - column);
    ReduceRowRange(*call.eager, r.op, r.x + piece / blocks * r.size * r.inner + column, r.inner, first, end, n, result);
  };
  const auto store = [&](size_t piece, const double* result) {
    const size_t column = piece % blocks * kColumns, n = std::min(kColumns, r.inner - column);
    float* y = r.y + piece / blocks * r.inner + column;
    for (size_t c = 0; c < n; ++c) y[c] = static_cast<float>(result[c] / r.divisor);
  };
  // Few pieces of many rows are cut across, a multiple of a run at a time.
  const size_t runs = (r.size + kMaxEagerRows - 1) / kMaxEagerRows;
  const size_t parts = pieces >= 16 ? 1 : std::clamp<size_t>(std::min(runs, r.size * r.inner / kMinPart), 1, kMaxParts);
  if (parts == 1) {
    ForParts(call.threads, pieces, work, [&](size_t first, size_t end, size_t) {
      for (size_t piece = first; piece < end; ++piece) {
        double result[kColumns];
        reduce(piece, 0, r.size, result);
        store(piece, result);
      }
    });
    return true;
  }
  if (!call.scratch->buffer.Reserve(pieces * parts * kColumns * sizeof(double))) return false;
  auto* results = static_cast<double*>(call.scratch->buffer.data());
  ForParts(call.threads, pieces * parts, work, [&](size_t first, size_t end, size_t) {
    for (size_t i = first; i < end; ++i) {
      const size_t part = i % parts, begin = runs * part / parts * kMaxEagerRows;
      reduce(i / parts, begin, std::min(r.size, runs * (part + 1) / parts * kMaxEagerRows), results + i * kColumns);
    }
  });
  for (size_t piece = 0; piece < pieces; ++piece) {
    double* result = results + piece * parts * kColumns;
    const size_t n = std::min(kColumns, r.inner - piece % blocks * kColumns);
    for (size_t part = 1; part < parts; ++part) {
      for (size_t c = 0; c < n; ++c) result[c] = Combine(r.op, result[c], result[part * kColumns + c]);
    }
    store(piece, result);
  }
  return true;
}

}  // namespace

// op: an EagerReduction; outer, size >= 1, inner; divisor of the result; x: float32 [outer, size, inner], y: [outer, inner]
Status EagerReduceCall(const EagerCall& call) {
  EagerFields fields(call);
  Reduction r = {};
  r.op = static_cast<EagerReduction>(fields.Integer(0, 3));
  r.outer = fields.Size();
  r.size = fields.Size(1);
  r.inner = fields.Size();
  r.divisor = fields.Number();
  r.x = fields.In(fields.Product({r.outer, r.size, r.inner}));
  r.y = fields.Out(fields.Product({r.outer, r.inner}));
  const Status status = fields.Finish();
  if (!status.ok() || r.outer * r.inner == 0) return status;
  if (r.inner == 1) {
    ReduceInnermost(call, r);
  } else if (!ReduceColumns(call, r)) {
    return {StatusCode::kOutOfMemory, "not enough memory for partial sums"};
  }
  return status;
}

// least: a flag; outer, size >= 1, inner; x: float32 [outer, size, inner], y: int32 [outer, inner], the first index of the
// largest (least) element, where comparisons with NaN are false
Status EagerArgCall(const EagerCall& call) {
  EagerFields fields(call);
  const bool least = fields.Flag();
  const size_t outer = fields.Size(), size = fields.Size(1), inner = fields.Size();
  const float* x = fields.In(fields.Product({outer, size, inner}));
  int32_t* y = fields.OutInt32(fields.Product({outer, inner}));
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  const double work = kScalarNanoseconds * static_cast<double>(outer * inner) * static_cast<double>(size);
  ForParts(call.threads, outer * inner, work, [&](size_t first, size_t end, size_t) {
    for (size_t i = first; i < end; ++i) {
      const float* from = x + i / inner * size * inner + i % inner;
      size_t best = 0;
      for (size_t k = 1; k < size; ++k) {
        const float value = from[k * inner], held = from[best * inner];
        if (least ? value < held : value > held) best = k;
      }
      y[i] = static_cast<int32_t>(best);
    }
  });
  return status;
}

// rows, length; x, y: float32 [rows, length], y the softmax of each row
Status EagerSoftmaxCall(const EagerCall& call) {
  EagerFields fields(call);
  const size_t rows = fields.Size(), length = fields.Size(), count = fields.Product({rows, length});
  const float* x = fields.In(count);
  float* y = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok() || count == 0) return status;
  ForParts(call.threads, rows, kSoftmaxNanoseconds * static_cast<double>(count), [&](size_t first, size_t end, size_t) {
    for (size_t row = first; row < end; ++row) SoftmaxRow(*call.kernels, x + row * length, length, 1, y + row * length);
  });
  return status;
}

// rows, n, epsilon; x: float32 [rows, n]; mean, variance, scale, offset: float32 of n; y: float32 [rows, n],
// (x - mean) * (scale / sqrt(variance + epsilon)) + offset, the factor computed in float64
Status EagerNormalizeCall(const EagerCall& call) {
  EagerFields fields(call);
  const size_t rows = fields.Size(), n = fields.Size(), count = fields.Product({rows, n});
  const double epsilon = fields.Number();
  const float* x = fields.In(count);
  const float* mean = fields.In(n);
  const float* variance = fields.In(n);
  const float* scale = fields.In(n);
  const float* offset = fields.In(n);
  float* y = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok() || count == 0) return status;
  if (!call.scratch->buffer.Reserve(n * sizeof(float))) {
    return {StatusCode::kOutOfMemory, "not enough memory for the factors of channels"};
  }
  auto* factor = static_cast<float*>(call.scratch->buffer.data());
  for (size_t c = 0; c < n; ++c) factor[c] = static_cast<float>(scale[c] / std::sqrt(variance[c] + epsilon));
  ForParts(call.threads, rows, kElementNanoseconds * static_cast<double>(count), [&](size_t first, size_t end, size_t) {
    call.eager->normalize_rows(x + first * n, end - first, n, mean, factor, offset, y + first * n);
  });
  return status;
}

}  // namespace octensor
