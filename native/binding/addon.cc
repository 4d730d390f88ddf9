// The Node-API surface: checks every argument, converts, calls ops/, and turns a Status into an Error with a code. lib/addon.ts
// describes the functions; lib/gemm/ has checked already, so what is refused here came past it.
//
// gemm() is on a path of about a microsecond and therefore written against the C interface; the rest uses the C++ wrapper.
#include <napi.h>

#include <cmath>
#include <memory>
#include <utility>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/measure.h"
#include "core/cpu.h"
#include "kernels/registry.h"

namespace octensor {
namespace {

constexpr uint32_t kAbi = 4;  // raised whenever a function's arguments change; lib/addon.ts refuses another

bool Within(ElementType type, int32_t x) { return type == ElementType::kInt8 ? x >= -128 && x <= 127 : x >= 0 && x <= 255; }

// packMatrix(b, k, n, transposed, zeroPoint, isa): handle
napi_value PackMatrixCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  const TypedArray b = args.Bytes(0);
  const size_t k = args.Dimension(1), n = args.Dimension(2);
  const bool transposed = args.Boolean(3);
  const TypedArray zero_points = args.Int32ArrayOrNumber(4);
  const IsaEntry* isa = args.Isa(5);
  if (!args.ok()) return nullptr;
  if (b.length / k != n || b.length % k != 0) return args.Fail("ERR_SHAPE", "expected b to have k * n elements");
  if (!zero_points.is_scalar() && zero_points.length != n)
    return args.Fail("ERR_SHAPE", "expected one zero point or n of them");
  const int32_t one = zero_points.is_scalar() ? args.Int32(4) : 0;
  if (!args.ok()) return nullptr;
  const int32_t* zeros = zero_points.is_scalar() ? &one : static_cast<const int32_t*>(zero_points.data);
  for (size_t i = 0; i < (zero_points.is_scalar() ? 1 : n); ++i) {
    if (!Within(b.type, zeros[i])) return args.Fail("ERR_QUANTIZATION", "expected zero points within the range of b's type");
  }

  auto matrix = std::make_shared<PackedMatrix>();
  const MatrixView view = {
      static_cast<const uint8_t*>(b.data), b.type == ElementType::kInt8, transposed, k, n, zeros, !zero_points.is_scalar()};
  const Status status = PackMatrix(*FindGemmKernel(isa->isa), view, matrix.get());
  if (!status.ok()) return args.Fail(status);
  const size_t size_bytes = matrix->size_bytes();
  return args.Data<Instance>()->matrices.Wrap(env, std::move(matrix), size_bytes);
}

// Reads what only a quantized output has: arguments 8 to 11.
void ReadQuantizedOutput(Arguments* args, ElementType type, GemmArgs* gemm) {
  gemm->numerics = static_cast<Numerics>(args->Int32(8));
  gemm->c_signed = type == ElementType::kInt8;
  gemm->c_zero_point = args->Int32(9);
  gemm->c_min = args->Int32(10);
  gemm->c_max = args->Int32(11);
  if (!args->ok()) return;
  if (gemm->numerics > Numerics::kOnnx) {
    args->Fail("ERR_OPTION", "expected numerics 0 (tflite), 1 (single) or 2 (onnx)");
  } else if (!Within(type, gemm->c_zero_point) || !Within(type, gemm->c_min) || !Within(type, gemm->c_max) ||
             gemm->c_min > gemm->c_max) {
    args->Fail("ERR_QUANTIZATION", "expected zero point, min and max within the range of out's type, min not above max");
  }
}

bool IsScale(double scale, double limit) { return scale > 0 && scale < limit; }  // false for NaN

void ReadScale(Arguments* args, size_t n, GemmArgs* gemm) {
  const bool fixed_point = gemm->kind == OutputKind::kQuantized && gemm->numerics != Numerics::kOnnx;
  const double limit = fixed_point ? 1073741823.75 : INFINITY;  // what is not below rounds to 2^30, whose exponent is 31
  const TypedArray scales = args->Float32ArrayOrNumber(7);
  if (!args->ok()) return;
  bool good = true;
  if (scales.is_scalar()) {
    gemm->scale = args->Double(7);
    good = IsScale(fixed_point ? gemm->scale : static_cast<float>(gemm->scale), limit);
  } else {
    gemm->scale_per_column = static_cast<const float*>(scales.data);
    if (scales.length != n) {
      args->Fail("ERR_SHAPE", "expected one scale or n of them");
      return;
    }
    for (size_t i = 0; i < n; ++i) good &= IsScale(gemm->scale_per_column[i], limit);
  }
  if (!good) args->Fail("ERR_QUANTIZATION", "expected scales that are finite and above 0, below 2^30 for fixed-point numerics");
}

// gemm(matrix, a, m, aZeroPoint, bias | undefined, threads, out, scale, numerics, outZeroPoint, min, max)
napi_value GemmCall(napi_env env, napi_callback_info info) {
  Arguments args(env, info);
  auto* instance = args.Data<Instance>();
  const std::shared_ptr<PackedMatrix>* found = instance->matrices.Find(args.External(0));
  if (found == nullptr) return args.Fail("ERR_NATIVE", "expected a matrix that packMatrix made");
  const TypedArray a = args.Bytes(1);
  const size_t m = args.Dimension(2);
  const int32_t a_zero_point = args.Int32(3);
  const TypedArray bias = args.OptionalInt32Array(4);
  const size_t threads = args.Dimension(5);
  const TypedArray out = args.Output(6);
  if (!args.ok()) return nullptr;

  const PackedMatrix* matrix = found->get();
  const size_t k = matrix->k, n = matrix->n;
  // m, k and n are below 2^31, so that neither product overflows.
  if (a.length != m * k) return args.Fail("ERR_SHAPE", "expected a to have m * k elements");
  if (out.length != m * n) return args.Fail("ERR_SHAPE", "expected out to have m * n elements");
  if (bias.data != nullptr && bias.length != n) return args.Fail("ERR_SHAPE", "expected bias to have n elements");
  if (!Within(a.type, a_zero_point))
    return args.Fail("ERR_QUANTIZATION", "expected a's zero point within the range of its type");
  if (Overlap(out, a) || Overlap(out, bias)) return args.Fail("ERR_SHAPE", "expected out to share no memory with an input");

  GemmArgs gemm = {};
  gemm.b = matrix;
  gemm.a = static_cast<const uint8_t*>(a.data);
  gemm.a_signed = a.type == ElementType::kInt8;
  gemm.m = m;
  gemm.a_stride = k;
  gemm.a_zero_point = a_zero_point;
  gemm.bias = static_cast<const int32_t*>(bias.data);
  gemm.threads = threads;
  gemm.c = out.data;
  gemm.c_stride = n;
  gemm.kind = out.type == ElementType::kInt32     ? OutputKind::kInt32
              : out.type == ElementType::kFloat32 ? OutputKind::kFloat32
                                                  : OutputKind::kQuantized;
  if (gemm.kind == OutputKind::kQuantized) ReadQuantizedOutput(&args, out.type, &gemm);
  if (gemm.kind != OutputKind::kInt32 && args.ok()) ReadScale(&args, n, &gemm);
  if (!args.ok()) return nullptr;
  const Status status = Gemm(gemm, &instance->workspace);
  return status.ok() ? nullptr : args.Fail(status);
}

Napi::Array IsaNames(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  size_t count;
  const IsaEntry* isas = IsaList(&count);
  for (size_t i = 0; i < count; ++i) {
    if (IsSupported(isas[i].isa)) names.Set(names.Length(), isas[i].name);
  }
  return names;
}

Napi::Array KernelInfos(Napi::Env env) {
  Napi::Array infos = Napi::Array::New(env);
  size_t isa_count, kernel_count;
  const IsaEntry* isas = IsaList(&isa_count);
  const GemmKernel* const* kernels = GemmKernels(&kernel_count);
  for (size_t i = 0; i < kernel_count; ++i) {
    if (!IsSupported(kernels[i]->isa)) continue;
    Napi::Object info = Napi::Object::New(env);
    info.Set("name", kernels[i]->name);
    for (size_t j = 0; j < isa_count; ++j) {
      if (isas[j].isa == kernels[i]->isa) info.Set("isa", isas[j].name);
    }
    info.Set("mr", Napi::Number::New(env, kernels[i]->mr));
    info.Set("nr", Napi::Number::New(env, kernels[i]->nr));
    info.Set("kr", Napi::Number::New(env, kernels[i]->kr));
    infos.Set(infos.Length(), info);
  }
  return infos;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance;
  // Freed when the environment ends, after the finalizers of its handles have run: those still use it.
  napi_set_instance_data(env, instance, [](napi_env, void* data, void*) { delete static_cast<Instance*>(data); }, nullptr);
  const napi_property_attributes fixed = napi_enumerable;
  const napi_property_descriptor functions[] = {
      {"packMatrix", nullptr, PackMatrixCall, nullptr, nullptr, nullptr, fixed, instance},
      {"gemm", nullptr, GemmCall, nullptr, nullptr, nullptr, fixed, instance},
      {"createProgram", nullptr, CreateProgramCall, nullptr, nullptr, nullptr, fixed, instance},
      {"describeProgram", nullptr, DescribeProgramCall, nullptr, nullptr, nullptr, fixed, instance},
      {"createRun", nullptr, CreateRunCall, nullptr, nullptr, nullptr, fixed, instance},
      {"writeRun", nullptr, WriteRunCall, nullptr, nullptr, nullptr, fixed, instance},
      {"readRun", nullptr, ReadRunCall, nullptr, nullptr, nullptr, fixed, instance},
      {"runSteps", nullptr, RunStepsCall, nullptr, nullptr, nullptr, fixed, instance},
      {"startSteps", nullptr, StartStepsCall, nullptr, nullptr, nullptr, fixed, instance},
      {"cancelRun", nullptr, CancelRunCall, nullptr, nullptr, nullptr, fixed, instance},
      {"runProfile", nullptr, RunProfileCall, nullptr, nullptr, nullptr, fixed, instance},
      {"release", nullptr, ReleaseCall, nullptr, nullptr, nullptr, fixed, instance},
      {"configureEager", nullptr, ConfigureEagerCall, nullptr, nullptr, nullptr, fixed, instance},
      {"eager", nullptr, EagerCallCall, nullptr, nullptr, nullptr, fixed, instance},
      {"measurePeak", nullptr, MeasurePeakCall, nullptr, nullptr, nullptr, fixed, instance},
      {"measureReadBandwidth", nullptr, MeasureReadBandwidthCall, nullptr, nullptr, nullptr, fixed, instance},
  };
  napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
  exports.Set("abi", Napi::Number::New(env, kAbi));
  exports.Set("isas", IsaNames(env));
  exports.Set("kernels", KernelInfos(env));
  exports.Set("eagerKinds", EagerKindNames(env));
  exports.Set("cores", Napi::Number::New(env, static_cast<double>(AvailableCores())));
  return exports;
}

}  // namespace
}  // namespace octensor

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return octensor::Init(env, exports); }

NODE_API_MODULE(octensor, InitAddon)
