// Products of 8-bit matrices of which both are computed, so that none can be packed beforehand:
// lib/ops/{matmul,matmul-integer}.ts, to the bit. Zero points are data too. Here the plain loops; byte_gemm.cc has the
// kernels'.
#include "ops/byte_matmul.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "ops/float_fields.h"
#include "ops/float_parts.h"

namespace octensor {
namespace {

constexpr double kNanosecondsPerMac = 0.2;

class ByteMatMulStep : public Step {
 public:
  ByteMatMulStep(ByteMatMulParams params, size_t threads) : p_(std::move(params)), threads_(threads) {}

  void Run(const RunMemory& memory) const override {
    const size_t rows = p_.batches.size * p_.m;
    const double macs = static_cast<double>(rows) * static_cast<double>(p_.k) * static_cast<double>(p_.n);
    ForParts(memory.threads, rows, kNanosecondsPerMac * macs, [&](size_t first, size_t end, size_t part) {
      auto* sums = reinterpret_cast<uint32_t*>(memory.scratch) + part * p_.n;
      for (size_t row = first; row < end; ++row) {
        Sum(memory, row, sums);
        Store(memory, row, sums);
      }
    });
  }

  size_t scratch_bytes() const override { return threads_ * p_.n * sizeof(uint32_t); }
  size_t size_bytes() const override { return p_.scales.size() * sizeof(float) + p_.factors.size() * sizeof(FixedPoint); }

 private:
  void Sum(const RunMemory& memory, size_t index, uint32_t* sums) const {
    const size_t batch = index / p_.m, row = index % p_.m;
    const size_t a_start = p_.StartOf(p_.a, batch), b_start = p_.StartOf(p_.b, batch);
    const uint8_t* a = memory.In<uint8_t>(p_.a.matrices.place) + a_start + row * (p_.a.is_transposed ? 1 : p_.k);
    const size_t a_step = p_.a.is_transposed ? p_.m : 1;
    const uint8_t* b = memory.In<uint8_t>(p_.b.matrices.place) + b_start;
    const int32_t a_zero = p_.a.ZeroPoint(memory, a_start, p_.k, p_.m, row);
    const int32_t* bias = p_.has_bias ? memory.In<int32_t>(p_.bias) : nullptr;
    for (size_t column = 0; column < p_.n; ++column) sums[column] = bias == nullptr ? 0 : static_cast<uint32_t>(bias[column]);
    uint32_t total = 0;  // of the row of a, which each column's zero point is multiplied with
    for (size_t i = 0; i < p_.k; ++i) {
      const auto x = static_cast<uint32_t>(p_.a.At(a, i * a_step) - a_zero);
      total += x;
      if (x == 0) continue;
      const size_t step = p_.b.is_transposed ? p_.k : 1;
      AddProducts(x, p_.b.is_transposed ? b + i : b + i * p_.n, step, sums);
    }
    for (size_t column = 0; p_.b.zero_count > 0 && column < p_.n; ++column) {
      sums[column] -= total * static_cast<uint32_t>(p_.b.ZeroPoint(memory, b_start, p_.k, p_.n, column));
    }
  }

  // sums[i] += x times b's element i, `step` apart.
  void AddProducts(uint32_t x, const uint8_t* b, size_t step, uint32_t* sums) const {
    if (p_.b.is_signed) {
      const auto* values = reinterpret_cast<const int8_t*>(b);
      for (size_t i = 0; i < p_.n; ++i) sums[i] += x * static_cast<uint32_t>(int32_t{values[i * step]});
    } else {
      for (size_t i = 0; i < p_.n; ++i) sums[i] += x * b[i * step];
    }
  }

  void Store(const RunMemory& memory, size_t row, const uint32_t* sums) const {
    for (size_t i = 0; i < p_.n; ++i) {
      const auto sum = static_cast<int32_t>(sums[i]);
      const size_t at = row * p_.n + i;
      if (p_.kind == OutputKind::kInt32) {
        memory.Out<int32_t>(p_.y)[at] = sum;
      } else if (p_.kind == OutputKind::kFloat32) {
        memory.Out<float>(p_.y)[at] = static_cast<float>(sum) * p_.scales[i];
      } else {
        memory.Out<uint8_t>(p_.y)[at] = static_cast<uint8_t>(AddZeroPointAndClamp(Scaled(sum, i), p_.zero_point, p_.lo, p_.hi));
      }
    }
  }

  int32_t Scaled(int32_t sum, size_t column) const {
    if (p_.numerics == Numerics::kOnnx) return RequantizeOnnx(sum, p_.scales[column]);
    const FixedPoint factor = p_.factors[column];
    return p_.numerics == Numerics::kTflite ? RequantizeTflite(sum, factor) : RequantizeSingle(sum, factor);
  }

  ByteMatMulParams p_;
  size_t threads_;
};

// Names of fields live as long as the program.
struct OperandNames {
  const char *place, *strides, *is_signed, *transposed, *zero_points, *zero_count;
};
constexpr OperandNames kA = {"a", "aStrides", "aSigned", "aTransposed", "aZeroPoints", "aZeroCount"};
constexpr OperandNames kB = {"b", "bStrides", "bSigned", "bTransposed", "bZeroPoints", "bZeroCount"};

// `each`: rows or columns that may have a zero point of their own.
ByteOperand ReadOperand(StepFields* fields, const OperandNames& names, const BroadcastShape& batches, size_t size,
                        size_t each) {
  ByteOperand operand = {};
  operand.is_signed = fields->Flag(names.is_signed), operand.is_transposed = fields->Flag(names.transposed);
  // Bytes: an element of the broadcast operand is the first one of a matrix
  operand.matrices = ReadBroadcastOperand(fields, batches, names.place, names.strides, 1);
  size_t end = 1;
  for (size_t i = 0; fields->ok() && i < batches.rank; ++i) {
    if (operand.matrices.strides[i] % size != 0) {
      fields->Fail(names.strides, StatusCode::kShape, "expected strides of whole matrices");
      break;
    }
    end += (batches.dims[i] - 1) * (operand.matrices.strides[i] / size);
  }
  const size_t whole = CheckedProduct(fields, names.strides, {end, size});
  operand.matrices.place = fields->In(names.place, whole, 1);
  operand.zero_count = fields->Size(names.zero_count, 0);
  const size_t all = CheckedProduct(fields, names.zero_count, {end, each});
  if (operand.zero_count > 1 && operand.zero_count != each && operand.zero_count < all) {
    fields->Fail(names.zero_count, StatusCode::kShape, "expected 1 zero point, or one for each row or column");
  }
  if (operand.zero_count > 0) operand.zero_points = fields->In(names.zero_points, operand.zero_count, 1);
  return operand;
}

void ReadOutput(StepFields* fields, ByteMatMulParams* p) {
  p->kind = static_cast<OutputKind>(fields->Integer("outputKind", 0, 2));
  p->numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 2));
  const size_t y_count = CheckedProduct(fields, "m", {p->batches.size, p->m, p->n});
  p->y = fields->Out("y", y_count, p->kind == OutputKind::kQuantized ? 1 : 4);
  if (p->kind == OutputKind::kInt32) return;
  const double* multipliers = fields->Doubles("multipliers", p->n);
  for (size_t i = 0; multipliers != nullptr && i < p->n; ++i) {
    if (!(multipliers[i] > 0 && multipliers[i] < kFixedPointLimit)) {
      return fields->Fail("multipliers", StatusCode::kQuantization, "expected multipliers above 0 and below 2^30");
    }
    p->multipliers.push_back(multipliers[i]);
    p->scales.push_back(static_cast<float>(multipliers[i]));
    p->factors.push_back(ToFixedPoint(multipliers[i]));
  }
  if (p->kind == OutputKind::kFloat32) return;
  p->is_signed = fields->Flag("ySigned");
  const int32_t lowest = p->is_signed ? -128 : 0;
  p->zero_point = static_cast<int32_t>(fields->Integer("yZeroPoint", lowest, lowest + 255));
  p->lo = static_cast<int32_t>(fields->Integer("yMin", lowest, lowest + 255)),
  p->hi = static_cast<int32_t>(fields->Integer("yMax", p->lo, lowest + 255));
}

}  // namespace

// y[batches..., m, n] = a[.., m, k] b[.., k, n]; dims: int32, batches of y; for a and b: aStrides: int32, in elements, of whole
// matrices; aSigned, aTransposed: flags; aZeroPoints: of aZeroCount bytes of a's type, none, one, one for each row (of b:
// column) of a matrix, or of all matrices; bias: int32[n], a place, optional; outputKind, numerics; multipliers: float64[n], of
// what is not int32; ySigned: a flag, yZeroPoint, yMin, yMax: of 8-bit results
void MakeByteMatMulStep(StepFields* fields, std::unique_ptr<Step>* step) {
  ByteMatMulParams p = {};
  p.m = fields->Size("m"), p.k = fields->Size("k"), p.n = fields->Size("n");
  p.batches = ReadBroadcastShape(fields);
  const size_t a_size = CheckedProduct(fields, "k", {p.m, p.k}), b_size = CheckedProduct(fields, "k", {p.k, p.n});
  if (!fields->ok()) return;
  p.a = ReadOperand(fields, kA, p.batches, a_size, p.m);
  p.b = ReadOperand(fields, kB, p.batches, b_size, p.n);
  p.has_bias = fields->Has("bias");
  if (p.has_bias) p.bias = fields->In("bias", p.n, sizeof(int32_t));
  ReadOutput(fields, &p);
  if (!fields->ok()) return;
  const StepEnvironment& environment = fields->environment();
  if (SuitsGemm(p, environment)) {
    *step = MakeByteGemm(std::move(p), environment);
  } else {
    *step = std::make_unique<ByteMatMulStep>(std::move(p), environment.threads);
  }
}

}  // namespace octensor
