#include "binding/eager_calls.h"

#include "binding/arguments.h"
#include "binding/instance.h"

namespace octensor {
namespace {

constexpr size_t kFirstOperand = 3;

// False after throwing.
bool ReadOperand(Arguments* args, size_t index, EagerOperand* operand) {
  const TypedArray array = args->Memory(index);
  if (!args->ok()) return false;
  switch (array.type) {
    case ElementType::kFloat32:
      operand->type = EagerType::kFloat32;
      break;
    case ElementType::kInt32:
      operand->type = EagerType::kInt32;
      break;
    case ElementType::kUint8:
      operand->type = EagerType::kUint8;
      break;
    default:
      args->Fail("ERR_DTYPE", "expected Float32Arrays, Int32Arrays and Uint8Arrays");
      return false;
  }
  operand->data = array.data;
  operand->count = array.length;
  return true;
}

}  // namespace

// configureEager(isa, threads): what the eager calls of this environment run on from now on
napi_value ConfigureEagerCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const IsaEntry* isa = args.Isa(0);
  const size_t threads = args.Dimension(1);
  if (!args.ok()) return nullptr;
  if (threads > kMaxThreads) return args.Fail("ERR_OPTION", "expected threads from 1 to 64");
  EagerState& state = args.Data<Instance>()->eager;
  state.kernels = FindFloatKernels(isa->isa);
  state.eager = FindEagerKernels(isa->isa);
  state.threads = threads;
  return nullptr;
}

// eager(kind, numbers, numberCount, ...operands): `kind` is an index of eagerKinds, the first numberCount numbers count
napi_value EagerCallCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  EagerState& state = args.Data<Instance>()->eager;
  const double kind = args.Double(0);
  const Float64Array numbers = args.Float64s(1);
  const double number_count = args.Double(2);
  EagerOperand operands[Arguments::kMaxArguments];
  size_t operand_count = 0;
  for (size_t i = kFirstOperand; i < args.count() && args.ok(); ++i) {
    if (!ReadOperand(&args, i, &operands[operand_count++])) return nullptr;
  }
  if (!args.ok()) return nullptr;
  size_t kind_count;
  const EagerKind* kinds = EagerKinds(&kind_count);
  if (!(kind >= 0 && kind < static_cast<double>(kind_count))) return args.Fail("ERR_OPTION", "expected an index of eagerKinds");
  if (!(number_count >= 0 && number_count <= static_cast<double>(numbers.length))) {
    return args.Fail("ERR_SHAPE", "expected no more numbers than the array has");
  }
  if (state.kernels == nullptr) return args.Fail("ERR_NATIVE", "expected a call of configureEager first");
  EagerCall call = {};
  call.kernels = state.kernels;
  call.eager = state.eager;
  call.threads = state.threads;
  call.scratch = &state.scratch;
  call.numbers = numbers.data;
  call.number_count = static_cast<size_t>(number_count);
  call.operands = operands;
  call.operand_count = operand_count;
  const Status status = kinds[static_cast<size_t>(kind)].run(call);
  return status.ok() ? nullptr : args.Fail(status);
}

Napi::Array EagerKindNames(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  size_t count;
  const EagerKind* kinds = EagerKinds(&count);
  for (size_t i = 0; i < count; ++i) names.Set(static_cast<uint32_t>(i), kinds[i].name);
  return names;
}

}  // namespace octensor
