// Add, Sub and Mul of quantized tensors on the vectors of x86, whose unpack and pack instructions work within 128 bits.
//
// V is a struct of an instruction set's operations:
//   Vector, Half, Real          integers; half as many bytes; float32
//   kLanes                      int32 of a Vector
//   Requant<kTflite>            the fixed-point rules of its epilogue
//   Set16, Add16, Sub16, Mul16, MulHigh16, MulRound16, AddSaturated16, Set32, Add32, Sub32, Mul32, ShiftRight32,
//   SetReal, AddReal, SubReal, MulReal, DivReal, MinReal, ToReal, ToInteger: one instruction each
//   ZipLow16, ZipHigh16, Pack32, WidenBytes(half): also one
//   Sign16(d), Times32(d)       d >> 15 and d << 5
//   MulPairs(a, b)              sums of two products of int16 as int32
//   PackBytes(low, high)        int16 to uint8 in order
//   Part(x, i)                  half i of the bytes
//   ForEach(params, a, b, y, n, body)
//                               y = clamp(body(a, b)), all as uint8, a vector at a time
//   ByLanes(params, zero_point, x, z, combine)
//                               combine(x, z) of bytes less their zero points as int32, kLanes at a time
//   FoldZeroPoint<kTflite>(zero_point, right, requant)
//                               whether it could make the rule add the zero point, too
#ifndef OCTENSOR_KERNELS_ELEMENTWISE_VECTOR_H_
#define OCTENSOR_KERNELS_ELEMENTWISE_VECTOR_H_

#include "kernels/elementwise_scalar.h"
#include "kernels/inline.h"

namespace octensor {
namespace {

template <class V>
struct VectorElementwise {
  using Vector = typename V::Vector;
  using Half = typename V::Half;
  using Real = typename V::Real;

  // Bytes as int16 in order. Unpacking those with anything and packing again, both within 128-bit lanes, keeps the order.
  static OCTENSOR_INLINE Vector Widen(Half bytes, Vector zero_point) { return V::Sub16(V::WidenBytes(bytes), zero_point); }

  // One operand of a fixed-point Add whose factor is below 1/2: differences d to M(d << 20), as the pairs of vectors that
  // unpacking makes of them.
  //
  //   tflite: ((d << 20) q + 2^30 + 2^(30+e) - [d < 0] 2^31) >> (31 + e)
  //         = (((d q + 2^10) >> 11) + 2^(e-1) - [d < 0]) >> e
  //   single: ((d << 20) q + 2^(30+e)) >> (31 + e) = (((d q) >> 11) + 2^(e-1)) >> e
  //
  // d has 9 bits, so 16-bit multiplications do: with q = high 2^16 + low, low in [-2^15, 2^15),
  //   (d q + 2^10) >> 11 = 32 d high + ((d low + 2^10) >> 11)
  // where the last term is a vpmulhrsw (or a vpmulhw, without the 2^10), and vpmaddwd adds the two. `high` can be 2^15, hence
  // its sign and that of the difference are changed.
  template <bool kTflite>
  struct AddFactor {
    Vector zero_point, low, pair, half, shift;

    OCTENSOR_INLINE AddFactor(FixedPoint m, int32_t z) {
      const auto low_part = static_cast<int16_t>(m.multiplier & 0xffff);
      const int32_t high = static_cast<int32_t>((int64_t{m.multiplier} - low_part) >> 16);
      const int right = m.multiplier == 0 ? 31 : -m.exponent;  // zero is zero at any shift
      zero_point = V::Set16(static_cast<int16_t>(z));
      low = V::Set16(low_part);
      pair = V::Set32(static_cast<int32_t>((static_cast<uint32_t>(-high) & 0xffff) | 1u << 16));
      half = V::Set32(right > 0 ? 1 << (right - 1) : 0);
      shift = V::Set32(right);
    }
    OCTENSOR_INLINE void operator()(Half bytes, Vector* even, Vector* odd) const {
      const Vector negated = V::Sub16(zero_point, V::WidenBytes(bytes));
      Vector rest;
      if (kTflite) {
        const Vector d = V::Mul16(negated, V::Set16(-16));
        rest = V::Add16(V::MulRound16(d, low), V::Sign16(d));
      } else {
        rest = V::MulHigh16(V::Mul16(negated, V::Set16(-32)), low);
      }
      const Vector d = V::Times32(negated);
      const Vector x = V::MulPairs(V::ZipLow16(d, rest), pair);
      const Vector z = V::MulPairs(V::ZipHigh16(d, rest), pair);
      *even = V::ShiftRight32(V::Add32(x, half), shift);
      *odd = V::ShiftRight32(V::Add32(z, half), shift);
    }
  };

  // The operand whose factor is 1/2: d << 19, negated where `sign` is -1.
  struct AddHalf {
    Vector zero_point, factor;

    OCTENSOR_INLINE AddHalf(int32_t z, int sign)
        : zero_point(V::Set16(static_cast<int16_t>(z))), factor(V::Set16(static_cast<int16_t>(8 * sign))) {}
    OCTENSOR_INLINE void operator()(Half bytes, Vector* even, Vector* odd) const {
      const Vector d = V::Mul16(Widen(bytes, zero_point), factor);
      *even = V::ZipLow16(V::Set32(0), d);
      *odd = V::ZipHigh16(V::Set32(0), d);
    }
  };

  // What epilogues read, of one channel that stands for a vector of them.
  struct OneChannel {
    alignas(64) int32_t multiplier[V::kLanes], exponent[V::kLanes];
    Epilogue epilogue;

    explicit OneChannel(FixedPoint m) : epilogue() {
      for (int i = 0; i < V::kLanes; ++i) {
        multiplier[i] = m.multiplier;
        exponent[i] = m.multiplier == 0 ? -31 : m.exponent;
      }
      epilogue.multiplier = multiplier;
      epilogue.exponent = exponent;
    }
  };

  // a has the factor 1/2, times `sign`; b has any, or 1/2 as well.
  template <bool kTflite, bool kBothHalf, bool kSubtract>
  OCTENSOR_NOINLINE static void AddFixed(const AddParams& p, int sign, const uint8_t* a, const uint8_t* b, uint8_t* y,
                                         size_t n) {
    const OneChannel channel(p.y_scale);
    typename V::template Requant<kTflite> requant(channel.epilogue, 0);
    const bool is_folded = V::template FoldZeroPoint<kTflite>(p.zero_point, -channel.exponent[0], &requant);
    const Vector zero_point = V::Set16(static_cast<int16_t>(p.zero_point));
    const AddHalf half(p.a_zero_point, sign), other_half(p.b_zero_point, 1);
    const AddFactor<kTflite> factor(p.b_scale, p.b_zero_point);
    V::ForEach(p, a, b, y, n, [&](Vector x, Vector z) {
      Vector words[2];
      OCTENSOR_UNROLL for (int part = 0; part < 2; ++part) {
        Vector u[2], v[2];
        half(V::Part(x, part), &u[0], &u[1]);
        if (kBothHalf) {
          other_half(V::Part(z, part), &v[0], &v[1]);
        } else {
          factor(V::Part(z, part), &v[0], &v[1]);
        }
        OCTENSOR_UNROLL for (int i = 0; i < 2; ++i) { u[i] = requant(kSubtract ? V::Sub32(u[i], v[i]) : V::Add32(u[i], v[i])); }
        words[part] = V::Pack32(u[0], u[1]);
        if (!is_folded) words[part] = V::AddSaturated16(words[part], zero_point);
      }
      return V::PackBytes(words[0], words[1]);
    });
  }

  template <bool kSubtract>
  OCTENSOR_NOINLINE static void AddOnnx(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
    const Real scale_a = V::SetReal(p.a_real), scale_b = V::SetReal(p.b_real), scale_y = V::SetReal(p.y_real);
    V::ForEach(p, a, b, y, n, [&](Vector x, Vector z) {
      return V::ByLanes(p, p.zero_point, x, z, [&](Vector left, Vector right) {
        const Real u = V::MulReal(V::ToReal(left), scale_a), v = V::MulReal(V::ToReal(right), scale_b);
        const Real quotient = V::DivReal(kSubtract ? V::SubReal(u, v) : V::AddReal(u, v), scale_y);
        return V::ToInteger(V::MinReal(quotient, V::SetReal(1024.0f)));  // as in OnnxRequant
      });
    });
  }

  template <bool kTflite>
  static void AddFixedOf(const AddParams& p, bool a_is_half, bool b_is_half, const uint8_t* a, const uint8_t* b, uint8_t* y,
                         size_t n) {
    if (!a_is_half) {  // a - b is -b + a
      AddParams swapped = p;
      swapped.a_flip = p.b_flip, swapped.a_zero_point = p.b_zero_point, swapped.a_scale = p.b_scale;
      swapped.b_flip = p.a_flip, swapped.b_zero_point = p.a_zero_point, swapped.b_scale = p.a_scale;
      return AddFixed<kTflite, false, false>(swapped, p.subtract ? -1 : 1, b, a, y, n);
    }
    if (b_is_half) {
      return p.subtract ? AddFixed<kTflite, true, true>(p, 1, a, b, y, n) : AddFixed<kTflite, true, false>(p, 1, a, b, y, n);
    }
    return p.subtract ? AddFixed<kTflite, false, true>(p, 1, a, b, y, n) : AddFixed<kTflite, false, false>(p, 1, a, b, y, n);
  }

  static void Add(const AddParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
    if (p.numerics == Numerics::kOnnx) return p.subtract ? AddOnnx<true>(p, a, b, y, n) : AddOnnx<false>(p, a, b, y, n);
    if (p.general) return AddScalar(p, a, b, y, n);
    const bool a_is_half = IsHalf(p.a_scale), b_is_half = IsHalf(p.b_scale);
    return p.numerics == Numerics::kTflite ? AddFixedOf<true>(p, a_is_half, b_is_half, a, b, y, n)
                                           : AddFixedOf<false>(p, a_is_half, b_is_half, a, b, y, n);
  }

  template <bool kTflite>
  OCTENSOR_NOINLINE static void MulFixed(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
    const OneChannel channel(p.scale);
    const typename V::template Requant<kTflite> requant(channel.epilogue, 0);
    const Vector a_zero = V::Set16(static_cast<int16_t>(p.a_zero_point));
    const Vector b_zero = V::Set16(static_cast<int16_t>(p.b_zero_point));
    const Vector y_zero = V::Set16(static_cast<int16_t>(p.zero_point));
    V::ForEach(p, a, b, y, n, [&](Vector x, Vector z) {
      Vector words[2];
      OCTENSOR_UNROLL for (int part = 0; part < 2; ++part) {
        const Vector u = Widen(V::Part(x, part), a_zero), v = Widen(V::Part(z, part), b_zero);
        const Vector low = V::Mul16(u, v), high = V::MulHigh16(u, v);
        const Vector first = requant(V::ZipLow16(low, high)), second = requant(V::ZipHigh16(low, high));
        words[part] = V::AddSaturated16(V::Pack32(first, second), y_zero);
      }
      return V::PackBytes(words[0], words[1]);
    });
  }

  OCTENSOR_NOINLINE static void MulOnnx(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
    const Real scale = V::SetReal(p.real), zero = V::SetReal(p.real_zero_point);
    V::ForEach(p, a, b, y, n, [&](Vector x, Vector z) {
      return V::ByLanes(p, p.y_flip, x, z, [&](Vector left, Vector right) {
        const Real product = V::ToReal(V::Mul32(left, right));
        const Real real = V::AddReal(V::MulReal(product, scale), zero);
        return V::ToInteger(V::MinReal(real, V::SetReal(1024.0f)));
      });
    });
  }

  static void Mul(const MulParams& p, const uint8_t* a, const uint8_t* b, uint8_t* y, size_t n) {
    if (p.numerics == Numerics::kOnnx) return MulOnnx(p, a, b, y, n);
    if (p.general) return MulScalar(p, a, b, y, n);
    return p.numerics == Numerics::kTflite ? MulFixed<true>(p, a, b, y, n) : MulFixed<false>(p, a, b, y, n);
  }
};

}  // namespace
}  // namespace octensor

#endif  // OCTENSOR_KERNELS_ELEMENTWISE_VECTOR_H_
