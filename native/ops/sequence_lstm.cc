// TFLite's LSTM over a sequence, of int8 with a cell of int16, to the bit, or of float32:
// lib/ops/unidirectional-sequence-lstm.ts and lstm-steps.ts. Sums of float32 are in double; results differ by how exp and tanh
// of libraries do.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/gate_product.h"
#include "ops/recurrent_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

constexpr size_t kGates = 4;  // input, forget, cell, output
constexpr size_t kCellGate = 2;
constexpr size_t kTableSize = 256;

struct GatePlaces {
  Place input, recurrent, bias;
  bool has_bias;
};

struct LstmParams {
  size_t batches, steps, depth, units;
  bool is_time_major;
  Place x, hidden, cell, y, next_hidden, next_cell;
  GatePlaces gates[kGates];

  // Of x's row of a batch and a step, and y's.
  size_t RowOf(size_t batch, size_t step) const { return is_time_major ? step * batches + batch : batch * steps + step; }
};

class LstmStep : public Step {
 public:
  explicit LstmStep(const LstmParams& params) : p_(params) {}

 protected:
  // Advances the states by one row after the other, and copies what they become to y. advance(x, hidden, cell).
  template <typename T, typename Cell, typename Advance>
  void ForRows(const RunMemory& memory, const Advance& advance) const {
    T* hidden = memory.Out<T>(p_.next_hidden);
    Cell* cell = memory.Out<Cell>(p_.next_cell);
    std::memmove(hidden, memory.In<T>(p_.hidden), p_.batches * p_.units * sizeof(T));
    std::memmove(cell, memory.In<Cell>(p_.cell), p_.batches * p_.units * sizeof(Cell));
    for (size_t n = 0; n < p_.batches; ++n, hidden += p_.units, cell += p_.units) {
      for (size_t t = 0; t < p_.steps; ++t) {
        const size_t row = p_.RowOf(n, t);
        advance(memory.In<T>(p_.x) + row * p_.depth, hidden, cell);
        std::memmove(memory.Out<T>(p_.y) + row * p_.units, hidden, p_.units * sizeof(T));
      }
    }
  }

  LstmParams p_;
};

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

class FloatLstmStep : public LstmStep {
 public:
  FloatLstmStep(const LstmParams& params, double clip) : LstmStep(params), clip_(clip) {}

  void Run(const RunMemory& memory) const override {
    auto* sums = reinterpret_cast<double*>(memory.scratch);
    double* recurrent = sums + kGates * p_.units;
    ForRows<float, float>(memory, [&](const float* x, float* hidden, float* cell) {
      for (size_t gate = 0; gate < kGates; ++gate) Sum(memory, p_.gates[gate], x, hidden, recurrent, sums + gate * p_.units);
      for (size_t u = 0; u < p_.units; ++u) {
        const double taken = Logistic(sums[u]) * std::tanh(sums[2 * p_.units + u]);
        double next = Logistic(sums[p_.units + u]) * double{cell[u]} + taken;
        if (clip_ > 0) next = std::min(std::max(next, -clip_), clip_);
        cell[u] = static_cast<float>(next);
        hidden[u] = static_cast<float>(Logistic(sums[3 * p_.units + u]) * std::tanh(next));
      }
    });
  }

  size_t scratch_bytes() const override { return (kGates + 1) * p_.units * sizeof(double); }

 private:
  void Sum(const RunMemory& memory, const GatePlaces& gate, const float* x, const float* hidden, double* recurrent,
           double* sums) const {
    const float* bias = gate.has_bias ? memory.In<float>(gate.bias) : nullptr;
    RealProducts(memory.In<float>(gate.input), bias, x, p_.units, p_.depth, sums);
    RealProducts<float>(memory.In<float>(gate.recurrent), nullptr, hidden, p_.units, p_.units, recurrent);
    for (size_t u = 0; u < p_.units; ++u) sums[u] += recurrent[u];
  }

  double clip_;
};

struct IntegerLstmParams {
  Numerics numerics;
  FixedPoint input[kGates], recurrent[kGates];  // of sums to Q3.12
  FixedPoint forget, update, hidden;            // of products to the cell, and to the hidden state
  int32_t x_zero_point, hidden_zero_point;
  int32_t input_zero_points[kGates], recurrent_zero_points[kGates];
  int32_t clip;                         // 0: none
  int32_t tanh_multiplier, tanh_shift;  // of the cell, to units of 2^-12 / 3
  int32_t sigmoids[kTableSize];         // lib/ops/sigmoid-table.ts
};

class IntegerLstmStep : public LstmStep {
 public:
  IntegerLstmStep(const LstmParams& params, const IntegerLstmParams& q) : LstmStep(params), q_(q) {}

  void Run(const RunMemory& memory) const override {
    auto* gates = reinterpret_cast<int16_t*>(memory.scratch);
    int16_t* input = gates + kGates * p_.units;
    int16_t* previous = input + p_.depth;
    ForRows<int8_t, int16_t>(memory, [&](const int8_t* x, int8_t* hidden, int16_t* cell) {
      for (size_t i = 0; i < p_.depth; ++i) input[i] = static_cast<int16_t>(x[i] - q_.x_zero_point);
      for (size_t u = 0; u < p_.units; ++u) previous[u] = static_cast<int16_t>(hidden[u] - q_.hidden_zero_point);
      for (size_t gate = 0; gate < kGates; ++gate) Activate(memory, gate, input, previous, gates + gate * p_.units);
      for (size_t u = 0; u < p_.units; ++u) Update(gates + u, hidden + u, cell + u);
    });
  }

  size_t scratch_bytes() const override { return ((kGates + 1) * p_.units + p_.depth) * sizeof(int16_t); }

 private:
  void Activate(const RunMemory& memory, size_t gate, const int16_t* x, const int16_t* hidden, int16_t* values) const {
    const GatePlaces& places = p_.gates[gate];
    const auto* input = memory.In<int8_t>(places.input);
    const auto* recurrent = memory.In<int8_t>(places.recurrent);
    for (size_t u = 0; u < p_.units; ++u) {
      const uint32_t bias = places.has_bias ? static_cast<uint32_t>(memory.In<int32_t>(places.bias)[u]) : 0;
      const int32_t sum = WrappingDot(x, input + u * p_.depth, q_.input_zero_points[gate], p_.depth);
      const int32_t again = WrappingDot(hidden, recurrent + u * p_.units, q_.recurrent_zero_points[gate], p_.units);
      values[u] = GateValue(gate, static_cast<int32_t>(bias + static_cast<uint32_t>(sum)), again);
    }
  }

 protected:
  int32_t Scale(int32_t x, FixedPoint factor) const { return ScaleSum(x, factor, q_.numerics); }

  int16_t GateValue(size_t gate, int32_t from_input, int32_t from_hidden) const {
    const int32_t sum = Saturate16(Scale(from_input, q_.input[gate]));
    const int32_t value = Saturate16(sum + Saturate16(Scale(from_hidden, q_.recurrent[gate])));
    return static_cast<int16_t>(gate == kCellGate ? Tanh(value, 3, 0) : Sigmoid(value));
  }

  void Update(const int16_t* gates, int8_t* hidden, int16_t* cell) const {
    const int32_t taken = gates[0] * gates[kCellGate * p_.units], kept = gates[p_.units] * *cell;
    int32_t next = Saturate16(Saturate16(Scale(kept, q_.forget)) + Saturate16(Scale(taken, q_.update)));
    if (q_.clip > 0) next = std::clamp(next, -q_.clip, q_.clip);
    *cell = static_cast<int16_t>(next);
    const int32_t product = Tanh(next, q_.tanh_multiplier, q_.tanh_shift) * gates[3 * p_.units];
    const int64_t scaled = int64_t{Scale(product, q_.hidden)} + q_.hidden_zero_point;
    *hidden = static_cast<int8_t>(std::clamp<int64_t>(scaled, -128, 127));
  }

  // Between two neighbours of the table, `bits` of the magnitude's fraction.
  int32_t Interpolate(int32_t magnitude, int bits) const {
    const int32_t low = q_.sigmoids[magnitude >> bits];
    return (low << bits) + (magnitude & ((1 << bits) - 1)) * (q_.sigmoids[(magnitude >> bits) + 1] - low);
  }

  int32_t Sigmoid(int32_t x) const {
    const int32_t input = x * 3, magnitude = std::abs(input);
    const int32_t result = magnitude >> 9 >= 255 ? 0x7fff << 10 : Interpolate(magnitude, 9);
    return (input >= 0 ? result + 0x200 : (1 << 25) - result + 0x1ff) >> 10;
  }

  int32_t Tanh(int32_t x, int32_t multiplier, int32_t shift) const {
    const int32_t input = (x * multiplier + (shift > 0 ? 1 << (shift - 1) : 0)) >> shift, magnitude = std::abs(input);
    const int32_t result = magnitude >> 8 >= 255 ? 0xffff << 8 : Interpolate(magnitude, 8);
    return (input >= 0 ? result - (1 << 23) + 0x80 : -result + (1 << 23) + 0x7f) >> 8;
  }

  IntegerLstmParams q_;
};

// The same with constant weights: those of all gates are one matrix, which is multiplied with the inputs of all steps at once,
// and one that is multiplied with the hidden states of all batches in every step.
class PackedLstmStep : public IntegerLstmStep {
 public:
  PackedLstmStep(const LstmParams& params, const IntegerLstmParams& q, GateProduct input, GateProduct recurrent, size_t threads)
      : IntegerLstmStep(params, q), input_(std::move(input)), recurrent_(std::move(recurrent)) {
    const size_t row_bytes = kGates * p_.units * sizeof(int32_t);
    again_at_ = RoundUp(p_.batches * p_.steps * row_bytes, kAlignment);
    gates_at_ = again_at_ + RoundUp(p_.batches * row_bytes, kAlignment);
    rows_at_ = gates_at_ + RoundUp(kGates * p_.units * sizeof(int16_t), kAlignment);
    scratch_bytes_ = rows_at_ + std::max(input_.scratch_bytes(threads), recurrent_.scratch_bytes(threads));
  }

  void Run(const RunMemory& memory) const override {
    auto* sums = reinterpret_cast<int32_t*>(memory.scratch);
    auto* again = reinterpret_cast<int32_t*>(memory.scratch + again_at_);
    auto* gates = reinterpret_cast<int16_t*>(memory.scratch + gates_at_);
    auto* hidden = memory.Out<int8_t>(p_.next_hidden);
    auto* cell = memory.Out<int16_t>(p_.next_cell);
    std::memmove(hidden, memory.In<int8_t>(p_.hidden), p_.batches * p_.units);
    std::memmove(cell, memory.In<int16_t>(p_.cell), p_.batches * p_.units * sizeof(int16_t));
    input_.Run(memory.In<int8_t>(p_.x), p_.batches * p_.steps, sums, memory.scratch + rows_at_, memory.threads);
    for (size_t t = 0; t < p_.steps; ++t) {
      recurrent_.Run(hidden, p_.batches, again, memory.scratch + rows_at_, memory.threads);
      for (size_t n = 0; n < p_.batches; ++n) {
        const size_t row = p_.RowOf(n, t), state = n * p_.units, width = kGates * p_.units;
        for (size_t i = 0; i < width; ++i) gates[i] = GateValue(i / p_.units, sums[row * width + i], again[n * width + i]);
        for (size_t u = 0; u < p_.units; ++u) Update(gates + u, hidden + state + u, cell + state + u);
        std::memmove(memory.Out<int8_t>(p_.y) + row * p_.units, hidden + state, p_.units);
      }
    }
  }

  const char* kernel() const override { return input_.kernel(); }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  size_t size_bytes() const override { return input_.size_bytes() + recurrent_.size_bytes(); }

 private:
  GateProduct input_, recurrent_;
  // Of scratch memory: the sums of the inputs, those of the hidden states, a row's gates, what products need.
  size_t again_at_, gates_at_, rows_at_, scratch_bytes_;
};

// Names of fields live as long as the program.
struct GateNames {
  const char *input, *recurrent, *bias;
};
constexpr GateNames kGateNames[kGates] = {{"input0", "recurrent0", "bias0"},
                                          {"input1", "recurrent1", "bias1"},
                                          {"input2", "recurrent2", "bias2"},
                                          {"input3", "recurrent3", "bias3"}};

LstmParams ReadLstm(StepFields* fields, bool is_float) {
  LstmParams p = {};
  p.batches = fields->Size("batches"), p.steps = fields->Size("steps");
  p.depth = fields->Size("depth"), p.units = fields->Size("units");
  p.is_time_major = fields->Flag("timeMajor");
  const size_t x_count = CheckedProduct(fields, "depth", {p.batches, p.steps, p.depth});
  const size_t y_count = CheckedProduct(fields, "units", {p.batches, p.steps, p.units});
  const size_t states = CheckedProduct(fields, "units", {p.batches, p.units});
  const size_t inputs = CheckedProduct(fields, "depth", {p.units, p.depth});
  const size_t recurrents = CheckedProduct(fields, "units", {p.units, p.units});
  const size_t bytes = is_float ? 4 : 1, cell_bytes = is_float ? 4 : 2;
  p.x = fields->In("x", x_count, bytes), p.y = fields->Out("y", y_count, bytes);
  p.hidden = fields->In("hidden", states, bytes), p.next_hidden = fields->Out("nextHidden", states, bytes);
  p.cell = fields->In("cell", states, cell_bytes), p.next_cell = fields->Out("nextCell", states, cell_bytes);
  for (size_t gate = 0; gate < kGates && !fields->Has("inputWeights"); ++gate) {
    const GateNames& names = kGateNames[gate];
    GatePlaces& places = p.gates[gate];
    places.input = fields->In(names.input, inputs, bytes);
    places.recurrent = fields->In(names.recurrent, recurrents, bytes);
    places.has_bias = fields->Has(names.bias);
    if (places.has_bias) places.bias = fields->In(names.bias, p.units, 4);
  }
  return p;
}

IntegerLstmParams ReadIntegerLstm(StepFields* fields) {
  IntegerLstmParams q = {};
  q.numerics = static_cast<Numerics>(fields->Integer("numerics", 0, 1));
  ReadFixedPoints(fields, "inputFactors", kGates, q.input);
  ReadFixedPoints(fields, "recurrentFactors", kGates, q.recurrent);
  FixedPoint factors[3] = {};
  ReadFixedPoints(fields, "stateFactors", 3, factors);
  q.forget = factors[0], q.update = factors[1], q.hidden = factors[2];
  int32_t zero_points[2] = {};
  ReadZeroPoints(fields, "zeroPoints", 2, zero_points);
  q.x_zero_point = zero_points[0], q.hidden_zero_point = zero_points[1];
  ReadZeroPoints(fields, "inputZeroPoints", kGates, q.input_zero_points);
  ReadZeroPoints(fields, "recurrentZeroPoints", kGates, q.recurrent_zero_points);
  q.clip = static_cast<int32_t>(fields->Integer("clip", 0, 32767));
  // 16 bits times up to 3 2^12
  q.tanh_multiplier = static_cast<int32_t>(fields->Integer("tanhMultiplier", 0, 3 << 12));
  q.tanh_shift = static_cast<int32_t>(fields->Integer("tanhShift", 0, 30));
  const int32_t* sigmoids = fields->Int32s("sigmoids", kTableSize);
  for (size_t i = 0; sigmoids != nullptr && i < kTableSize; ++i) {
    if (sigmoids[i] < 0 || sigmoids[i] > 65535) fields->Fail("sigmoids", StatusCode::kShape, "expected numbers of 16 bits");
    q.sigmoids[i] = sigmoids[i];
  }
  return q;
}

void MakePackedLstm(StepFields* fields, const LstmParams& p, const IntegerLstmParams& q, std::unique_ptr<Step>* step) {
  const size_t columns = CheckedProduct(fields, "units", {kGates, p.units});
  bool are_signed[2];
  const uint8_t* input = fields->Bytes("inputWeights", CheckedProduct(fields, "depth", {columns, p.depth}), are_signed);
  const uint8_t* again = fields->Bytes("recurrentWeights", CheckedProduct(fields, "units", {columns, p.units}), are_signed + 1);
  const int32_t* bias = fields->Int32s("biases", columns);
  CheckedProduct(fields, "steps", {p.batches, p.steps, columns, sizeof(int32_t)});  // of sums
  if (!(are_signed[0] && are_signed[1])) fields->Fail("inputWeights", StatusCode::kShape, "expected Int8Arrays");
  const auto is_byte = [](int32_t x) { return x >= -128 && x <= 127; };
  const bool are_bytes = is_byte(q.x_zero_point) && is_byte(q.hidden_zero_point) &&
                         std::all_of(q.input_zero_points, q.input_zero_points + kGates, is_byte) &&
                         std::all_of(q.recurrent_zero_points, q.recurrent_zero_points + kGates, is_byte);
  if (!are_bytes) fields->Fail("zeroPoints", StatusCode::kQuantization, "expected zero points of int8");
  if (!fields->ok()) return;
  std::vector<int32_t> input_zeros(columns), recurrent_zeros(columns);
  for (size_t i = 0; i < columns; ++i) {
    input_zeros[i] = q.input_zero_points[i / p.units];
    recurrent_zeros[i] = q.recurrent_zero_points[i / p.units];
  }
  GateProduct from_input, from_hidden;
  const StepEnvironment& environment = fields->environment();
  Status status = from_input.Pack(environment.isa, input, columns, p.depth, input_zeros.data(), q.x_zero_point, bias);
  if (status.ok()) {
    status = from_hidden.Pack(environment.isa, again, columns, p.units, recurrent_zeros.data(), q.hidden_zero_point, nullptr);
  }
  if (!status.ok()) return fields->Fail("inputWeights", status.code, status.message);
  *step = std::make_unique<PackedLstmStep>(p, q, std::move(from_input), std::move(from_hidden), environment.threads);
}

}  // namespace

// float: a flag, else int8; batches, steps, depth, units; timeMajor: a flag; x[batches, steps, depth] or [steps, batches,
// depth]; y the same with units; hidden, nextHidden: [batches, units] of x's type; cell, nextCell: of int16 or float32; for
// each gate i: input<i>[units, depth], recurrent<i>[units, units], bias<i>[units], optional, int32 or float32. float: cellClip.
// Else IntegerLstmParams; and instead of input<i>, recurrent<i>, bias<i>, where they are constant, those of all gates one after
// the other: inputWeights, recurrentWeights: int8, biases: int32[4 units]
void MakeSequenceLstmStep(StepFields* fields, std::unique_ptr<Step>* step) {
  const bool is_float = fields->Flag("float");
  const LstmParams p = ReadLstm(fields, is_float);
  if (is_float) {
    const double clip = fields->Number("cellClip");
    if (fields->ok()) *step = std::make_unique<FloatLstmStep>(p, clip);
    return;
  }
  const IntegerLstmParams q = ReadIntegerLstm(fields);
  if (fields->Has("inputWeights")) return MakePackedLstm(fields, p, q, step);
  if (fields->ok()) *step = std::make_unique<IntegerLstmStep>(p, q);
}

}  // namespace octensor
