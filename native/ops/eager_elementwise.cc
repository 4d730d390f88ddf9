// Eager kinds that go element by element: functions of one float32, and operators and comparisons of two with broadcasting.
#include <algorithm>
#include <cmath>

#include "core/old_libm.h"
#include "ops/eager.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

// Per element: what memory delivers, functions made of many instructions, libm's.
constexpr double kMemoryNanoseconds = 0.3, kFunctionNanoseconds = 0.7, kScalarNanoseconds = 15;

// Elements of a long row that a thread takes at least.
constexpr size_t kRun = size_t{1} << 12;

// Calls body(first, end) for parts of 0 .. count - 1.
template <typename Body>
void ForRuns(const EagerCall& call, size_t count, double nanoseconds, const Body& body) {
  const size_t runs = std::max<size_t>(1, count / kRun);
  ForParts(call.threads, runs, nanoseconds * static_cast<double>(count),
           [&](size_t first, size_t end, size_t) { body(count * first / runs, count * end / runs); });
}

// Operands of a common shape, whose neighbouring dimensions are merged where both operands allow it.
struct Broadcast {
  size_t rank = 0;
  size_t dims[kMaxEagerRank], a_strides[kMaxEagerRank], b_strides[kMaxEagerRank];
  size_t a_count = 1, b_count = 1, count = 1;
};

// Dimension i of `rank` as numpy aligns them.
size_t Dimension(const EagerShape& shape, size_t rank, size_t i) {
  return i + shape.rank < rank ? 1 : shape.dims[i + shape.rank - rank];
}

Broadcast ReadBroadcast(EagerFields* fields) {
  const EagerShape a = fields->Shape(), b = fields->Shape();
  Broadcast result;
  if (!fields->ok()) return result;
  result.a_count = a.size();
  result.b_count = b.size();
  const size_t rank = std::max(a.rank, b.rank);
  size_t dims[kMaxEagerRank], a_strides[kMaxEagerRank], b_strides[kMaxEagerRank];
  size_t a_stride = 1, b_stride = 1;
  for (size_t i = rank; i-- > 0;) {
    const size_t p = Dimension(a, rank, i), q = Dimension(b, rank, i);
    if (p != q && p != 1 && q != 1) {
      fields->Fail(StatusCode::kShape, "expected shapes that broadcast");
      return result;
    }
    dims[i] = p == 1 ? q : p;
    a_strides[i] = p == 1 ? 0 : a_stride;
    b_strides[i] = q == 1 ? 0 : b_stride;
    a_stride *= p;
    b_stride *= q;
    result.count = fields->Product({result.count, dims[i]});
    if (!fields->ok()) return result;
  }
  // From the innermost out: a dimension joins the one inside it where it continues that in both operands.
  size_t used = 0, merged[kMaxEagerRank], merged_a[kMaxEagerRank], merged_b[kMaxEagerRank];
  for (size_t i = rank; i-- > 0;) {
    if (dims[i] == 1) continue;
    if (used > 0 && a_strides[i] == merged_a[used - 1] * merged[used - 1] &&
        b_strides[i] == merged_b[used - 1] * merged[used - 1]) {
      merged[used - 1] *= dims[i];
      continue;
    }
    merged[used] = dims[i];
    merged_a[used] = a_strides[i];
    merged_b[used++] = b_strides[i];
  }
  result.rank = used;
  for (size_t i = 0; i < used; ++i) {
    result.dims[i] = merged[used - 1 - i];
    result.a_strides[i] = merged_a[used - 1 - i];
    result.b_strides[i] = merged_b[used - 1 - i];
  }
  return result;
}

// Calls body(rows, first output) for parts of the output: the last two dimensions are rows, those before them, and parts of
// long single rows, are shared among threads.
template <typename Body>
void ForRows(const EagerCall& call, const Broadcast& shape, const float* a, const float* b, double nanoseconds,
             const Body& body) {
  if (shape.count == 0) return;
  const size_t last = shape.rank;
  const size_t n = last > 0 ? shape.dims[last - 1] : 1, all_rows = shape.count / n;
  const size_t a_step = last > 0 ? shape.a_strides[last - 1] : 0, b_step = last > 0 ? shape.b_strides[last - 1] : 0;
  if (all_rows == 1) {
    return ForRuns(call, n, nanoseconds, [&](size_t first, size_t end) {
      body(EagerRows{1, end - first, a + first * a_step, 0, a_step, b + first * b_step, 0, b_step}, first);
    });
  }
  const size_t rows = shape.dims[last - 2];
  const double work = nanoseconds * static_cast<double>(shape.count);
  ForParts(call.threads, all_rows, work, [&](size_t first, size_t end, size_t) {
    while (first < end) {
      const size_t row = first % rows, count = std::min(rows - row, end - first);
      size_t a_at = row * shape.a_strides[last - 2], b_at = row * shape.b_strides[last - 2];
      for (size_t i = last - 2, rest = first / rows; i-- > 0; rest /= shape.dims[i]) {
        a_at += rest % shape.dims[i] * shape.a_strides[i];
        b_at += rest % shape.dims[i] * shape.b_strides[i];
      }
      body(EagerRows{count, n, a + a_at, shape.a_strides[last - 2], a_step, b + b_at, shape.b_strides[last - 2], b_step},
           first * n);
      first += count;
    }
  });
}

// JavaScript's **, which differs from C's pow where the latter is 1 though an operand is NaN or 1 is raised to infinity.
double Power(double a, double b) {
  if (std::isnan(b) || (std::fabs(a) == 1 && std::isinf(b))) return std::nan("");
  return std::pow(a, b);
}

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

// op: an EagerUnary, p, q: its parameters, count; x, y: float32 of count, y may be x
Status EagerUnaryCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto op = static_cast<EagerUnary>(fields.Integer(0, kEagerUnaryCount - 1));
  const auto p = static_cast<float>(fields.Number()), q = static_cast<float>(fields.Number());
  const size_t count = fields.Size();
  const float* x = fields.In(count);
  float* y = fields.Out(count, InPlace::kYes);
  const Status status = fields.Finish();
  if (!status.ok() || count == 0) return status;
  const double cost = op >= EagerUnary::kElu ? kFunctionNanoseconds : kMemoryNanoseconds;
  ForRuns(call, count, cost, [&](size_t first, size_t end) { call.eager->unary(op, x + first, end - first, p, q, y + first); });
  return status;
}

// op: an EagerBinary, the shapes of a and b; a, b, y: float32, y of the common shape, perhaps the array of an operand that has
// it
Status EagerBinaryCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto op = static_cast<EagerBinary>(fields.Integer(0, kEagerBinaryCount - 1));
  const Broadcast shape = ReadBroadcast(&fields);
  const float* a = fields.In(shape.a_count);
  const float* b = fields.In(shape.b_count);
  float* y = fields.Out(shape.count, InPlace::kYes);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRows(call, shape, a, b, kMemoryNanoseconds,
          [&](const EagerRows& rows, size_t first) { call.eager->binary(op, rows, y + first); });
  return status;
}

// op: an EagerComparison, the shapes of a and b; a, b: float32, y: bool of the common shape
Status EagerCompareCall(const EagerCall& call) {
  EagerFields fields(call);
  const auto op = static_cast<EagerComparison>(fields.Integer(0, kEagerComparisonCount - 1));
  const Broadcast shape = ReadBroadcast(&fields);
  const float* a = fields.In(shape.a_count);
  const float* b = fields.In(shape.b_count);
  uint8_t* y = fields.OutBool(shape.count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRows(call, shape, a, b, kMemoryNanoseconds,
          [&](const EagerRows& rows, size_t first) { call.eager->compare(op, rows, y + first); });
  return status;
}

// the shapes of a and b; a, b, y: float32, y = a ** b of the common shape, in float64, rounded once
Status EagerPowCall(const EagerCall& call) {
  EagerFields fields(call);
  const Broadcast shape = ReadBroadcast(&fields);
  const float* a = fields.In(shape.a_count);
  const float* b = fields.In(shape.b_count);
  float* y = fields.Out(shape.count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRows(call, shape, a, b, kScalarNanoseconds, [&](const EagerRows& rows, size_t first) {
    for (size_t r = 0; r < rows.rows; ++r) {
      for (size_t i = 0; i < rows.n; ++i) {
        const double power = Power(rows.a[r * rows.a_row + i * rows.a_step], rows.b[r * rows.b_row + i * rows.b_step]);
        y[first + r * rows.n + i] = static_cast<float>(power);
      }
    }
  });
  return status;
}

// op: log, log(1 + x), e^x - 1, softplus, sin, cos, in float64, rounded once; count; x, y: float32 of count
Status EagerFunctionCall(const EagerCall& call) {
  EagerFields fields(call);
  const RealFunction f = kRealFunctions[fields.Integer(0, kRealFunctionCount - 1)];
  const size_t count = fields.Size();
  const float* x = fields.In(count);
  float* y = fields.Out(count);
  const Status status = fields.Finish();
  if (!status.ok()) return status;
  ForRuns(call, count, kScalarNanoseconds, [&](size_t first, size_t end) {
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
  ForRuns(call, count, kMemoryNanoseconds, [&](size_t first, size_t end) {
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
  ForRuns(call, count, kMemoryNanoseconds / 4,
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
  ForRuns(call, count, kMemoryNanoseconds, [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) {
      const float p = t[i], q = e[i];
      y[i] = condition[i] == 1 ? p : q;
    }
  });
  return status;
}

}  // namespace octensor
