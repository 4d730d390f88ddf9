#include "binding/program_calls.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/step_reader.h"

namespace octensor {
namespace {

ProgramState& StateOf(const Arguments& args) { return args.Data<Instance>()->program; }

// The run of argument 0 while nothing else uses it, else null after throwing.
std::shared_ptr<Run>* IdleRun(Arguments* args) {
  std::shared_ptr<Run>* run = StateOf(*args).runs.Find(args->External(0));
  if (run == nullptr) {
    args->Fail("ERR_NATIVE", "expected a run that createRun made and nobody released");
  } else if ((*run)->is_in_background) {
    args->Fail("ERR_NATIVE", "expected a run whose steps are not under way");
  }
  return args->ok() ? run : nullptr;
}

// Where `bytes` bytes at the offset of an argument stand in the run's values; null after throwing.
uint8_t* BytesAt(Arguments* args, size_t index, const Run& run, size_t bytes) {
  const double offset = args->Double(index);
  if (!args->ok()) return nullptr;
  const auto end = static_cast<double>(run.program->environment().value_bytes);
  if (!(offset >= 0 && offset <= end - static_cast<double>(bytes))) {  // both below 2^41, so that the difference is exact
    args->Fail("ERR_SHAPE", "expected a place inside the program's values");
    return nullptr;
  }
  return static_cast<uint8_t*>(run.arena.buffer.data()) + static_cast<size_t>(offset);
}

struct Range {
  size_t first, last;
  bool profile;
};

// Arguments 1 to 3.
Range ReadRange(Arguments* args, Run* run) {
  const double first = args->Double(1), last = args->Double(2);
  const bool profile = args->Boolean(3);
  const auto count = static_cast<double>(run->program->step_count());
  if (args->ok() && !(first >= 0 && first <= last && last <= count)) {
    args->Fail("ERR_NATIVE", "expected a range of the program's steps");
  }
  if (!args->ok()) return {};
  if (profile && run->microseconds.empty()) run->microseconds.resize(run->program->step_count());
  run->arena.cancelled = false;
  return {static_cast<size_t>(first), static_cast<size_t>(last), profile};
}

// [offset, bytes, whether it is an output] of each, of argument `index`.
std::vector<Binding> ReadBindings(Arguments* args, size_t index, double value_bytes) {
  const Float64Array numbers = args->Float64s(index);
  std::vector<Binding> bindings;
  if (args->ok() && (numbers.length % 3 != 0 || numbers.length > 3 * kMaxBindings)) {
    args->Fail("ERR_SHAPE", "expected three numbers for each of at most 64 bindings");
  }
  for (size_t i = 0; args->ok() && i < numbers.length; i += 3) {
    const double offset = numbers.data[i], bytes = numbers.data[i + 1];
    if (!(offset >= 0 && bytes >= 0 && offset + bytes <= value_bytes)) {
      args->Fail("ERR_SHAPE", "expected bindings inside the program's values");
    } else {
      bindings.push_back({static_cast<size_t>(offset), static_cast<size_t>(bytes), numbers.data[i + 2] != 0});
    }
  }
  return bindings;
}

// The memory of each binding, of an array of typed arrays. False where there is none, or after throwing.
bool ReadBound(napi_env env, Arguments* args, size_t index, const StepEnvironment& environment, uint8_t** bound) {
  uint32_t count = 0;
  if (!args->ok() || args->count() <= index) return false;
  if (napi_get_array_length(env, args->Value(index), &count) != napi_ok || count != environment.binding_count) {
    args->Fail("ERR_NATIVE", "expected an array of as many typed arrays as there are bindings");
  }
  for (uint32_t i = 0; args->ok() && i < count; ++i) {
    const TypedArray array = args->Element(index, i);
    if (args->ok() && array.size_bytes != environment.bindings[i].bytes) {
      args->Fail("ERR_SHAPE", "expected typed arrays of the bindings' sizes");
    }
    bound[i] = static_cast<uint8_t*>(array.data);
  }
  return args->ok();
}

napi_value Number(napi_env env, double value) {
  napi_value result;
  return napi_create_double(env, value, &result) == napi_ok ? result : nullptr;
}

}  // namespace

// createProgram(isa, threads, valueBytes, constants, bindings, steps): program
napi_value CreateProgramCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const IsaEntry* isa = args.Isa(0);
  const size_t threads = args.Dimension(1);
  const double value_bytes = args.Double(2);
  const TypedArray constants = args.Bytes(3);
  if (!args.ok()) return nullptr;
  if (threads > kMaxThreads) return args.Fail("ERR_OPTION", "expected threads from 1 to 64");
  if (!(value_bytes >= 0 && value_bytes <= static_cast<double>(kMaxStepBytes))) {
    return args.Fail("ERR_SHAPE", "expected at most 2^40 bytes of values");
  }
  std::vector<Binding> bindings = ReadBindings(&args, 4, value_bytes);
  if (!args.ok()) return nullptr;
  auto program = std::make_shared<Program>();
  const Status status = program->Init(isa->isa, threads, static_cast<size_t>(value_bytes),
                                      static_cast<const uint8_t*>(constants.data), constants.length, std::move(bindings));
  if (!status.ok()) return args.Fail(status);
  if (!AppendSteps(env, args.Value(5), program.get())) return nullptr;
  const size_t size_bytes = program->size_bytes();
  return StateOf(args).programs.Wrap(env, std::move(program), size_bytes);
}

// describeProgram(program): {kernels: string[], sizeBytes, runBytes}
napi_value DescribeProgramCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* program = StateOf(args).programs.Find(args.External(0));
  if (program == nullptr) return args.Fail("ERR_NATIVE", "expected a program that createProgram made and nobody released");
  Napi::Object description = Napi::Object::New(env);
  Napi::Array kernels = Napi::Array::New(env);
  for (size_t i = 0; i < (*program)->step_count(); ++i) {
    kernels.Set(static_cast<uint32_t>(i), Napi::String::New(env, (*program)->kernel(i)));
  }
  description.Set("kernels", kernels);
  description.Set("sizeBytes", static_cast<double>((*program)->size_bytes()));
  description.Set("runBytes", static_cast<double>((*program)->arena_bytes()));
  return description;
}

// createRun(program): run
napi_value CreateRunCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  ProgramState& state = StateOf(args);
  const auto* program = state.programs.Find(args.External(0));
  if (program == nullptr) return args.Fail("ERR_NATIVE", "expected a program that createProgram made and nobody released");
  auto run = std::make_shared<Run>();
  run->program = *program;
  const Status status = run->program->MakeArena(&run->arena);
  if (!status.ok()) return args.Fail(status);
  const size_t size_bytes = run->program->arena_bytes();
  return state.runs.Wrap(env, std::move(run), size_bytes);
}

// writeRun(run, offset, array): copies the array's bytes to the run's values
napi_value WriteRunCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* run = IdleRun(&args);
  const TypedArray array = args.Memory(2);
  if (!args.ok()) return nullptr;
  uint8_t* bytes = BytesAt(&args, 1, **run, array.size_bytes);
  if (bytes != nullptr && array.size_bytes > 0) std::memcpy(bytes, array.data, array.size_bytes);
  return nullptr;
}

// readRun(run, offset, array): fills the array with bytes of the run's values
napi_value ReadRunCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* run = IdleRun(&args);
  const TypedArray array = args.Memory(2);
  if (!args.ok()) return nullptr;
  const uint8_t* bytes = BytesAt(&args, 1, **run, array.size_bytes);
  if (bytes != nullptr && array.size_bytes > 0) std::memcpy(array.data, bytes, array.size_bytes);
  return nullptr;
}

// runSteps(run, first, last, profile, bound?): the step at which it stopped
napi_value RunStepsCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* run = IdleRun(&args);
  if (run == nullptr) return nullptr;
  const Range range = ReadRange(&args, run->get());
  uint8_t* places[kMaxBindings];
  const bool is_bound = ReadBound(env, &args, 4, (*run)->program->environment(), places);
  if (!args.ok()) return nullptr;
  const size_t stop = (*run)->Steps(range.first, range.last, range.profile, is_bound ? places : nullptr);
  return Number(env, static_cast<double>(stop));
}

// startSteps(run, first, last, profile): a promise of the same
napi_value StartStepsCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* run = IdleRun(&args);
  if (run == nullptr) return nullptr;
  const Range range = ReadRange(&args, run->get());
  if (!args.ok()) return nullptr;
  return StateOf(args).background.Start(env, *run, range.first, range.last, range.profile);
}

// cancelRun(run): steps under way in the background stop before the next one
napi_value CancelRunCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* run = StateOf(args).runs.Find(args.External(0));
  if (run != nullptr) (*run)->arena.cancelled = true;
  return nullptr;
}

// runProfile(run): Float64Array of microseconds, one entry per step
napi_value RunProfileCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const auto* run = IdleRun(&args);
  if (run == nullptr) return nullptr;
  const std::vector<double>& microseconds = (*run)->microseconds;
  Napi::Float64Array array = Napi::Float64Array::New(env, microseconds.size());
  std::copy(microseconds.begin(), microseconds.end(), array.Data());
  return array;
}

// release(program | run): frees its memory, once what uses it is over
napi_value ReleaseCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  void* handle = args.External(0);
  if (!args.ok()) return nullptr;
  ProgramState& state = StateOf(args);
  if (!state.programs.Drop(env, handle)) state.runs.Drop(env, handle);
  return nullptr;
}

}  // namespace octensor
