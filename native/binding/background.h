// Runs off the JavaScript thread.
#ifndef OCTENSOR_BINDING_BACKGROUND_H_
#define OCTENSOR_BINDING_BACKGROUND_H_

#include <napi.h>

#include <memory>

#include "binding/run.h"

namespace octensor {

// Part of an environment's instance data.
class Background {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // A promise of the step at which the run stopped (Program::Run). Null after throwing a JavaScript error. While promises are
  // open the event loop stays alive; an environment that ends cancels its runs and waits for their current steps.
  napi_value Start(napi_env env, const std::shared_ptr<Run>& run, size_t first, size_t last, bool profile);

 private:
  struct State;
  struct Request;

  static void Work(void* context);
  static void Finish(napi_env env, napi_value, void* context, void* data);
  static void StopAll(void* context);

  bool Open(napi_env env);

  std::unique_ptr<State> state_;
};

}  // namespace octensor

#endif  // OCTENSOR_BINDING_BACKGROUND_H_
