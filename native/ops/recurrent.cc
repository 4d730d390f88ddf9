// ONNX's RNN, GRU and LSTM of float32: lib/ops/{recurrent,rnn,gru,lstm,recurrent-activations}.ts. Sums are in double,
// what passes from step to step has the type of x; results differ by how exp and tanh of libraries do. A length beyond the
// sequence ends the run.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/old_libm.h"
#include "ops/float_fields.h"
#include "ops/recurrent_parts.h"
#include "ops/step.h"

namespace octensor {
namespace {

enum class RecurrentKind { kRnn, kGru, kLstm };
constexpr size_t kGateCounts[] = {1, 3, 4};
constexpr size_t kActivations[] = {1, 2, 3};
constexpr size_t kMaxActivations = 3;

// In the order of lib/ops/recurrent-activations.ts.
using RealFunction = double (*)(double x, double alpha, double beta);
constexpr RealFunction kFunctions[] = {
    [](double x, double alpha, double beta) { return alpha * x + beta; },
    [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x) : x; },
    [](double x, double alpha, double beta) { return std::min(std::max(alpha * x + beta, 0.0), 1.0); },
    [](double x, double alpha, double) { return x < 0 ? alpha * x : x; },
    [](double x, double, double) { return std::max(x, 0.0); },
    [](double x, double alpha, double beta) { return alpha * std::tanh(beta * x); },
    [](double x, double, double) { return 1 / (1 + std::exp(-x)); },
    [](double x, double, double) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); },
    [](double x, double, double) { return x / (1 + std::fabs(x)); },
    [](double x, double, double) { return std::tanh(x); },
    [](double x, double alpha, double) { return x > alpha ? x : 0; },
};
constexpr int64_t kFunctionCount = sizeof(kFunctions) / sizeof(kFunctions[0]);

struct Activation {
  RealFunction function;
  double alpha, beta, clip;  // clip: infinite where there is none

  double operator()(double x) const {
    if (x > clip) x = clip;
    if (x < -clip) x = -clip;
    return function(x, alpha, beta);
  }
};

struct RecurrentParams {
  RecurrentKind kind;
  bool is_batch_first, is_reverse, joins_gates;  // joins: GRU's resetAfter, LSTM's inputForget
  size_t steps, batches, depth, units, directions;
  Activation activations[2][kMaxActivations];
  Place x, w, r, b, lengths, h0, c0, peepholes, y, h, c;
  bool has_b, has_lengths, has_h0, has_c0, has_peepholes, has_h, has_c;

  size_t gates() const { return kGateCounts[static_cast<size_t>(kind)]; }
  size_t rows() const { return gates() * units; }
};

// One direction of one batch: states, and room for sums.
struct Cell {
  const RecurrentParams& p;
  const Activation* f;  // gates, candidate, output
  const float *w, *r, *w_bias, *r_bias, *peepholes;
  float *hidden, *cell;
  double *from_input, *from_hidden, *from_reset, *reset;

  void Advance(const float* x) const {
    RealProducts(w, w_bias, x, p.rows(), p.depth, from_input);
    RealProducts(r, r_bias, hidden, p.rows(), p.units, from_hidden);
    if (p.kind == RecurrentKind::kRnn) {
      for (size_t u = 0; u < p.units; ++u) hidden[u] = static_cast<float>(f[0](Sum(u)));
    } else if (p.kind == RecurrentKind::kGru) {
      AdvanceGru();
    } else {
      for (size_t u = 0; u < p.units; ++u) AdvanceLstm(u);
    }
  }

  double Sum(size_t i) const { return from_input[i] + from_hidden[i]; }

  void AdvanceGru() const {
    if (!p.joins_gates) {
      for (size_t u = 0; u < p.units; ++u) reset[u] = f[0](Sum(p.units + u)) * double{hidden[u]};
      const size_t at = 2 * p.units;
      RealProducts(r + at * p.units, r_bias == nullptr ? nullptr : r_bias + at, reset, p.units, p.units, from_reset);
    }
    for (size_t u = 0; u < p.units; ++u) {
      const size_t n = 2 * p.units + u;
      const double past = p.joins_gates ? f[0](Sum(p.units + u)) * from_hidden[n] : from_reset[u];
      const double candidate = f[1](from_input[n] + past), update = f[0](Sum(u));
      hidden[u] = static_cast<float>((1 - update) * candidate + update * double{hidden[u]});
    }
  }

  double Peephole(size_t i) const { return peepholes == nullptr ? 0 : double{peepholes[i]}; }

  void AdvanceLstm(size_t u) const {
    const size_t output = p.units + u, forget = 2 * p.units + u, candidate = 3 * p.units + u;
    const double previous = cell[u];
    const double taken = f[0](Sum(u) + Peephole(u) * previous);
    const double kept = p.joins_gates ? 1 - taken : f[0](Sum(forget) + Peephole(forget) * previous);
    const double next = kept * previous + taken * f[1](Sum(candidate));
    cell[u] = static_cast<float>(next);
    hidden[u] = static_cast<float>(f[0](Sum(output) + Peephole(output) * next) * f[2](next));
  }
};

class RecurrentStep : public Step {
 public:
  explicit RecurrentStep(const RecurrentParams& params) : p_(params) {}

  void Run(const RunMemory& memory) const override {
    for (size_t n = 0; p_.has_lengths && n < p_.batches; ++n) {
      const int32_t length = memory.In<int32_t>(p_.lengths)[n];
      if (length < 0 || static_cast<size_t>(length) > p_.steps) return memory.Refuse();
    }
    RunSequences(memory);
  }

  size_t scratch_bytes() const override { return (3 * p_.rows() + 3 * p_.units) * sizeof(double); }

 private:
  void RunSequences(const RunMemory& memory) const {
    auto* scratch = reinterpret_cast<double*>(memory.scratch);
    float* y = memory.Out<float>(p_.y);
    std::fill_n(y, p_.steps * p_.batches * p_.directions * p_.units, 0.0f);
    const size_t rows = p_.rows(), units = p_.units;
    double* sums = scratch + 2 * units;
    for (size_t d = 0; d < p_.directions; ++d) {
      const float* bias = p_.has_b ? memory.In<float>(p_.b) + d * 2 * rows : nullptr;
      const Cell cell = {p_,
                         p_.activations[d],
                         memory.In<float>(p_.w) + d * rows * p_.depth,
                         memory.In<float>(p_.r) + d * rows * units,
                         bias,
                         bias == nullptr ? nullptr : bias + rows,
                         p_.has_peepholes ? memory.In<float>(p_.peepholes) + d * 3 * units : nullptr,
                         reinterpret_cast<float*>(scratch),
                         reinterpret_cast<float*>(scratch + units),
                         sums,
                         sums + rows,
                         sums + 2 * rows,
                         sums + 3 * rows};
      for (size_t n = 0; n < p_.batches; ++n) RunSequence(memory, cell, d, n);
    }
  }

  void RunSequence(const RunMemory& memory, const Cell& cell, size_t d, size_t n) const {
    const size_t units = p_.units, state_at = (p_.is_batch_first ? n * p_.directions + d : d * p_.batches + n) * units;
    Begin(cell.hidden, p_.has_h0 ? memory.In<float>(p_.h0) + state_at : nullptr);
    Begin(cell.cell, p_.has_c0 ? memory.In<float>(p_.c0) + state_at : nullptr);
    const size_t given = p_.has_lengths ? static_cast<size_t>(memory.In<int32_t>(p_.lengths)[n]) : p_.steps;
    const size_t length = std::min(given, p_.steps);  // what was checked, whoever writes there
    for (size_t k = 0; k < length; ++k) {
      const size_t t = d == 1 || p_.is_reverse ? length - 1 - k : k;
      cell.Advance(memory.In<float>(p_.x) + (p_.is_batch_first ? n * p_.steps + t : t * p_.batches + n) * p_.depth);
      const size_t at = p_.is_batch_first ? (n * p_.steps + t) * p_.directions + d : (t * p_.directions + d) * p_.batches + n;
      std::memcpy(memory.Out<float>(p_.y) + at * units, cell.hidden, units * sizeof(float));
    }
    if (p_.has_h) std::memcpy(memory.Out<float>(p_.h) + state_at, cell.hidden, units * sizeof(float));
    if (p_.has_c) std::memcpy(memory.Out<float>(p_.c) + state_at, cell.cell, units * sizeof(float));
  }

  void Begin(float* state, const float* initial) const {
    if (initial == nullptr) {
      std::fill_n(state, p_.units, 0.0f);
    } else {
      std::copy_n(initial, p_.units, state);
    }
  }

  RecurrentParams p_;
};

void ReadActivations(StepFields* fields, RecurrentParams* p) {
  const size_t each = kActivations[static_cast<size_t>(p->kind)], count = each * p->directions;
  const int32_t* functions = fields->Int32s("activations", count);
  const double* alphas = fields->Doubles("alphas", count);
  const double* betas = fields->Doubles("betas", count);
  const double clip = fields->Number("clip");
  for (size_t i = 0; fields->ok() && i < count; ++i) {
    if (functions[i] < 0 || functions[i] >= kFunctionCount) {
      return fields->Fail("activations", StatusCode::kShape, "expected indices of activation functions");
    }
    // An LSTM's cell is not clipped
    const double limit = clip > 0 && i % each < 2 ? clip : HUGE_VAL;
    p->activations[i / each][i % each] = {kFunctions[functions[i]], alphas[i], betas[i], limit};
  }
}

}  // namespace

// kind: 0 RNN, 1 GRU, 2 LSTM, of G = 1, 3 or 4 gates and 1, 2 or 3 activations; batchFirst, reverse,
// joins (resetAfter or inputForget): flags; steps, batches, depth, units, directions: T, N, I, H, D; places as
// lib/ops/recurrent.ts has them: x, w, r, y, and optional b, lengths (int32), h0, c0, peepholes, h, c; activations: int32,
// alphas, betas: float64, for each direction and activation; clip
void MakeRecurrentStep(StepFields* fields, std::unique_ptr<Step>* step) {
  RecurrentParams p = {};
  p.kind = static_cast<RecurrentKind>(fields->Integer("kind", 0, 2));
  p.is_batch_first = fields->Flag("batchFirst");
  p.is_reverse = fields->Flag("reverse"), p.joins_gates = fields->Flag("joins");
  p.steps = fields->Size("steps"), p.batches = fields->Size("batches"), p.depth = fields->Size("depth");
  p.units = fields->Size("units"), p.directions = static_cast<size_t>(fields->Integer("directions", 1, 2));
  constexpr size_t bytes = sizeof(float);
  const size_t states = CheckedProduct(fields, "units", {p.directions, p.batches, p.units});
  const auto optional = [&](const char* name, size_t count, size_t element_bytes, Place* place) {
    const bool has = fields->Has(name);
    if (has) *place = fields->In(name, count, element_bytes);
    return has;
  };
  p.x = fields->In("x", CheckedProduct(fields, "depth", {p.steps, p.batches, p.depth}), bytes);
  p.w = fields->In("w", CheckedProduct(fields, "depth", {p.directions, p.rows(), p.depth}), bytes);
  p.r = fields->In("r", CheckedProduct(fields, "units", {p.directions, p.rows(), p.units}), bytes);
  p.y = fields->Out("y", CheckedProduct(fields, "units", {p.steps, states}), bytes);
  p.has_b = optional("b", p.directions * 2 * p.rows(), bytes, &p.b);
  p.has_lengths = optional("lengths", p.batches, 4, &p.lengths);
  p.has_h0 = optional("h0", states, bytes, &p.h0);
  p.has_c0 = optional("c0", states, bytes, &p.c0);
  p.has_peepholes = optional("peepholes", p.directions * 3 * p.units, bytes, &p.peepholes);
  p.has_h = fields->Has("h"), p.has_c = fields->Has("c");
  if (p.has_h) p.h = fields->Out("h", states, bytes);
  if (p.has_c) p.c = fields->Out("c", states, bytes);
  ReadActivations(fields, &p);
  if (fields->ok()) *step = std::make_unique<RecurrentStep>(p);
}

}  // namespace octensor
