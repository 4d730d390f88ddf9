// y = f(a, b) of elements of one type as they stand, with broadcasting: lib/ops/{add-sub,mul,div,binary,comparison,bitwise}.ts.
// Integers wrap around as typed arrays do; what C++ leaves undefined has the value that the reference gives it.
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "ops/broadcast.h"
#include "ops/element_type.h"
#include "ops/step.h"

namespace octensor {
namespace {

// In the order of lib/backends/native/arithmetic.ts.
enum class ArithmeticOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kMod,
  kFmod,
  kMax,
  kMin,
  kAnd,
  kOr,
  kXor,
  kShiftLeft,
  kShiftRight,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
};
constexpr int64_t kOps = static_cast<int64_t>(ArithmeticOp::kGreaterEqual) + 1;

inline bool IsComparison(ArithmeticOp op) { return op >= ArithmeticOp::kEqual; }
inline bool IsBitwise(ArithmeticOp op) { return op >= ArithmeticOp::kAnd && op <= ArithmeticOp::kShiftRight; }

// Sums and products of integers, modulo 2^bits, in the unsigned type that does not overflow; reals as they are.
template <typename T, bool = std::is_floating_point<T>::value>
struct Wide {
  using Type = T;
};
template <typename T>
struct Wide<T, false> {
  using Type = typename std::conditional<sizeof(T) == 8, uint64_t, uint32_t>::type;
};

template <typename T, typename F>
inline T Wrapped(T a, T b, const F& f) {
  using W = typename Wide<T>::Type;
  return static_cast<T>(f(static_cast<W>(a), static_cast<W>(b)));
}

template <typename T>
inline T Quotient(T a, T b) {
  if constexpr (std::is_floating_point<T>::value) {
    return a / b;
  } else {
    using Limits = std::numeric_limits<T>;
    if (b == 0) return a < 0 ? Limits::min() : a > 0 ? Limits::max() : T{0};
    if (std::is_signed<T>::value && b == static_cast<T>(-1)) return Wrapped(T{0}, a, [](auto x, auto y) { return x - y; });
    return static_cast<T>(a / b);
  }
}

// Toward minus infinity; the one quotient that is out of range is the largest number.
template <typename T>
inline T FloorQuotient(T a, T b) {
  if constexpr (std::is_floating_point<T>::value) {
    return std::floor(a / b);
  } else {
    if (std::is_signed<T>::value && b == static_cast<T>(-1) && a == std::numeric_limits<T>::min()) {
      return std::numeric_limits<T>::max();
    }
    const T quotient = Quotient(a, b);
    const bool is_below = b != 0 && b != static_cast<T>(-1) && a % b != 0 && (a < 0) != (b < 0);
    return static_cast<T>(is_below ? quotient - 1 : quotient);
  }
}

template <typename T>
inline T Remainder(T a, T b) {
  if constexpr (std::is_floating_point<T>::value) {
    return std::fmod(a, b);
  } else {
    return b == 0 || b == static_cast<T>(-1) ? (std::is_signed<T>::value || b == 0 ? T{0} : static_cast<T>(a % b))
                                             : static_cast<T>(a % b);
  }
}

template <typename T>
inline T FloorRemainder(T a, T b) {
  const T rest = Remainder(a, b);
  const bool is_of_other_sign = (rest > 0) != (b > 0) && rest != 0 && rest == rest;
  return is_of_other_sign ? static_cast<T>(rest + b) : rest;
}

template <typename T>
inline T ShiftedLeft(T a, T b) {
  return b < sizeof(T) * 8 ? static_cast<T>(static_cast<typename Wide<T>::Type>(a) << b) : T{0};
}

// Runs of `n` elements; steps of the operands are 0 or more.
template <typename T>
struct Run {
  const T* a;
  const T* b;
  size_t a_step, b_step, n;

  template <typename Y, typename F>
  void Apply(Y* y, const F& f) const {
    if (a_step == 1 && b_step == 1) {
      for (size_t i = 0; i < n; ++i) y[i] = static_cast<Y>(f(a[i], b[i]));
    } else {
      for (size_t i = 0; i < n; ++i) y[i] = static_cast<Y>(f(a[i * a_step], b[i * b_step]));
    }
  }
};

template <typename T>
void Compare(ArithmeticOp op, const Run<T>& run, uint8_t* y) {
  switch (op) {
    case ArithmeticOp::kEqual:
      return run.Apply(y, [](T a, T b) { return a == b; });
    case ArithmeticOp::kNotEqual:
      return run.Apply(y, [](T a, T b) { return a != b; });
    case ArithmeticOp::kLess:
      return run.Apply(y, [](T a, T b) { return a < b; });
    case ArithmeticOp::kLessEqual:
      return run.Apply(y, [](T a, T b) { return a <= b; });
    case ArithmeticOp::kGreater:
      return run.Apply(y, [](T a, T b) { return a > b; });
    default:
      return run.Apply(y, [](T a, T b) { return a >= b; });
  }
}

template <typename T>
void Combine(ArithmeticOp op, const Run<T>& run, T* y) {
  if constexpr (std::is_integral<T>::value) {
    if (op == ArithmeticOp::kAnd) return run.Apply(y, [](T a, T b) { return a & b; });
    if (op == ArithmeticOp::kOr) return run.Apply(y, [](T a, T b) { return a | b; });
    if (op == ArithmeticOp::kXor) return run.Apply(y, [](T a, T b) { return a ^ b; });
  }
  if constexpr (std::is_unsigned<T>::value) {
    if (op == ArithmeticOp::kShiftLeft) return run.Apply(y, ShiftedLeft<T>);
    if (op == ArithmeticOp::kShiftRight) return run.Apply(y, [](T a, T b) { return b < sizeof(T) * 8 ? a >> b : 0; });
  }
}

template <typename T>
void Calculate(ArithmeticOp op, const Run<T>& run, T* y) {
  switch (op) {
    case ArithmeticOp::kAdd:
      return run.Apply(y, [](T a, T b) { return Wrapped(a, b, [](auto x, auto z) { return x + z; }); });
    case ArithmeticOp::kSub:
      return run.Apply(y, [](T a, T b) { return Wrapped(a, b, [](auto x, auto z) { return x - z; }); });
    case ArithmeticOp::kMul:
      return run.Apply(y, [](T a, T b) { return Wrapped(a, b, [](auto x, auto z) { return x * z; }); });
    case ArithmeticOp::kDiv:
      return run.Apply(y, Quotient<T>);
    case ArithmeticOp::kFloorDiv:
      return run.Apply(y, FloorQuotient<T>);
    case ArithmeticOp::kMod:
      return run.Apply(y, FloorRemainder<T>);
    case ArithmeticOp::kFmod:
      return run.Apply(y, Remainder<T>);
    case ArithmeticOp::kMax:
      return run.Apply(y, [](T a, T b) { return a > b ? a : b; });
    case ArithmeticOp::kMin:
      return run.Apply(y, [](T a, T b) { return a < b ? a : b; });
    default:
      return Combine(op, run, y);
  }
}

struct ArithmeticParams {
  ArithmeticOp op;
  ElementType type;
  BroadcastShape shape;
  BroadcastOperand a, b;
  Place y;
  bool is_clamped;  // int32 alone
  int32_t lo, hi;
};

class ArithmeticStep : public Step {
 public:
  explicit ArithmeticStep(const ArithmeticParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    WithNumberType(p_.type, [&](auto element) { RunAs<decltype(element)>(memory); });
  }

 private:
  template <typename T>
  void RunAs(const RunMemory& memory) const {
    const size_t last = p_.shape.rank - 1;
    ForBroadcastRows(memory, p_.shape, [&](size_t row, size_t first, size_t end) {
      const size_t a_step = p_.a.strides[last], b_step = p_.b.strides[last];
      const T* a = memory.In<T>(p_.a.place) + p_.a.OffsetOf(p_.shape, row) + first * a_step;
      const T* b = memory.In<T>(p_.b.place) + p_.b.OffsetOf(p_.shape, row) + first * b_step;
      const octensor::Run<T> run = {a, b, a_step, b_step, end - first};
      const size_t at = row * p_.shape.columns() + first;
      if (IsComparison(p_.op)) return Compare(p_.op, run, memory.Out<uint8_t>(p_.y) + at);
      T* y = memory.Out<T>(p_.y) + at;
      Calculate(p_.op, run, y);
      if (p_.is_clamped) Clamp(y, run.n);
    });
  }

  template <typename T>
  void Clamp(T* y, size_t n) const {
    if constexpr (std::is_same<T, int32_t>::value) {
      for (size_t i = 0; i < n; ++i) y[i] = y[i] < p_.lo ? p_.lo : y[i] > p_.hi ? p_.hi : y[i];
    }
  }

  ArithmeticParams p_;
};

bool HasOp(ElementType type, ArithmeticOp op) {
  const bool is_real = type == ElementType::kFloat32 || type == ElementType::kFloat64;
  const bool is_unsigned = static_cast<int>(type) % 2 == 1 && type < ElementType::kFloat32;
  const bool is_shift = op == ArithmeticOp::kShiftLeft || op == ArithmeticOp::kShiftRight;
  if (type == ElementType::kFloat16 || (is_real && IsBitwise(op))) return false;
  return !(type == ElementType::kBool && !IsComparison(op)) && (!is_shift || is_unsigned);
}

}  // namespace

// op: as ArithmeticOp; type: of a and b, as ElementType but float16; a, b; y: of their type, of bytes 0 and 1 for comparisons;
// dims: int32[1 to 8] of y; aStrides, bStrides: int32, in elements; lo, hi: clamp int32 results, both or none
void MakeArithmeticStep(StepFields* fields, std::unique_ptr<Step>* step) {
  ArithmeticParams p = {};
  p.op = static_cast<ArithmeticOp>(fields->Integer("op", 0, kOps - 1));
  p.type = ReadElementType(fields, "type");
  if (fields->ok() && !HasOp(p.type, p.op)) {
    return fields->Fail("type", StatusCode::kShape, "expected a type that the operation has");
  }
  const size_t bytes = ElementBytes(p.type);
  p.shape = ReadBroadcastShape(fields);
  p.a = ReadBroadcastOperand(fields, p.shape, "a", "aStrides", bytes);
  p.b = ReadBroadcastOperand(fields, p.shape, "b", "bStrides", bytes);
  p.y = fields->Out("y", p.shape.size, IsComparison(p.op) ? 1 : bytes);
  p.is_clamped = fields->Has("lo");
  if (p.is_clamped) {
    p.lo = static_cast<int32_t>(fields->Integer("lo", INT32_MIN, INT32_MAX));
    p.hi = static_cast<int32_t>(fields->Integer("hi", INT32_MIN, INT32_MAX));
    if (p.type != ElementType::kInt32) fields->Fail("type", StatusCode::kShape, "expected int32 where results are clamped");
  }
  if (fields->ok()) *step = std::make_unique<ArithmeticStep>(p);
}

}  // namespace octensor
