// A list of steps as a file: what the binding reads from JavaScript, for fuzzing without JavaScript. scripts/fuzz-seeds.mjs
// writes such files. All numbers are little-endian:
//
//     u8 instruction set, u8 threads, u16 bytes of values, u16 bytes of constants, the constants, u8 steps, and for each step:
//     text kind, u8 fields, and for each field: text name, u8 type (as FieldType), a float64 or u32 length and the elements
//
// A text is u8 length and its characters. What follows the last step are the values before the run, repeated. A file may end
// anywhere: what is missing is 0.
#ifndef OCTENSOR_TEST_NATIVE_STEP_FILE_H_
#define OCTENSOR_TEST_NATIVE_STEP_FILE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "ops/step.h"

namespace octensor {

struct FileField {
  std::string name;
  FieldType type = FieldType::kNumber;
  double number = 0;
  std::vector<uint8_t> data;

  size_t element_bytes() const {
    switch (type) {
      case FieldType::kInt16:
        return 2;
      case FieldType::kInt32:
      case FieldType::kFloat32:
        return 4;
      case FieldType::kNumber:
      case FieldType::kFloat64:
        return 8;
      default:
        return 1;
    }
  }
};

struct FileStep {
  std::string kind;
  std::vector<FileField> fields;
};

struct StepFile {
  uint8_t isa = 0, threads = 0;
  uint16_t value_bytes = 0;
  std::vector<uint8_t> constants;
  std::vector<FileStep> steps;
  std::vector<uint8_t> values;
};

// Longer ones end here. Tables of all pairs of bytes have 64 KiB.
constexpr size_t kMaxArrayBytes = size_t{1} << 17;

class StepFileReader {
 public:
  StepFileReader(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}

  StepFile Read() {
    StepFile file;
    file.isa = Number<uint8_t>(), file.threads = Number<uint8_t>(), file.value_bytes = Number<uint16_t>();
    file.constants = Bytes(Number<uint16_t>());
    file.steps.resize(Number<uint8_t>());
    for (FileStep& step : file.steps) {
      step.kind = Text();
      step.fields.resize(Number<uint8_t>());
      for (FileField& field : step.fields) ReadField(&field);
    }
    file.values.assign(data_, end_);
    return file;
  }

 private:
  template <typename T>
  T Number() {
    T number = {};
    const size_t n = std::min(sizeof(T), static_cast<size_t>(end_ - data_));
    if (n > 0) std::memcpy(&number, data_, n);
    data_ += n;
    return number;
  }

  std::vector<uint8_t> Bytes(size_t size) {
    const size_t n = std::min({size, static_cast<size_t>(end_ - data_), kMaxArrayBytes});
    std::vector<uint8_t> bytes(data_, data_ + n);
    bytes.resize(std::min(size, kMaxArrayBytes));
    data_ += n;
    return bytes;
  }

  std::string Text() {
    const std::vector<uint8_t> bytes = Bytes(Number<uint8_t>());
    return std::string(bytes.begin(), bytes.end());
  }

  void ReadField(FileField* field) {
    field->name = Text();
    field->type = static_cast<FieldType>(Number<uint8_t>() % 7);
    if (field->type == FieldType::kNumber) {
      field->number = Number<double>();
    } else {
      field->data = Bytes(Number<uint32_t>() * field->element_bytes());
    }
  }

  const uint8_t* data_;
  const uint8_t* end_;
};

// The bytes that StepFileReader reads.
inline std::vector<uint8_t> WriteStepFile(const StepFile& file) {
  std::vector<uint8_t> bytes;
  const auto put = [&](const void* data, size_t size) {
    const auto* first = static_cast<const uint8_t*>(data);
    bytes.insert(bytes.end(), first, first + size);
  };
  const auto number = [&](auto value) { put(&value, sizeof(value)); };
  const auto text = [&](const std::string& value) {
    number(static_cast<uint8_t>(value.size()));
    put(value.data(), static_cast<uint8_t>(value.size()));
  };
  number(file.isa), number(file.threads), number(file.value_bytes);
  number(static_cast<uint16_t>(file.constants.size()));
  put(file.constants.data(), static_cast<uint16_t>(file.constants.size()));
  number(static_cast<uint8_t>(file.steps.size()));
  for (const FileStep& step : file.steps) {
    text(step.kind);
    number(static_cast<uint8_t>(step.fields.size()));
    for (const FileField& field : step.fields) {
      text(field.name);
      number(static_cast<uint8_t>(field.type));
      if (field.type == FieldType::kNumber) {
        number(field.number);
        continue;
      }
      number(static_cast<uint32_t>(field.data.size() / field.element_bytes()));
      put(field.data.data(), field.data.size());
    }
  }
  put(file.values.data(), file.values.size());
  return bytes;
}

}  // namespace octensor

#endif  // OCTENSOR_TEST_NATIVE_STEP_FILE_H_
