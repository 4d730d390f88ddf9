// The list of eager kinds, and how their fields are read. One line here registers a kind; lib/tfjs/kernels/ makes the calls.
#include "ops/eager.h"

#include <cmath>

namespace octensor {

Status EagerUnaryCall(const EagerCall& call);
Status EagerBinaryCall(const EagerCall& call);
Status EagerCompareCall(const EagerCall& call);
Status EagerPowCall(const EagerCall& call);
Status EagerFunctionCall(const EagerCall& call);
Status EagerCastCall(const EagerCall& call);
Status EagerLogicalCall(const EagerCall& call);
Status EagerSelectCall(const EagerCall& call);
Status EagerReduceCall(const EagerCall& call);
Status EagerArgCall(const EagerCall& call);
Status EagerSoftmaxCall(const EagerCall& call);
Status EagerNormalizeCall(const EagerCall& call);
Status EagerCopyCall(const EagerCall& call);
Status EagerMatMulCall(const EagerCall& call);
Status EagerConvCall(const EagerCall& call);
Status EagerConvInputGradientCall(const EagerCall& call);
Status EagerConvFilterGradientCall(const EagerCall& call);
Status EagerDepthwiseCall(const EagerCall& call);
Status EagerDepthwiseInputGradientCall(const EagerCall& call);
Status EagerDepthwiseFilterGradientCall(const EagerCall& call);
Status EagerPoolCall(const EagerCall& call);
Status EagerPoolGradientCall(const EagerCall& call);
Status EagerGatherCall(const EagerCall& call);
Status EagerClampGradientCall(const EagerCall& call);
Status EagerSnapCall(const EagerCall& call);
Status EagerSnapGradientCall(const EagerCall& call);
Status EagerAdamCall(const EagerCall& call);

namespace {

const EagerKind kEagerKinds[] = {
    {"unary", EagerUnaryCall},
    {"binary", EagerBinaryCall},
    {"compare", EagerCompareCall},
    {"pow", EagerPowCall},
    {"function", EagerFunctionCall},
    {"cast", EagerCastCall},
    {"logical", EagerLogicalCall},
    {"select", EagerSelectCall},
    {"reduce", EagerReduceCall},
    {"arg", EagerArgCall},
    {"softmax", EagerSoftmaxCall},
    {"normalize", EagerNormalizeCall},
    {"copy", EagerCopyCall},
    {"matmul", EagerMatMulCall},
    {"conv", EagerConvCall},
    {"convInputGradient", EagerConvInputGradientCall},
    {"convFilterGradient", EagerConvFilterGradientCall},
    {"depthwise", EagerDepthwiseCall},
    {"depthwiseInputGradient", EagerDepthwiseInputGradientCall},
    {"depthwiseFilterGradient", EagerDepthwiseFilterGradientCall},
    {"pool", EagerPoolCall},
    {"poolGradient", EagerPoolGradientCall},
    {"gather", EagerGatherCall},
    {"clampGradient", EagerClampGradientCall},
    {"snap", EagerSnapCall},
    {"snapGradient", EagerSnapGradientCall},
    {"adam", EagerAdamCall},
};

size_t SizeBytes(const EagerOperand& operand) { return operand.count * (operand.type == EagerType::kUint8 ? 1 : 4); }

}  // namespace

const EagerKind* EagerKinds(size_t* count) {
  *count = sizeof(kEagerKinds) / sizeof(kEagerKinds[0]);
  return kEagerKinds;
}

double EagerFields::Number() {
  if (next_number_ >= call_.number_count) {
    Fail(StatusCode::kShape, "expected more numbers");
    return 0;
  }
  return call_.numbers[next_number_++];
}

int64_t EagerFields::Integer(int64_t min, int64_t max) {
  const double value = Number();
  if (status_.ok() && !(value >= static_cast<double>(min) && value <= static_cast<double>(max) && value == std::floor(value))) {
    Fail(StatusCode::kShape, "expected an integer within its bounds");
  }
  return status_.ok() ? static_cast<int64_t>(value) : min;
}

EagerShape EagerFields::Shape() {
  EagerShape shape;
  shape.rank = static_cast<size_t>(Integer(0, kMaxEagerRank));
  size_t size = 1;
  for (size_t i = 0; i < shape.rank; ++i) {
    shape.dims[i] = Size();
    size = Product({size, shape.dims[i]});
  }
  if (!ok()) shape.rank = 0;
  return shape;
}

size_t EagerFields::Product(std::initializer_list<size_t> sizes) {
  size_t product = 1;
  for (const size_t size : sizes) {
    if (size > 0 && product > kMaxEagerElements / size) Fail(StatusCode::kShape, "expected fewer elements");
    product *= ok() ? size : 0;
  }
  return product;
}

EagerOperand EagerFields::InAny() {
  if (ok() && next_operand_ >= call_.operand_count) Fail(StatusCode::kShape, "expected more operands");
  return ok() ? call_.operands[next_operand_++] : EagerOperand{};
}

void* EagerFields::Operand(EagerType type, size_t count) {
  if (!ok()) return nullptr;
  if (next_operand_ >= call_.operand_count) {
    Fail(StatusCode::kShape, "expected more operands");
    return nullptr;
  }
  const EagerOperand& operand = call_.operands[next_operand_++];
  if (operand.type != type) {
    Fail(StatusCode::kShape, "expected an operand of another element type");
  } else if (operand.count != count) {
    Fail(StatusCode::kShape, "expected operands as long as their shapes say");
  }
  return ok() ? operand.data : nullptr;
}

void* EagerFields::Output(EagerType type, size_t count, InPlace in_place) {
  const size_t index = next_operand_;
  void* data = Operand(type, count);
  if (data == nullptr) return data;
  const EagerOperand& output = call_.operands[index];
  const auto begin = reinterpret_cast<uintptr_t>(data), end = begin + SizeBytes(output);
  for (size_t i = 0; i < call_.operand_count; ++i) {
    const EagerOperand& other = call_.operands[i];
    const auto other_begin = reinterpret_cast<uintptr_t>(other.data), other_end = other_begin + SizeBytes(other);
    if (i == index || other.data == nullptr || end <= other_begin || other_end <= begin) continue;
    if (in_place == InPlace::kYes && begin == other_begin && end == other_end) continue;
    Fail(StatusCode::kShape, "expected outputs that share no memory with other operands");
  }
  return ok() ? data : nullptr;
}

Status EagerFields::Finish() {
  if (next_number_ != call_.number_count) Fail(StatusCode::kShape, "expected fewer numbers");
  if (next_operand_ != call_.operand_count) Fail(StatusCode::kShape, "expected fewer operands");
  return status_;
}

}  // namespace octensor
