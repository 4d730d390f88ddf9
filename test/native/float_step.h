// A step of the native program made from fields by name and run by itself: its inputs are constants that end before a guard
// page, and so does its output.
#ifndef OCTENSOR_TEST_NATIVE_FLOAT_STEP_H_
#define OCTENSOR_TEST_NATIVE_FLOAT_STEP_H_

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/thread_pool.h"
#include "float_problem.h"
#include "guarded_buffer.h"
#include "ops/step.h"

namespace octensor {

constexpr size_t kMaxTestThreads = 3;

class StepCase {
 public:
  StepCase& Number(const char* name, double value) {
    fields_.push_back({name, FieldType::kNumber, value, nullptr, 0});
    return *this;
  }
  StepCase& Numbers(std::initializer_list<std::pair<const char*, double>> numbers) {
    for (const auto& [name, value] : numbers) Number(name, value);
    return *this;
  }
  StepCase& Floats(const char* name, const std::vector<float>& values) {
    floats_.push_back(values);
    fields_.push_back({name, FieldType::kFloat32, 0, floats_.back().data(), values.size()});
    return *this;
  }
  StepCase& Doubles(const char* name, const std::vector<double>& values) {
    doubles_.push_back(values);
    fields_.push_back({name, FieldType::kFloat64, 0, doubles_.back().data(), values.size()});
    return *this;
  }
  StepCase& Integers(const char* name, const std::vector<int32_t>& values) {
    integers_.push_back(values);
    fields_.push_back({name, FieldType::kInt32, 0, integers_.back().data(), values.size()});
    return *this;
  }
  StepCase& Bytes(const char* name, const std::vector<int8_t>& values) {
    bytes_.push_back(values);
    fields_.push_back({name, FieldType::kInt8, 0, bytes_.back().data(), values.size()});
    return *this;
  }
  StepCase& Bounds(FloatBounds bounds) { return Floats("bounds", {bounds.lo, bounds.hi}); }
  StepCase& Input(const char* name, const std::vector<float>& values) {
    inputs_.push_back({name, values});
    return *this;
  }
  // Another value for a number that is already there.
  StepCase& Change(const std::string& name, double value) {
    for (Field& field : fields_) {
      if (field.name == name) field.number = value;
    }
    return *this;
  }

  // Null, and why in status(), where the step refuses its description.
  std::unique_ptr<Step> Make(const char* kind, Isa isa, size_t output_count) {
    constants_count_ = 0;
    std::vector<Field> fields = fields_;
    for (InputValues& input : inputs_) constants_count_ += input.values.size();
    constants_ = std::make_shared<GuardedBuffer<float>>(constants_count_);
    size_t at = 0;
    for (InputValues& input : inputs_) {
      std::copy(input.values.begin(), input.values.end(), constants_->data() + at);
      fields.push_back({input.name, FieldType::kNumber, -1 - static_cast<double>(at * sizeof(float)), nullptr, 0});
      at += input.values.size();
    }
    output_count_ = output_count;
    fields.push_back({"y", FieldType::kNumber, 0, nullptr, 0});
    const StepEnvironment environment = {isa, kMaxTestThreads, output_count * sizeof(float), constants_count_ * sizeof(float)};
    StepFields reader(fields.data(), fields.size(), environment);
    std::unique_ptr<Step> step;
    FindStepKind(kind)->make(&reader, &step);
    status_ = reader.status();
    return step;
  }

  std::vector<float> Run(const Step& step, size_t threads) {
    GuardedBuffer<float> y(output_count_);
    GuardedBuffer<uint8_t> scratch(step.scratch_bytes(), kAlignment);
    const auto* constants = reinterpret_cast<const uint8_t*>(constants_->data());
    step.Run({reinterpret_cast<uint8_t*>(y.data()), constants, scratch.data(), threads});
    CHECK(y.IsSurroundingUntouched());
    return std::vector<float>(y.data(), y.data() + y.size());
  }

  const Status& status() const { return status_; }

 private:
  struct InputValues {
    const char* name;
    std::vector<float> values;
  };
  std::vector<Field> fields_;
  std::deque<std::vector<float>> floats_;
  std::deque<std::vector<double>> doubles_;
  std::deque<std::vector<int32_t>> integers_;
  std::deque<std::vector<int8_t>> bytes_;
  std::vector<InputValues> inputs_;
  std::shared_ptr<GuardedBuffer<float>> constants_;
  size_t constants_count_ = 0, output_count_ = 0;
  Status status_;
};

// Runs the case on every ISA that this CPU has; the threads' results must have the same bits. Calls check(result) once per ISA.
template <typename Check>
void RunOnEveryIsa(StepCase* test, const char* kind, size_t output_count, const Check& check) {
  ThreadPool::Acquire();
  size_t count;
  const IsaEntry* isas = IsaList(&count);
  for (size_t i = 0; i < count; ++i) {
    if (!IsSupported(isas[i].isa)) continue;
    INFO(std::string(isas[i].name));
    const std::unique_ptr<Step> step = test->Make(kind, isas[i].isa, output_count);
    INFO(std::string(test->status().message));
    REQUIRE(step != nullptr);
    const std::vector<float> y = test->Run(*step, 1);
    check(y);
    for (const size_t threads : {size_t{2}, kMaxTestThreads}) {
      const std::vector<float> other = test->Run(*step, threads);
      CHECK(std::equal(y.begin(), y.end(), other.begin(), IsSame));
    }
  }
  ThreadPool::Release();
}

}  // namespace octensor

#endif  // OCTENSOR_TEST_NATIVE_FLOAT_STEP_H_
