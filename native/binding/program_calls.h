// Programs and runs, as functions of the addon. lib/addon.ts describes them.
#ifndef OCTENSOR_BINDING_PROGRAM_CALLS_H_
#define OCTENSOR_BINDING_PROGRAM_CALLS_H_

#include "binding/background.h"
#include "binding/handles.h"

namespace octensor {

// Part of an environment's instance data.
struct ProgramState {
  HandleSet<const Program> programs;
  HandleSet<Run> runs;
  Background background;
};

napi_value CreateProgramCall(napi_env env, napi_callback_info info);
napi_value DescribeProgramCall(napi_env env, napi_callback_info info);
napi_value CreateRunCall(napi_env env, napi_callback_info info);
napi_value WriteRunCall(napi_env env, napi_callback_info info);
napi_value ReadRunCall(napi_env env, napi_callback_info info);
napi_value RunStepsCall(napi_env env, napi_callback_info info);
napi_value StartStepsCall(napi_env env, napi_callback_info info);
napi_value CancelRunCall(napi_env env, napi_callback_info info);
napi_value RunProfileCall(napi_env env, napi_callback_info info);
napi_value ReleaseCall(napi_env env, napi_callback_info info);

}  // namespace octensor

#endif  // OCTENSOR_BINDING_PROGRAM_CALLS_H_
