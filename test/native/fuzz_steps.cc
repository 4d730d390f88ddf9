// libFuzzer target: lists of steps with hostile fields. A step is refused, or it runs on any values without touching memory
// that is not its own: values, constants and scratch are as long as they must be, so that AddressSanitizer sees every byte too
// many. The corpus is scripts/fuzz-seeds.mjs's; mutations know what fields are.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/cpu.h"
#include "core/thread_pool.h"
#include "ops/step.h"
#include "step_file.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace octensor {
namespace {

// Small, for the work of a step grows with the square of its memory.
constexpr size_t kMaxValueBytes = size_t{1} << 14;
constexpr size_t kMaxConstantBytes = size_t{1} << 14;
constexpr size_t kMaxScratchBytes = size_t{1} << 22;
constexpr size_t kMaxSteps = 16;
constexpr size_t kMaxThreads = 3;

struct Free {
  void operator()(void* data) const { std::free(data); }
};

// Exactly so many bytes, aligned as a run's memory is.
struct Memory {
  explicit Memory(size_t size) : size(size) {
    void* start = nullptr;
    if (posix_memalign(&start, kAlignment, std::max<size_t>(size, 1)) != 0) std::abort();
    bytes.reset(static_cast<uint8_t*>(start));
    std::fill_n(bytes.get(), size, uint8_t{0});
  }

  size_t size;
  std::unique_ptr<uint8_t, Free> bytes;
};

// Null where the step refuses its description.
std::unique_ptr<Step> Make(const FileStep& description, const StepEnvironment& environment) {
  const StepKind* kind = FindStepKind(description.kind.c_str());
  if (kind == nullptr) return nullptr;
  std::vector<Field> fields;
  // Typed arrays are aligned to their elements
  std::vector<Memory> arrays;
  arrays.reserve(description.fields.size());
  for (const FileField& field : description.fields) {
    arrays.emplace_back(field.data.size());
    std::copy(field.data.begin(), field.data.end(), arrays.back().bytes.get());
    fields.push_back(
        {field.name.c_str(), field.type, field.number, arrays.back().bytes.get(), field.data.size() / field.element_bytes()});
  }
  StepFields reader(fields.data(), fields.size(), environment);
  std::unique_ptr<Step> step;
  kind->make(&reader, &step);
  if (reader.ok() != (step != nullptr)) std::abort();  // it fails, or makes a step
  return step;
}

Isa ChooseIsa(uint8_t choice) {
  size_t count;
  const IsaEntry* isas = IsaList(&count);
  size_t i = choice % count;
  while (!IsSupported(isas[i].isa)) ++i;  // scalar is last
  return isas[i].isa;
}

void Run(const StepFile& file) {
  if (file.value_bytes > kMaxValueBytes || file.constants.size() > kMaxConstantBytes || file.steps.size() > kMaxSteps) return;
  const size_t threads = 1 + file.threads % kMaxThreads;
  const StepEnvironment environment = {ChooseIsa(file.isa), threads, file.value_bytes, file.constants.size()};
  Memory values(file.value_bytes), constants(file.constants.size());
  std::copy(file.constants.begin(), file.constants.end(), constants.bytes.get());
  for (size_t i = 0; i < values.size && !file.values.empty(); ++i) values.bytes.get()[i] = file.values[i % file.values.size()];
  for (const FileStep& description : file.steps) {
    const std::unique_ptr<Step> step = Make(description, environment);
    if (step == nullptr || step->scratch_bytes() > kMaxScratchBytes) return;
    if (step->kernel() == nullptr) std::abort();
    Memory scratch(step->scratch_bytes());
    bool refused = false;
    step->Run({values.bytes.get(), constants.bytes.get(), scratch.bytes.get(), threads, &refused});
    if (refused) return;
  }
}

using Random = std::minstd_rand;

size_t Below(Random* random, size_t limit) { return limit == 0 ? 0 : (*random)() % limit; }

// A neighbour, or one that code may have forgotten.
double OtherNumber(Random* random, double number) {
  constexpr double kNumbers[] = {0,     1,      -1,     2,    3,      7,   8,     64,        255,       256,     65535,
                                 65536, 0x1p24, 0x1p31, -129, 0x1p40, 0.5, 1e-30, INT32_MAX, INT32_MIN, HUGE_VAL};
  switch (Below(random, 4)) {
    case 0:
      return number + 1;
    case 1:
      return number - 1;
    case 2:
      return number * (Below(random, 2) == 0 ? 2 : 0.5);
    default:
      return kNumbers[Below(random, sizeof(kNumbers) / sizeof(kNumbers[0]))];
  }
}

void MutateArray(Random* random, FileField* field) {
  const size_t bytes = field->element_bytes(), count = field->data.size() / bytes;
  if (Below(random, 4) == 0) return field->data.resize(Below(random, count + 3) * bytes);
  if (count == 0) return;
  uint8_t* at = field->data.data() + Below(random, count) * bytes;
  if (field->type == FieldType::kInt32) {
    int32_t value;
    std::memcpy(&value, at, bytes);
    const double other = std::min(std::max(OtherNumber(random, value), double{INT32_MIN}), double{INT32_MAX});
    value = static_cast<int32_t>(other);
    std::memcpy(at, &value, bytes);
  } else {
    at[Below(random, bytes)] = static_cast<uint8_t>((*random)());
  }
}

void Mutate(Random* random, StepFile* file) {
  if (file->steps.empty() || Below(random, 16) == 0) {
    file->isa = static_cast<uint8_t>((*random)()), file->threads = static_cast<uint8_t>((*random)());
    return;
  }
  FileStep& step = file->steps[Below(random, file->steps.size())];
  if (step.fields.empty() || Below(random, 16) == 0) {
    step.kind = file->steps[Below(random, file->steps.size())].kind;
    return;
  }
  const size_t i = Below(random, step.fields.size());
  FileField& field = step.fields[i];
  switch (Below(random, 12)) {
    case 0:
      step.fields.erase(step.fields.begin() + static_cast<ptrdiff_t>(i));
      return;
    case 1:
      field.name = step.fields[Below(random, step.fields.size())].name;
      return;
    case 2:
      file->value_bytes = static_cast<uint16_t>(Below(random, kMaxValueBytes + 1));
      return;
    case 3:
      if (!file->values.empty()) file->values[Below(random, file->values.size())] = static_cast<uint8_t>((*random)());
      return;
    default:
      if (field.type != FieldType::kNumber) return MutateArray(random, &field);
      field.number = OtherNumber(random, field.number);
  }
}

}  // namespace
}  // namespace octensor

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  octensor::Random random(seed + 1);
  if (octensor::Below(&random, 8) == 0) return LLVMFuzzerMutate(data, size, max_size);
  octensor::StepFile file = octensor::StepFileReader(data, size).Read();
  for (size_t i = octensor::Below(&random, 3) + 1; i > 0; --i) octensor::Mutate(&random, &file);
  const std::vector<uint8_t> bytes = octensor::WriteStepFile(file);
  const size_t written = std::min(bytes.size(), max_size);
  std::copy_n(bytes.begin(), written, data);
  return written;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool has_pool = (octensor::ThreadPool::Acquire(), true);
  (void)has_pool;
  octensor::Run(octensor::StepFileReader(data, size).Read());
  return 0;
}
