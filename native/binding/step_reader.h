// The descriptions of a program's steps, from JavaScript.
#ifndef OCTENSOR_BINDING_STEP_READER_H_
#define OCTENSOR_BINDING_STEP_READER_H_

#include <napi.h>

#include "program/program.h"

namespace octensor {

// Appends the steps of an array of {kind: string, fields: {name: number | TypedArray}}. False after throwing a JavaScript error
// that names step, kind and field.
bool AppendSteps(napi_env env, napi_value steps, Program* program);

}  // namespace octensor

#endif  // OCTENSOR_BINDING_STEP_READER_H_
