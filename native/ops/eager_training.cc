// Eager kinds that training needs beside those of operators: rows of a batch, clamped gradients, an optimizer's update.
#include <cmath>
#include <cstring>

#include "ops/eager_runs.h"

namespace octensor {

// rows of x, elements of each, rows of y; x: of any type [rows, elements], indices: int32 of rows of y; y[i] = x[indices[i]]
Status EagerGatherCall(const EagerCall& call) {
  EagerFields fields(call);
  const size_t rows = fields.Size(), n = fields.Size(), count = fields.Size();
  const EagerOperand x = fields.InAny();
  if (x.count != fields.Product({rows, n})) fields.Fail(StatusCode::kShape, "expected operands as long as their shapes say");
  const int32_t* indices = fields.InInt32(count);
  void* y = fields.OutAny(x.type, fields.Product({count, n}));
  for (size_t i = 0; fields.ok() && i < count; ++i) {
    if (indices[i] < 0 || static_cast<size_t>(indices[i]) >= rows) fields.Fail(StatusCode::kShape, "expected indices of rows");
  }
  const Status status = fields.Finish();
  const size_t bytes = n * (x.type == EagerType::kUint8 ? 1 : 4);
  if (!status.ok() || count * bytes == 0) return status;
  const auto* from = static_cast<const uint8_t*>(x.data);
  auto* to = static_cast<uint8_t*>(y);
  ForParts(call.threads, count, kEagerMemoryNanoseconds * static_cast<double>(count * n),
           [&](size_t first, size_t end, size_t) {
             for (size_t i = first; i < end; ++i)
               std::memcpy(to + i * bytes, from + static_cast<size_t>(indices[i]) * bytes, bytes);
           });
  return status;
}

// lo, hi, count; dy, x, dx: float32 of count; dx = dy where lo <= x <= hi, NaN where x is, else 0
Status EagerClampGradientCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto lo = static_cast<float>(fields.Number()), hi = static_cast<float>(fields.Number());
  const size_t count = fields.Size();
  const float* dy = fields.In(count);
  const float* x = fields.In(count);
  float* dx = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRuns(call, count, kEagerMemoryNanoseconds, [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
      const float inside = dy[i], value = x[i], outside = value == value ? 0.0f : value;
      dx[i] = (value >= lo) & (value <= hi) ? inside : outside;
    }
  });
  return status;
}

// beta1, beta2, rate, epsilon, 1 - beta1^t, 1 - beta2^t, count; gradient, moments m and v, weights; new m, v and weights: all
// float32 of count (Kingma and Ba 2015, algorithm 1, with epsilon as TensorFlow.js has it)
Status EagerAdamCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto number = [&fields] { return static_cast<float>(fields.Number()); };
  const double beta1 = fields.Number(), beta2 = fields.Number();
  const float rate = number(), epsilon = number(), correction1 = number(), correction2 = number();
  const size_t count = fields.Size();
  const float* gradient = fields.In(count);
  const float* m = fields.In(count);
  const float* v = fields.In(count);
  const float* weights = fields.In(count);
  float* new_m = fields.Out(count);
  float* new_v = fields.Out(count);
  float* new_weights = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  const auto b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
  const auto rest1 = static_cast<float>(1 - beta1), rest2 = static_cast<float>(1 - beta2);
  ForRuns(call, count, kEagerFunctionNanoseconds * 3, [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
      const float g = gradient[i], first_moment = m[i] * b1 + g * rest1, second_moment = v[i] * b2 + g * g * rest2;
      new_m[i] = first_moment;
      new_v[i] = second_moment;
      new_weights[i] = first_moment / correction1 / (std::sqrt(second_moment / correction2) + epsilon) * -rate + weights[i];
    }
  });
  return status;
}

}  // namespace octensor
