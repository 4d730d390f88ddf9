// Eager calls (ops/eager.h), as functions of the addon. lib/addon.ts describes them.
#ifndef OCTENSOR_BINDING_EAGER_CALLS_H_
#define OCTENSOR_BINDING_EAGER_CALLS_H_

#include <napi.h>

#include "ops/eager.h"

namespace octensor {

// Part of an environment's instance data.
struct EagerState {
  const FloatKernels* kernels = nullptr;  // until configureEager was called
  const EagerKernels* eager = nullptr;    // likewise
  size_t threads = 1;
  EagerScratch scratch;
};

napi_value ConfigureEagerCall(napi_env env, napi_callback_info info);
napi_value EagerCallCall(napi_env env, napi_callback_info info);

Napi::Array EagerKindNames(Napi::Env env);

}  // namespace octensor

#endif  // OCTENSOR_BINDING_EAGER_CALLS_H_
