// Every kernel of transposition against its definition, and copies in any order of dimensions that may use one, on memory that
// ends before a guard page.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "kernels/transpose.h"

#include <doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/thread_pool.h"
#include "guarded_buffer.h"
#include "ops/step.h"

namespace octensor {
namespace {

// Distances of rows in elements; negative ones begin with the last row.
struct Problem {
  size_t rows, columns;
  ptrdiff_t x_stride, y_stride;
};

size_t Extent(size_t rows, ptrdiff_t stride, size_t columns) {
  return (rows - 1) * static_cast<size_t>(stride < 0 ? -stride : stride) + columns;
}

ptrdiff_t Start(size_t rows, ptrdiff_t stride) { return stride < 0 ? -static_cast<ptrdiff_t>(rows - 1) * stride : 0; }

// Every byte of y, those between its rows included.
template <typename T>
bool IsExact(TransposeFunction transpose, const Problem& p) {
  GuardedBuffer<T> x(Extent(p.rows, p.x_stride, p.columns)), y(Extent(p.columns, p.y_stride, p.rows));
  std::mt19937_64 random(p.rows * 1000 + p.columns);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(random());
  std::vector<T> expected(y.data(), y.data() + y.size());
  const ptrdiff_t x_start = Start(p.rows, p.x_stride), y_start = Start(p.columns, p.y_stride);
  for (size_t i = 0; i < p.rows; ++i) {
    for (size_t j = 0; j < p.columns; ++j) {
      const auto row = static_cast<ptrdiff_t>(i), column = static_cast<ptrdiff_t>(j);
      expected[static_cast<size_t>(y_start + column * p.y_stride + row)] = x.data()[x_start + row * p.x_stride + column];
    }
  }
  constexpr auto kBytes = static_cast<ptrdiff_t>(sizeof(T));
  transpose(reinterpret_cast<const uint8_t*>(x.data() + x_start), p.x_stride * kBytes,
            reinterpret_cast<uint8_t*>(y.data() + y_start), p.y_stride * kBytes, p.rows, p.columns);
  return y.IsSurroundingUntouched() && std::memcmp(y.data(), expected.data(), y.size_bytes()) == 0;
}

void Check(const TransposeKernels& kernels, const Problem& p) {
  CAPTURE(p.rows);
  CAPTURE(p.columns);
  CAPTURE(p.x_stride);
  CAPTURE(p.y_stride);
  CHECK(IsExact<uint8_t>(kernels.transpose[0], p));
  CHECK(IsExact<uint16_t>(kernels.transpose[1], p));
  CHECK(IsExact<uint32_t>(kernels.transpose[2], p));
  CHECK(IsExact<uint64_t>(kernels.transpose[3], p));
}

Problem Dense(size_t rows, size_t columns) {
  return {rows, columns, static_cast<ptrdiff_t>(columns), static_cast<ptrdiff_t>(rows)};
}

template <class Test>
void ForEachKernel(const Test& test) {
  size_t count;
  const TransposeKernels* const* list = TransposeKernelList(&count);
  for (size_t i = 0; i < count; ++i) {
    CAPTURE(list[i]->name);
    if (IsSupported(list[i]->isa)) test(*list[i]);
  }
}

TEST_CASE("dense matrices of all sizes up to 70") {
  ForEachKernel([](const TransposeKernels& kernels) {
    for (size_t rows = 1; rows <= 70; ++rows) {
      for (size_t columns = 1; columns <= 70; ++columns) Check(kernels, Dense(rows, columns));
    }
  });
}

TEST_CASE("rows with gaps, from the last to the first, and one matrix inside another") {
  ForEachKernel([](const TransposeKernels& kernels) {
    std::mt19937 random(1);
    for (int i = 0; i < 1500; ++i) {
      const size_t limit = i % 3 == 0 ? 20 : 150;
      Problem p = Dense(1 + random() % limit, 1 + random() % limit);
      if (random() % 2 == 0) p.x_stride += random() % 40;
      if (random() % 2 == 0) p.y_stride += random() % 40;
      if (random() % 4 == 0) p.x_stride = -p.x_stride;
      if (random() % 4 == 0) p.y_stride = -p.y_stride;
      Check(kernels, p);
    }
  });
}

TEST_CASE("rows so far apart that they share sets of a cache") {
  ForEachKernel([](const TransposeKernels& kernels) {
    for (const size_t rows : {16, 17, 31, 64, 65, 79, 130}) {
      for (const size_t columns : {16, 23, 64, 77, 129}) {
        Check(kernels, {rows, columns, 512, static_cast<ptrdiff_t>(rows)});
        Check(kernels, {rows, columns, static_cast<ptrdiff_t>(columns), 1024});
        Check(kernels, {rows, columns, -512, 512});
      }
    }
  });
}

TEST_CASE("images: few rows or columns and many of the others") {
  ForEachKernel([](const TransposeKernels& kernels) {
    for (size_t few = 1; few <= 33; ++few) {
      for (const size_t many : {99, 256, 1001}) {
        Check(kernels, Dense(few, many));
        Check(kernels, Dense(many, few));
      }
    }
  });
}

constexpr size_t kMaxTestThreads = 3;

// Dimension i of y is dimension perm[i] of x.
struct Permutation {
  std::vector<int32_t> dims, perm;
  size_t element_bytes;
};

std::unique_ptr<Step> MakeCopy(const Permutation& p, Isa isa, size_t count) {
  const size_t rank = p.dims.size();
  std::vector<int32_t> own(rank, 1), dims(rank), x_strides(rank), y_strides(rank, 1);
  for (size_t i = rank; i-- > 1;) own[i - 1] = own[i] * p.dims[i];
  for (size_t i = 0; i < rank; ++i) {
    dims[i] = p.dims[static_cast<size_t>(p.perm[i])];
    x_strides[i] = own[static_cast<size_t>(p.perm[i])];
  }
  for (size_t i = rank; i-- > 1;) y_strides[i - 1] = y_strides[i] * dims[i];
  const auto number = [](const char* name, double value) { return Field{name, FieldType::kNumber, value, nullptr, 0}; };
  const auto array = [](const char* name, const std::vector<int32_t>& values) {
    return Field{name, FieldType::kInt32, 0, values.data(), values.size()};
  };
  const auto size = static_cast<double>(count), bytes = static_cast<double>(p.element_bytes);
  const std::vector<Field> fields = {number("x", -1),
                                     number("y", 0),
                                     number("elementBytes", bytes),
                                     number("xCount", size),
                                     number("yCount", size),
                                     number("xOffset", 0),
                                     number("yOffset", 0),
                                     array("dims", dims),
                                     array("xStrides", x_strides),
                                     array("yStrides", y_strides)};
  const size_t total = count * p.element_bytes;
  StepFields reader(fields.data(), fields.size(), {isa, kMaxTestThreads, total, total});
  std::unique_ptr<Step> step;
  FindStepKind("copy")->make(&reader, &step);
  return step;
}

// One element after the other, in the order of x.
std::vector<uint8_t> Permuted(const Permutation& p, const uint8_t* x, size_t count) {
  const size_t rank = p.dims.size();
  std::vector<size_t> strides(rank), index(rank, 0);
  size_t stride = p.element_bytes;
  for (size_t i = rank; i-- > 0;) {
    strides[static_cast<size_t>(p.perm[i])] = stride;
    stride *= static_cast<size_t>(p.dims[static_cast<size_t>(p.perm[i])]);
  }
  std::vector<uint8_t> y(count * p.element_bytes);
  for (size_t element = 0; element < count; ++element) {
    const size_t to = std::inner_product(index.begin(), index.end(), strides.begin(), size_t{0});
    std::memcpy(&y[to], x + element * p.element_bytes, p.element_bytes);
    for (size_t i = rank; i-- > 0 && ++index[i] == static_cast<size_t>(p.dims[i]);) index[i] = 0;
  }
  return y;
}

void CheckCopies(const Permutation& p) {
  size_t count = 1, isa_count;
  for (const int32_t dim : p.dims) count *= static_cast<size_t>(dim);
  GuardedBuffer<uint8_t> x(count * p.element_bytes, p.element_bytes);
  std::mt19937 random(7);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(random());
  const std::vector<uint8_t> expected = Permuted(p, x.data(), count);
  CAPTURE(p.element_bytes);
  CAPTURE(count);
  const IsaEntry* isas = IsaList(&isa_count);
  for (size_t i = 0; i < isa_count; ++i) {
    if (!IsSupported(isas[i].isa)) continue;
    const std::unique_ptr<Step> step = MakeCopy(p, isas[i].isa, count);
    REQUIRE(step != nullptr);
    for (size_t threads = 1; threads <= kMaxTestThreads; ++threads) {
      GuardedBuffer<uint8_t> y(x.size(), p.element_bytes);
      step->Run({y.data(), x.data(), nullptr, threads});
      CHECK(y.IsSurroundingUntouched());
      CHECK(std::memcmp(y.data(), expected.data(), expected.size()) == 0);
    }
  }
}

TEST_CASE("copies: permutations of up to 5 dimensions") {
  std::mt19937 random(2);
  for (int i = 0; i < 400; ++i) {
    const size_t rank = 1 + random() % 5;
    Permutation p = {std::vector<int32_t>(rank), std::vector<int32_t>(rank), size_t{1} << random() % 4};
    const uint32_t limit = rank > 3 ? 9 : rank == 3 ? 30 : 90;
    for (int32_t& dim : p.dims) dim = static_cast<int32_t>(1 + random() % limit);
    std::iota(p.perm.begin(), p.perm.end(), 0);
    std::shuffle(p.perm.begin(), p.perm.end(), random);
    CheckCopies(p);
  }
}

TEST_CASE("copies: matrices that are divided among threads") {
  ThreadPool::Acquire();
  for (const size_t bytes : {1, 2, 4, 8}) {
    CheckCopies({{1, 1031, 1037}, {0, 2, 1}, bytes});
    CheckCopies({{3, 70000}, {1, 0}, bytes});
    CheckCopies({{90001, 11}, {1, 0}, bytes});
    CheckCopies({{7, 300, 513}, {0, 2, 1}, bytes});
    CheckCopies({{30011, 5, 7}, {0, 2, 1}, bytes});
    CheckCopies({{17, 129, 65, 9}, {3, 2, 1, 0}, bytes});
    CheckCopies({{70, 300, 5, 12}, {1, 2, 0, 3}, bytes});
  }
  ThreadPool::Release();
}

TEST_CASE("copies: transpositions run on the instruction set's kernel") {
  const auto kernel = [](const Permutation& p, size_t count) {
    return std::string(MakeCopy(p, BestIsa().isa, count)->kernel());
  };
  const std::string own = FindTransposeKernels(BestIsa().isa).name;
  CHECK(kernel({{1, 8, 8, 3}, {0, 3, 1, 2}, 4}, 192) == own);
  CHECK(kernel({{2, 3, 8, 8}, {0, 2, 3, 1}, 1}, 384) == own);
  CHECK(kernel({{8, 8, 4}, {1, 0, 2}, 1}, 256) == own);  // of four bytes each
  CHECK(kernel({{2, 3, 4, 5}, {3, 2, 1, 0}, 8}, 120) == own);
  CHECK(kernel({{8, 8, 5}, {1, 0, 2}, 4}, 320) == "scalar");  // of 20 bytes
}

}  // namespace
}  // namespace octensor
