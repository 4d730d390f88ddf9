// Eager kinds that go element by element without kernels of their own: functions of libm, casts, logical operators, selections.
#include <cmath>

#include "core/old_libm.h"
#include "ops/eager_runs.h"

namespace octensor {
namespace {

// TensorFlow.js's: beyond these bounds softplus(x) is e^x and x as near as float32 can tell.
double Softplus(double x) {
  constexpr double kThreshold = -13.942385066793;  // log(2^-23) + 2
  if (x < kThreshold) return std::exp(x);
  return x > -kThreshold ? x : std::log(1 + std::exp(x));
}

double Log(double x) { return std::log(x); }
double Log1p(double x) { return std::log1p(x); }
double Expm1(double x) { return std::expm1(x); }
double Sin(double x) { return std::sin(x); }
double Cos(double x) { return std::cos(x); }

using RealFunction = double (*)(double);
constexpr RealFunction kRealFunctions[] = {Log, Log1p, Expm1, Softplus, Sin, Cos};
constexpr int64_t kRealFunctionCount = sizeof(kRealFunctions) / sizeof(kRealFunctions[0]);

enum class Logical : uint8_t { kAnd, kOr, kNot };

void RunLogical(Logical op, const uint8_t* a, const uint8_t* b, size_t n, uint8_t* y) {
  if (op == Logical::kAnd) {
    for (size_t i = 0; i < n; ++i) y[i] = (a[i] != 0) & (b[i] != 0);
  } else if (op == Logical::kOr) {
    for (size_t i = 0; i < n; ++i) y[i] = (a[i] | b[i]) != 0;
  } else {
    for (size_t i = 0; i < n; ++i) y[i] = a[i] == 0;
  }
}

}  // namespace

// op: log, log(1 + x), e^x - 1, softplus, sin, cos, in float64, rounded once; count; x, y: float32 of count
Status EagerFunctionCall(const EagerCall& call) {
  EagerFields fields(call);
  const RealFunction f = kRealFunctions[fields.Integer(0, kRealFunctionCount - 1)];
  const size_t count = fields.Size();
  const float* x = fields.In(count);
  float* y = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRuns(call, count, kEagerScalarNanoseconds, [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) y[i] = static_cast<float>(f(x[i]));
  });
  return status;
}

// count; x: int32 or bool of count, y: float32 of count
Status EagerCastCall(const EagerCall& call) {
  EagerFields fields(call);
  const size_t count = fields.Size();
  const EagerOperand x = fields.InAny();
  if (x.count != count || x.type == EagerType::kFloat32)
    fields.Fail(StatusCode::kShape, "expected int32 or bool of that count");
  float* y = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRuns(call, count, kEagerMemoryNanoseconds, [&](size_t first, size_t end) {
    if (x.type == EagerType::kInt32) {
      const auto* from = static_cast<const int32_t*>(x.data);
      for (size_t i = first; i < end; ++i) y[i] = static_cast<float>(from[i]);
    } else {
      const auto* from = static_cast<const uint8_t*>(x.data);
      for (size_t i = first; i < end; ++i) y[i] = from[i];
    }
  });
  return status;
}

// op: and, or, not (of a); count; a, b, y: bool of count, b being a where op is not
Status EagerLogicalCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto op = static_cast<Logical>(fields.Integer(0, 2));
  const size_t count = fields.Size();
  const uint8_t* a = fields.InBool(count);
  const uint8_t* b = fields.InBool(count);
  uint8_t* y = fields.OutBool(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRuns(call, count, kEagerMemoryNanoseconds / 4,
          [&](size_t first, size_t end) { RunLogical(op, a + first, b + first, end - first, y + first); });
  return status;
}

// count; condition: bool of count; t, e, y: float32 of count, y = condition ? t : e
Status EagerSelectCall(const EagerCall& call) {
  EagerFields fields(call);
  const size_t count = fields.Size();
  const uint8_t* condition = fields.InBool(count);
  const float* t = fields.In(count);
  const float* e = fields.In(count);
  float* y = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRuns(call, count, kEagerMemoryNanoseconds, [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
      const float p = t[i], q = e[i];
      y[i] = condition[i] == 1 ? p : q;
    }
  });
  return status;
}

}  // namespace octensor
