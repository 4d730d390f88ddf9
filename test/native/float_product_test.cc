// Products of computed float32 matrices, attention and layer normalization against their definitions in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "float_step.h"

namespace octensor {
namespace {

double Number(size_t value) { return static_cast<double>(value); }

void CheckClose(const std::vector<float>& y, const std::vector<double>& exact, double relative) {
  REQUIRE(y.size() == exact.size());
  double largest = 0, worst = 0;
  for (const double value : exact) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < y.size(); ++i) {
    const double error = std::fabs(y[i] - exact[i]);
    if (!(error <= worst)) worst = error;
  }
  CHECK(worst <= relative * largest);
}

struct Product {
  size_t m, k, n, a_count, b_count;
  std::vector<int32_t> dims, a_strides, b_strides;
};

TEST_CASE("batches of products, either operand repeated or transposed") {
  Random random(1);
  for (const Product& p : {Product{1, 1, 1, 1, 1, {}, {}, {}}, Product{5, 7, 3, 2, 2, {2}, {1}, {1}},
                           Product{30, 64, 40, 6, 3, {2, 3}, {3, 1}, {0, 1}}, Product{17, 33, 100, 1, 4, {4}, {0}, {1}},
                           Product{70, 300, 600, 1, 1, {}, {}, {}}}) {
    for (const bool is_transposed : {false, true}) {
      const std::vector<float> a = RandomFloats(random, p.a_count * p.m * p.k), b = RandomFloats(random, p.b_count * p.k * p.n);
      size_t products = 1;
      for (const int32_t dim : p.dims) products *= static_cast<size_t>(dim);
      std::vector<double> exact;
      for (size_t i = 0; i < products; ++i) {
        size_t a_at = 0, b_at = 0;
        for (size_t axis = p.dims.size(), rest = i; axis-- > 0; rest /= static_cast<size_t>(p.dims[axis])) {
          a_at += rest % static_cast<size_t>(p.dims[axis]) * static_cast<size_t>(p.a_strides[axis]);
          b_at += rest % static_cast<size_t>(p.dims[axis]) * static_cast<size_t>(p.b_strides[axis]);
        }
        for (size_t j = 0; j < p.m * p.n; ++j) {
          const size_t row = j / p.n, column = j % p.n;
          double sum = 0;
          for (size_t k = 0; k < p.k; ++k) {
            const size_t at = is_transposed ? column * p.k + k : k * p.n + column;
            sum += double{a[(a_at * p.m + row) * p.k + k]} * b[b_at * p.k * p.n + at];
          }
          exact.push_back(std::min(sum, 3.0));
        }
      }
      StepCase test;
      test.Numbers({{"m", Number(p.m)}, {"k", Number(p.k)}, {"n", Number(p.n)}, {"aCount", Number(p.a_count)}});
      test.Numbers({{"bCount", Number(p.b_count)}, {"transposed", is_transposed ? 1 : 0}}).Bounds({-kInfinity, 3});
      test.Integers("batchDims", p.dims).Integers("aStrides", p.a_strides).Integers("bStrides", p.b_strides);
      test.Input("a", a).Input("b", b);
      RunOnEveryIsa(&test, "float-matmul", exact.size(), [&](const std::vector<float>& y) { CheckClose(y, exact, 2e-6); });
      for (const char* name : {"m", "k", "n", "aCount", "bCount"}) {
        StepCase wrong = test;
        CHECK(wrong.Change(name, 100000).Make("float-matmul", Isa::kScalar, exact.size()) == nullptr);
      }
      if (p.dims.empty()) continue;
      StepCase outside = test;
      CHECK(outside.Change("bCount", Number(p.b_count) - 1).Make("float-matmul", Isa::kScalar, exact.size()) == nullptr);
    }
  }
}

struct Heads {
  size_t batches, heads, queries, keys, depth, value_depth;
};

TEST_CASE("attention of each head") {
  Random random(2);
  for (const Heads& h :
       {Heads{1, 1, 1, 1, 1, 1}, Heads{2, 3, 5, 40, 7, 33}, Heads{1, 2, 130, 100, 64, 64}, Heads{3, 2, 9, 700, 16, 8}}) {
    INFO("queries=" << h.queries << " keys=" << h.keys);
    const size_t y_count = h.batches * h.queries * h.heads * h.value_depth;
    const std::vector<float> q = RandomFloats(random, h.batches * h.queries * h.heads * h.depth);
    const std::vector<float> k = RandomFloats(random, h.batches * h.keys * h.heads * h.depth);
    const std::vector<float> v = RandomFloats(random, h.batches * h.keys * h.heads * h.value_depth);
    std::vector<double> exact(y_count);
    for (size_t i = 0; i < h.batches * h.queries * h.heads; ++i) {
      const size_t head = i % h.heads, batch = i / h.heads / h.queries;
      std::vector<double> weights(h.keys);
      double sum = 0;
      for (size_t key = 0; key < h.keys; ++key) {
        double score = 0;
        const float* row = k.data() + ((batch * h.keys + key) * h.heads + head) * h.depth;
        for (size_t d = 0; d < h.depth; ++d) score += double{q[i * h.depth + d]} * row[d];
        sum += weights[key] = std::exp(score * 0.125);
      }
      for (size_t key = 0; key < h.keys; ++key) {
        const float* row = v.data() + ((batch * h.keys + key) * h.heads + head) * h.value_depth;
        for (size_t d = 0; d < h.value_depth; ++d) exact[i * h.value_depth + d] += weights[key] / sum * row[d];
      }
    }
    StepCase test;
    test.Numbers(
        {{"batches", Number(h.batches)}, {"heads", Number(h.heads)}, {"queries", Number(h.queries)}, {"keys", Number(h.keys)}});
    test.Numbers({{"depth", Number(h.depth)}, {"valueDepth", Number(h.value_depth)}, {"beta", 0.125}});
    test.Input("q", q).Input("k", k).Input("v", v);
    RunOnEveryIsa(&test, "float-attention", y_count, [&](const std::vector<float>& y) { CheckClose(y, exact, 3e-6); });
    for (const char* name : {"batches", "heads", "queries", "keys", "depth", "valueDepth"}) {
      StepCase wrong = test;
      CHECK(wrong.Change(name, 1000000).Make("float-attention", Isa::kScalar, y_count) == nullptr);
    }
    // A mask of zeros changes nothing; one that is neither the scores' size nor 1 is refused.
    StepCase masked = test;
    masked.Input("mask", std::vector<float>(h.keys)).Integers("maskDims", {1, 1, 1, static_cast<int32_t>(h.keys)});
    RunOnEveryIsa(&masked, "float-attention", y_count, [&](const std::vector<float>& y) { CheckClose(y, exact, 3e-6); });
    StepCase other = test;
    other.Input("mask", std::vector<float>(h.keys)).Integers("maskDims", {1, 1, 1, static_cast<int32_t>(h.keys) + 1});
    CHECK(other.Make("float-attention", Isa::kScalar, y_count) == nullptr);
  }
}

TEST_CASE("layer normalization, centered or not, with a bias or without") {
  Random random(3);
  for (const size_t length : {size_t{1}, size_t{9}, size_t{384}, size_t{9001}}) {
    for (const int variant : {0, 1, 2, 3}) {
      const bool is_centered = (variant & 1) != 0, has_bias = (variant & 2) != 0;
      const size_t rows = length > 1000 ? 40 : 7;
      const std::vector<float> x = RandomFloats(random, rows * length, -1, 3), scale = RandomFloats(random, length);
      const std::vector<float> bias = RandomFloats(random, length);
      std::vector<double> exact;
      for (size_t row = 0; row < rows; ++row) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < length && is_centered; ++i) mean += x[row * length + i] / Number(length);
        for (size_t i = 0; i < length; ++i)
          variance += (x[row * length + i] - mean) * (x[row * length + i] - mean) / Number(length);
        for (size_t i = 0; i < length; ++i) {
          exact.push_back((x[row * length + i] - mean) / std::sqrt(variance + 1e-5) * scale[i] + (has_bias ? bias[i] : 0));
        }
      }
      StepCase test;
      test.Numbers({{"rows", Number(rows)}, {"length", Number(length)}, {"epsilon", 1e-5}, {"center", is_centered ? 1 : 0}});
      test.Input("x", x).Input("scale", scale);
      if (has_bias) test.Input("bias", bias);
      RunOnEveryIsa(&test, "float-layer-norm", x.size(), [&](const std::vector<float>& y) { CheckClose(y, exact, 5e-6); });
      StepCase wrong = test;
      CHECK(wrong.Change("length", 100000).Make("float-layer-norm", Isa::kScalar, x.size()) == nullptr);
    }
  }
}

}  // namespace
}  // namespace octensor
